"""Search by cells: it looks through as much as was asked for, in blocks that make no difference."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core.retrieval import cells
from sracl_core.retrieval.cells import cell_neighbors
from sracl_core.retrieval.exact import exact_neighbors
from sracl_core.retrieval.exclusion import Exclusion


def clustered(n: int, width: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n // 50, width))[rng.integers(0, n // 50, n)] + 0.7 * rng.normal(
        size=(n, width)
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def search(vectors: np.ndarray, recall: float = 0.9, groups: np.ndarray | None = None, **more: Any) -> tuple:
    return cell_neighbors(vectors, 10, Exclusion(len(vectors), groups), recall, seed=1, threads=2, **more)


def found(vectors: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Share of the exact neighbors that are as near as these, of all rows."""
    _, exact = exact_neighbors(vectors, 10, Exclusion(len(vectors), groups))
    return float((scores >= exact[:, -1:] - 1e-5).mean())


def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many products each look at a cell takes, as they are made."""
    seen: list[int] = []
    real = cells._Queries.look

    def counted(self: Any, places: torch.Tensor, rows: torch.Tensor, *more: Any) -> None:
        seen.append(len(places) * len(rows))
        real(self, places, rows, *more)

    monkeypatch.setattr(cells._Queries, "look", counted)
    return seen


def test_all_that_is_asked_for_is_what_exact_search_finds() -> None:
    """Of so few rows the sample is all."""
    vectors, groups = clustered(480), np.arange(480) // 7
    ids, scores = search(vectors, 1.0, groups)
    exact_ids, exact_scores = exact_neighbors(vectors, 10, Exclusion(480, groups))
    assert (ids == exact_ids).mean() > 0.999
    np.testing.assert_allclose(scores, exact_scores, atol=1e-5)


def test_a_table_holds_about_the_share_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = clustered(4000), np.arange(4000) // 7
    looked: list[int] = []
    real = cells._probes
    monkeypatch.setattr(cells, "_probes", lambda *told: looked.append(real(*told)) or looked[-1])
    shares = [found(vectors, search(vectors, recall, groups)[1], groups) for recall in (0.6, 0.8, 0.95)]
    assert looked == sorted(set(looked)), "more cells for a larger share"
    for share, asked in zip(shares, (0.6, 0.8, 0.95), strict=True):
        assert asked - 0.03 < share < asked + 0.15


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = clustered(1200), np.arange(1200) // 5
    whole = search(vectors, 0.9, groups)
    monkeypatch.setattr(cells, "_ROWS", 37)
    monkeypatch.setattr(cells, "_MOST_ROWS", 101)
    cut = search(vectors, 0.9, groups)
    assert (whole[0] == cut[0]).mean() > 0.999
    np.testing.assert_allclose(whole[1], cut[1], atol=1e-6)


def test_a_crowd_of_identical_vectors_costs_no_square_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thirds of the rows are one vector, as where most items have no text: a row looks at a part."""
    vectors = clustered(6000)
    vectors[1000:5000] = vectors[1000]
    seen = looks(monkeypatch)
    ids, scores = search(vectors)
    assert sum(seen) < 4000 * 4000 / 4
    np.testing.assert_allclose(scores[1000:5000], 1.0, atol=1e-5)
    assert (ids != np.arange(6000)[:, None]).all()
    assert found(vectors, scores) > 0.85


def test_rows_whose_cells_are_full_of_their_own_group_are_searched_elsewhere() -> None:
    """A user whose prefixes fill whole cells: what is near is all forbidden, and yet it has neighbors."""
    vectors, groups = clustered(800), np.arange(800)
    near = np.argsort(-(vectors @ vectors[0]))[:500]
    groups[near] = 0
    ids, _ = search(vectors, 0.5, groups)
    assert (ids >= 0).all()
    assert (groups[ids] != groups[:, None]).all()


def test_an_interrupt_does_not_wait_for_whole_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two threads ends the look that it has begun, and looks no more."""
    interrupted, tables, late = threading.Event(), list[Any](), list[int]()
    look, init = cells._Queries.look, cells._Cells.__init__

    def kept(self: Any, *told: Any) -> None:
        init(self, *told)
        tables.append(self)

    def slow(self: Any, places: torch.Tensor, *told: Any) -> None:
        if interrupted.is_set():
            tables[0].ended.wait(60)
            late.append(len(places))
        look(self, places, *told)

    def interrupt(stage: str, done: int, total: int) -> None:
        if done > total // 4:
            interrupted.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(cells._Cells, "__init__", kept)
    monkeypatch.setattr(cells._Queries, "look", slow)
    monkeypatch.setattr(cells, "_ROWS", 300)
    with pytest.raises(KeyboardInterrupt):
        search(clustered(3000), progress=interrupt)
    assert len(late) <= 2
