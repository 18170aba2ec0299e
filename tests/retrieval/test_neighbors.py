"""Neighbor tables against a brute-force loop, and what they promise whatever the method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core import device as device_module
from sracl_core.errors import SraclError
from sracl_core.retrieval import exact as exact_module
from sracl_core.retrieval.neighbors import NeighborTable, find_neighbors, resolved_method, table_address
from sracl_core.settings.stages import RetrievalConfig

METHODS = ["exact", "cells", "hnsw", "random"]
LARGE = ["cells", "hnsw"]


def config(method: str, **settings: Any) -> RetrievalConfig:
    if method == "random":
        return RetrievalConfig(source="random", **settings)
    return RetrievalConfig(method=method, **settings)  # type: ignore[arg-type]


def random_vectors(n: int, width: int = 12, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def slow_scores(vectors: np.ndarray, k: int, groups: np.ndarray | None) -> list[list[float]]:
    """The k highest cosines of each row with rows it may have, by a loop over all pairs."""
    out = []
    for row, vector in enumerate(vectors):
        others = [
            float(np.dot(vector.astype(float), other.astype(float)))
            for number, other in enumerate(vectors)
            if (number != row if groups is None else groups[number] != groups[row])
        ]
        out.append(sorted(others, reverse=True)[:k])
    return out


def check_promises(table: NeighborTable, vectors: np.ndarray, k: int, groups: np.ndarray | None) -> None:
    n = len(vectors)
    rows = np.arange(n)
    sizes = np.ones(n, dtype=int) if groups is None else np.array([(groups == one).sum() for one in groups])
    assert table.ids.shape == (n, min(k, n - 1))
    np.testing.assert_array_equal((table.ids >= 0).sum(axis=1), np.minimum(table.k, n - sizes))
    for row in rows:
        found = table.ids[row][table.ids[row] >= 0]
        assert len(set(found.tolist())) == len(found)
        assert row not in found
        if groups is not None:
            assert (groups[found] != groups[row]).all()
        np.testing.assert_allclose(table.scores[row, : len(found)], vectors[found] @ vectors[row], atol=1e-5)
        assert (table.ids[row, len(found) :] == -1).all()
        assert (table.scores[row, len(found) :] == -1).all()
    assert (np.diff(table.scores, axis=1) <= 0).all()


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 40), k=st.integers(1, 50), groups=st.integers(0, 4), seed=st.integers(0, 99))
def test_exact_is_brute_force(n: int, k: int, groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = random_vectors(n, 4, seed)
    vectors[rng.random(n) < 0.3] = vectors[0]
    of = rng.integers(0, groups, size=n) if groups else None
    table = find_neighbors(vectors, k, config("exact"), of)
    check_promises(table, vectors, k, of)
    for row, expected in enumerate(slow_scores(vectors, table.k, of)):
        np.testing.assert_allclose(table.scores[row, : len(expected)], expected, atol=1e-5)


def test_blocks_and_tiles_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = random_vectors(300), np.arange(300) // 7
    whole = find_neighbors(vectors, 9, config("exact"), groups)
    monkeypatch.setitem(device_module._SEARCHED_ROWS_AT_ONCE, "cpu", 37)
    monkeypatch.setattr(exact_module, "_COLUMNS", 5)
    cut = find_neighbors(vectors, 9, config("exact"), groups)
    np.testing.assert_array_equal(whole.ids, cut.ids)
    np.testing.assert_allclose(whole.scores, cut.scores, atol=1e-6)


def test_near_vectors_are_told_apart_by_whole_mantissas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    asked: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    find_neighbors(random_vectors(40), 3, config("exact"))
    assert asked == ["highest", "high"]


def test_the_device_decides_up_to_where_search_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(device_module, "pick_device", lambda name: torch.device(name))
    where = [device_module.search_device(name).type for name in ("cpu", "cuda", "mps")]
    assert where == ["cpu", "cuda", "cpu"]
    every = [(one, n) for one in (device_module.CPU, cuda) for n in (20_000, 200_000)]
    found = [resolved_method(n, config("auto"), one) for one, n in every]
    assert found == ["exact", "cells", "exact", "exact"]
    vectors = random_vectors(60)
    monkeypatch.setitem(device_module._EXACT_UP_TO, "cpu", 50)
    assert find_neighbors(vectors, 3, config("auto")).method == "cells"
    here = table_address(vectors, 3, config("auto"), None, 1)
    monkeypatch.setitem(device_module._EXACT_UP_TO, "cpu", 60)
    assert find_neighbors(vectors, 3, config("auto")).method == "exact"
    assert table_address(vectors, 3, config("auto"), None, 1) != here


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grouping", ["none", "small", "one is most", "all one"])
def test_every_method_keeps_the_promises(method: str, grouping: str) -> None:
    n, k = 400, 10
    vectors = random_vectors(n)
    groups = {
        "none": None,
        "small": np.arange(n) // 5,
        "one is most": np.where(np.arange(n) < 6, np.arange(n), 99),
        "all one": np.zeros(n, dtype=np.int32),
    }[grouping]
    check_promises(find_neighbors(vectors, k, config(method), groups), vectors, k, groups)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n", "k"), [(1, 5), (2, 1), (2, 5), (3, 2), (12, 11), (12, 99)])
def test_k_is_clamped_to_what_exists(method: str, n: int, k: int) -> None:
    vectors = random_vectors(n)
    check_promises(find_neighbors(vectors, k, config(method)), vectors, k, None)


@pytest.mark.parametrize("method", ["exact", *LARGE])
def test_identical_vectors_stay_each_others_neighbors(method: str) -> None:
    """Only the row itself goes, by its number: with identical texts, rank 0 may be another row."""
    vectors = random_vectors(200)
    vectors[50:54] = vectors[50]
    table = find_neighbors(vectors, 5, config(method))
    for row in range(50, 54):
        assert set(table.ids[row, :3].tolist()) == {50, 51, 52, 53} - {row}
        np.testing.assert_allclose(table.scores[row, :3], 1.0, atol=1e-6)


@pytest.mark.parametrize("method", LARGE)
def test_what_is_told_of_a_search_grows_to_one_total(method: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(1500, 16)).astype(np.float32)
    told: list[tuple[int, int]] = []
    find_neighbors(vectors, 5, config(method), progress=lambda _, done, total: told.append((done, total)))
    done, totals = zip(*told, strict=True)
    assert set(totals) == {max(done)}
    assert done.count(max(done)) == 1
    assert list(done) == sorted(done)


@pytest.mark.parametrize("method", LARGE)
def test_hundreds_of_identical_vectors_starve_no_search(method: str) -> None:
    vectors = random_vectors(900)
    vectors[100:500] = vectors[100]
    table = find_neighbors(vectors, 10, config(method))
    check_promises(table, vectors, 10, None)
    assert table.recall is not None
    assert table.recall > 0.95


@pytest.mark.parametrize(("method", "least"), [("cells", 0.95), ("hnsw", 0.97)])
def test_large_searches_find_what_exact_finds(method: str, least: float) -> None:
    vectors, groups = random_vectors(2000, 24), np.arange(2000) // 6
    table = find_neighbors(vectors, 10, config(method), groups)
    exact = find_neighbors(vectors, 10, config("exact"), groups)
    shared = [len(set(a) & set(b)) for a, b in zip(table.ids.tolist(), exact.ids.tolist(), strict=True)]
    true_recall = np.mean(shared) / 10
    assert true_recall > least
    assert table.recall == pytest.approx(true_recall, abs=0.02)
    assert (table.method, exact.method, exact.recall) == (method, "exact", 1.0)


def test_a_weak_search_says_so() -> None:
    """The reported recall is measured, not hoped for; ef and ef_construction reach the index."""
    vectors = random_vectors(1500, 64)
    weak = config("hnsw", hnsw_m=2, hnsw_ef_construction=2, hnsw_ef=1)
    weak_recall = find_neighbors(vectors, 10, weak).recall
    strong_recall = find_neighbors(vectors, 10, config("hnsw")).recall
    assert weak_recall is not None
    assert strong_recall is not None
    assert weak_recall < 0.9 < strong_recall
    assert find_neighbors(vectors, 10, config("hnsw", recall_sample=0)).recall is None


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_one_table_at_any_number_of_threads(method: str) -> None:
    vectors, groups = random_vectors(900, 16), np.arange(900) // 4
    tables = [find_neighbors(vectors, 5, config(method), groups, 7, threads) for threads in (1, 2, 2)]
    assert len({table.hash for table in tables}) == 1
    other = find_neighbors(vectors, 5, config(method), groups, 8)
    assert (other.hash != tables[0].hash) == (method == "random")


def test_several_indexes_answer_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from sracl_core.retrieval import hnsw

    monkeypatch.setattr(hnsw, "_ROWS_AN_INDEX", 300)
    vectors = random_vectors(1000, 16)
    table = find_neighbors(vectors, 10, config("hnsw"))
    check_promises(table, vectors, 10, None)
    assert table.recall is not None
    assert table.recall > 0.97


def test_random_neighbors_are_spread_evenly() -> None:
    table = find_neighbors(random_vectors(500), 20, config("random"))
    times = np.bincount(table.ids.ravel(), minlength=500)
    assert abs(times.mean() - 20) < 1e-9
    assert times.std() < 7


def test_auto_is_exact_for_small_data() -> None:
    assert find_neighbors(random_vectors(50), 3, RetrievalConfig()).method == "exact"


def test_lengths_do_not_matter_and_zero_is_near_nothing() -> None:
    vectors = random_vectors(60)
    scaled = vectors * np.linspace(0.5, 9, 60, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(
        find_neighbors(vectors, 4, config("exact")).ids, find_neighbors(scaled, 4, config("exact")).ids
    )
    vectors[9] = 0
    np.testing.assert_allclose(find_neighbors(vectors, 4, config("exact")).scores[9], 0.0)


def test_a_vector_that_is_not_finite_is_named() -> None:
    vectors = random_vectors(5)
    vectors[3, 0] = np.nan
    with pytest.raises(SraclError, match="row 3 of the vectors is not finite"):
        find_neighbors(vectors, 2, config("exact"))


@pytest.mark.parametrize("method", ["exact", *LARGE])
def test_progress_ends_at_its_total(method: str) -> None:
    seen: list[tuple[str, int, int]] = []
    find_neighbors(random_vectors(700), 3, config(method), progress=lambda *told: seen.append(told))
    assert seen[-1][0] == "neighbors"
    assert seen[-1][1] == seen[-1][2]
