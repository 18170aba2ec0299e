"""Each floor against its slow twin, and as a run like any other."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.cli.main import run as sracl
from sracl_core.data.sequences import Sequences
from sracl_core.data.sources import load_sources
from sracl_core.errors import CheckpointError
from sracl_core.evaluation.stored import load_lists, load_ranks
from sracl_core.floors.base import Counts
from sracl_core.floors.item_knn import floor as item_knn
from sracl_core.methods import backbones, floors
from sracl_core.pipeline.run import evaluate
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import open_run
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.checkpoint import load_encoder
from tests.oracles import plain_floors
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

N_ITEMS = 9
VECTORS = np.random.default_rng(5).standard_normal((N_ITEMS, 4)).astype(np.float32)
KNN, TEXT = {"neighbors": 2, "decay": 0.5}, {"decay": 0.5}
TWINS: dict[str, tuple[dict[str, Any], Callable[..., list[float]]]] = {
    "popular": ({}, plain_floors.popular),
    "user_popular": ({}, plain_floors.user_popular),
    "item_knn": (KNN, lambda *case: plain_floors.item_knn(*case, **KNN)),
    "text_knn": (TEXT, lambda train, n, history: plain_floors.text_knn(VECTORS, history, **TEXT)),
    "markov": ({}, plain_floors.markov),
}
history = st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=7)


def test_every_floor_has_a_twin_and_no_backbone_is_one() -> None:
    assert set(TWINS) == set(floors())
    assert not set(floors()) & set(backbones())


@pytest.mark.parametrize("name", TWINS)
@settings(max_examples=40, deadline=None)
@given(train=st.lists(history, min_size=1, max_size=8), asked=st.lists(history, min_size=1, max_size=4))
def test_a_floor_scores_as_its_slow_twin(name: str, train: list[list[int]], asked: list[list[int]]) -> None:
    changes, twin = TWINS[name]
    method = floors()[name]
    counts = Counts(N_ITEMS, Sequences.from_lists(train), VECTORS)
    found = method.load("floor").Floor(method.settings(**changes), counts).score(Sequences.from_lists(asked))
    expected = [twin(train, N_ITEMS, items) for items in asked]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_order_of_what_is_told() -> None:
    """By hand: 1 and 2 were had by the same users; 3 follows 1; 4 is the most popular."""
    train = [[1, 2, 4], [2, 1, 3, 4], [1, 3], [4, 5], [4]]

    def best(name: str, items: list[int]) -> list[int]:
        method = floors()[name]
        counts = Counts(5, Sequences.from_lists(train))
        scores = method.load("floor").Floor(method.settings(), counts).score(Sequences.from_lists([items]))
        return (np.argsort(-scores[0], kind="stable") + 1).tolist()

    assert best("popular", [5])[0] == 4
    assert best("user_popular", [5, 3, 5]) == [5, 3, 4, 1, 2]
    assert best("item_knn", [2])[:2] == [1, 4]
    assert best("markov", [2, 1])[:2] == [3, 2]


def test_neighbors_found_some_items_at_a_time_are_those_of_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    train = [(rng.permutation(N_ITEMS)[:4] + 1).tolist() for _ in range(12)]
    counts = Counts(N_ITEMS, Sequences.from_lists(train))
    whole = item_knn.Floor(floors()["item_knn"].settings(**KNN), counts).near_NN
    monkeypatch.setattr(item_knn, "ITEMS_AT_ONCE", 2)
    parts = item_knn.Floor(floors()["item_knn"].settings(**KNN), counts).near_NN
    np.testing.assert_array_equal(parts.toarray(), whole.toarray())
    assert (np.diff(whole.indptr) <= KNN["neighbors"]).all()


def test_neighbors_of_items_that_all_have_users_in_common_take_less_than_all_pairs_do() -> None:
    n_items = 1000
    counts = Counts(n_items, Sequences.from_lists([list(range(1, n_items + 1))] * 3))
    tracemalloc.start()
    try:
        item_knn.Floor(floors()["item_knn"].settings(neighbors=10), counts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * n_items**2, "a float64 and an int32 of each pair"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("floors")
    patch = pytest.MonkeyPatch()
    patch.setattr(TextEncoder, "encode", hashed_words)
    patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
    dataset = tiny_dataset(base)
    for name in TWINS:
        tiny_run(tiny_config(dataset, {"model.name": name}), base / "runs", name)
    patch.undo()
    return base


def test_a_floor_is_a_run_like_any_other(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {summary.model: summary for summary in list_runs(shop / "runs")}
    assert set(found) == set(TWINS)
    for summary in found.values():
        assert summary.status == "finished"
        assert 0 <= summary.test["masked"]["NDCG@20"] <= 1
    names = [found[name].name for name in ("popular", "markov")]
    assert sracl(["runs", "compare", *names, "--runs-dir", str(shop / "runs")]) == 0
    assert "paired randomization test" in capsys.readouterr().out


def test_ranks_and_lists_are_those_of_the_twin(shop: Path) -> None:
    """Full ranking by hand: ties against the held-out item, seen items left out where masked."""
    run = next(s for s in list_runs(shop / "runs") if s.model == "markov")
    directory = open_run(run.path)
    sources = load_sources(directory.config)
    sequences, split = sources.dataset.sequences, sources.split
    train = [split.train.of(user).tolist() for user in range(len(split.train))]
    ranks, lists = load_ranks(directory, "test"), load_lists(directory)
    for row in range(0, len(split.test_users), 7):
        user = int(split.test_users[row])
        items = sequences.values[sequences.offsets[user] : split.test_ends[row]].tolist()
        scores = np.array(plain_floors.markov(train, sources.dataset.n_items, items))
        target = int(split.test_targets[row])
        allowed = {"unmasked": set(range(1, len(scores) + 1))}
        allowed["masked"] = allowed["unmasked"] - set(items)
        for mask, those in allowed.items():
            others = np.array(sorted(those - {target})) - 1
            rank = 1 + int((scores[others] >= scores[target - 1]).sum())
            assert ranks[mask][row] == rank
            kept = lists[f"{mask}_list"][row]
            kept = kept[kept > 0]
            # Of equal scores any order is right.
            best = np.sort(scores[np.array(sorted(those | {target})) - 1])[::-1][: len(kept)]
            np.testing.assert_allclose(scores[kept - 1], best)


def test_evaluating_again_gives_the_same(shop: Path) -> None:
    path = next(s for s in list_runs(shop / "runs") if s.model == "item_knn").path
    directory = open_run(path)
    before = directory.results()
    assert before is not None
    assert evaluate(directory)["test"] == before["test"]
    assert before["parameters"] == 0
    assert before["best_epoch"] is None


def test_what_a_floor_cannot_do_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next(s for s in list_runs(shop / "runs") if s.model == "popular").path
    with pytest.raises(CheckpointError, match="floor"):
        load_encoder(open_run(path))
    assert sracl(["train", "--dataset", str(shop / "tiny"), "--set", "model.name=popular"]) == 2
    assert "sracl compare" in capsys.readouterr().err
    assert sracl(["recommend", str(path), "--user", "1"]) == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    assert "floor" in told
