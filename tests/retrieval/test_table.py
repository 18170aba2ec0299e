"""Saved neighbor tables, and tables found again by what they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sracl_core.errors import DataError, StorageError
from sracl_core.retrieval import neighbors
from sracl_core.retrieval.neighbors import cached_neighbors, find_neighbors, table_address
from sracl_core.retrieval.table import NeighborTable
from sracl_core.settings.stages import RetrievalConfig

VECTORS = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
SETTINGS = RetrievalConfig()


@pytest.fixture
def table() -> NeighborTable:
    return find_neighbors(VECTORS, 4, SETTINGS)


def test_a_saved_table_comes_back(table: NeighborTable, tmp_path: Path) -> None:
    table.save(tmp_path / "items")
    again = NeighborTable.load(tmp_path / "items")
    np.testing.assert_array_equal(again.ids, table.ids)
    np.testing.assert_array_equal(again.scores, table.scores)
    assert (again.method, again.recall, again.hash) == (table.method, table.recall, table.hash)
    assert not again.ids.flags.writeable
    assert not again.scores.flags.writeable


def test_a_table_cannot_be_written_to(table: NeighborTable) -> None:
    with pytest.raises(ValueError, match="read-only"):
        table.ids[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        table.scores[0, 0] = 1


def test_the_hash_is_of_the_content(table: NeighborTable) -> None:
    assert NeighborTable(table.ids.copy(), table.scores.copy(), table.method, table.recall).hash == table.hash
    assert NeighborTable(table.ids, table.scores, table.method, 0.5).hash != table.hash
    swapped = table.ids.copy()
    swapped[0] = swapped[0, ::-1]
    assert NeighborTable(swapped, table.scores, table.method, None).hash != table.hash


def test_a_missing_or_damaged_table_is_a_clear_error(table: NeighborTable, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no neighbor table"):
        NeighborTable.load(tmp_path)
    table.save(tmp_path)
    content = bytearray((tmp_path / "ids.npy").read_bytes())
    content[-3] ^= 1
    (tmp_path / "ids.npy").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        NeighborTable.load(tmp_path)
    (tmp_path / "ids.npy").write_bytes(content[:100])
    with pytest.raises(DataError, match="damaged"):
        NeighborTable.load(tmp_path)


def test_a_newer_format_is_refused(table: NeighborTable, tmp_path: Path) -> None:
    table.save(tmp_path)
    about = tmp_path / "table.json"
    about.write_text(about.read_text().replace('"format_version": 2', '"format_version": 3'))
    with pytest.raises(DataError, match="update sracl"):
        NeighborTable.load(tmp_path)


def test_a_table_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_neighbors(VECTORS, 4, SETTINGS, folder=tmp_path)
    with monkeypatch.context() as patched:
        patched.delattr(neighbors, "find_neighbors")
        again = cached_neighbors(VECTORS, 4, SETTINGS, folder=tmp_path)
    assert again.hash == first.hash


def test_a_damaged_cached_table_is_made_again(tmp_path: Path) -> None:
    first = cached_neighbors(VECTORS, 4, SETTINGS, folder=tmp_path)
    (scores,) = tmp_path.rglob("scores.npy")
    scores.write_bytes(b"cut")
    assert cached_neighbors(VECTORS, 4, SETTINGS, folder=tmp_path).hash == first.hash
    assert NeighborTable.load(scores.parent).hash == first.hash


def test_everything_that_decides_a_table_is_in_its_address() -> None:
    hnsw, cells = RetrievalConfig(method="hnsw"), RetrievalConfig(method="cells")
    groups = np.arange(80)
    changed = VECTORS.copy()
    changed[3, 3] += 1
    addresses = [
        table_address(VECTORS, 4, SETTINGS, None, 1),
        table_address(changed, 4, SETTINGS, None, 1),
        table_address(VECTORS, 5, SETTINGS, None, 1),
        table_address(VECTORS, 4, SETTINGS, groups, 1),
        table_address(VECTORS, 4, SETTINGS, groups // 2, 1),
        table_address(VECTORS, 4, RetrievalConfig(source="random"), None, 1),
        table_address(VECTORS, 4, RetrievalConfig(source="random"), None, 2),
        table_address(VECTORS, 4, hnsw, None, 1),
        table_address(VECTORS, 4, hnsw.model_copy(update={"hnsw_m": 8}), None, 1),
        table_address(VECTORS, 4, hnsw.model_copy(update={"hnsw_ef_construction": 50}), None, 1),
        table_address(VECTORS, 4, hnsw.model_copy(update={"hnsw_ef": 51}), None, 1),
        table_address(VECTORS, 4, hnsw.model_copy(update={"recall_sample": 7}), None, 1),
        table_address(VECTORS, 4, cells, None, 1),
        table_address(VECTORS, 4, cells.model_copy(update={"cells_recall": 0.5}), None, 1),
        table_address(VECTORS, 4, cells.model_copy(update={"recall_sample": 7}), None, 1),
    ]
    assert len(set(addresses)) == len(addresses)
    unread = SETTINGS.model_copy(update={"hnsw_m": 99})
    assert table_address(VECTORS, 4, unread, None, 2) == addresses[0]
    assert table_address(VECTORS, 4, hnsw, None, 2) == table_address(VECTORS, 4, hnsw, None, 1)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="SRACL_CACHE_DIR"):
        cached_neighbors(VECTORS, 4, SETTINGS)
