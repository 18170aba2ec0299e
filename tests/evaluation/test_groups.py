"""Groups and lists against counting one by one."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sracl_core.cli.main import run as sracl
from sracl_core.data.sources import load_sources
from sracl_core.evaluation.groups import bands, beyond_accuracy, gini, groups, long_tail
from sracl_core.evaluation.stored import load_lists, load_ranks
from sracl_core.runs.directory import RunDirectory
from tests.tiny import tiny_config, tiny_dataset, tiny_run


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    base = tmp_path_factory.mktemp("groups")
    return tiny_run(tiny_config(tiny_dataset(base), {"model.name": "markov"}), base / "runs")


def test_head_middle_and_tail_by_hand() -> None:
    """50 of 100 interactions before the second item, 80 before the third."""
    assert bands(np.array([30, 0, 50, 5, 15])).tolist() == [1, 3, 0, 2, 2]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12).filter(any))
def test_gini_is_the_mean_difference(counts: list[int]) -> None:
    differences = sum(abs(one - other) for one in counts for other in counts)
    assert gini(np.array(counts)) == pytest.approx(differences / (2 * len(counts) * sum(counts)), abs=1e-12)


def test_groups_of_one_kind_hold_every_user_once(counted: RunDirectory) -> None:
    sources = load_sources(counted.config)
    found = groups(counted, sources, (5, 20))
    ranks, whole = load_ranks(counted, "test"), (counted.results() or {})["test"]
    for by in ("history", "target"):
        kind = [row for row in found if row["by"] == by]
        assert sum(row["users"] for row in kind) == len(ranks["users"])
        total = sum(row["users"] * row["masked"].get("HR@20", 0.0) for row in kind)
        assert total / len(ranks["users"]) == pytest.approx(whole["masked"]["HR@20"])
    split, sequences = sources.split, sources.dataset.sequences
    short = [
        row
        for row, (user, end) in enumerate(zip(split.test_users, split.test_ends, strict=True))
        if 5 < end - sequences.offsets[user] <= 10
    ]
    group = next(row for row in found if row["group"] == "6 to 10")
    assert group["users"] == len(short)
    if short:
        assert group["unmasked"]["HR@5"] == pytest.approx(np.mean(ranks["unmasked"][short] <= 5))


def test_lists_are_counted_place_by_place(counted: RunDirectory) -> None:
    sources = load_sources(counted.config)
    told = beyond_accuracy(counted, sources)
    popularity = Counter(sources.split.train.values.tolist())
    n_items, total = sources.dataset.n_items, sum(popularity.values())
    for mask in ("unmasked", "masked"):
        places = [item for row in load_lists(counted)[f"{mask}_list"].tolist() for item in row if item]
        assert told[mask]["coverage"] == pytest.approx(len(set(places)) / n_items)
        bits = [-math.log2((popularity[item] + 1) / (total + n_items)) for item in places]
        assert told[mask]["novelty"] == pytest.approx(sum(bits) / len(bits))
        assert 0 <= told[mask]["head"] <= 1


def test_the_long_tail_is_counted_place_by_place(counted: RunDirectory) -> None:
    sources = load_sources(counted.config)
    told, n_items = long_tail(counted, sources), sources.dataset.n_items
    bought = Counter(sources.split.train.values.tolist())
    order = sorted(range(1, n_items + 1), key=lambda item: -bought[item])
    first = {item for at, item in enumerate(order) if at * 10 // n_items == 0}
    places = [item for row in load_lists(counted)["masked_list"].tolist() for item in row if item]
    assert told["train"][0] == pytest.approx(sum(bought[item] for item in first) / bought.total())
    assert told["masked"][0] == pytest.approx(sum(item in first for item in places) / len(places))
    assert all(sum(shares) == pytest.approx(1.0) for shares in told.values())


def test_the_command_shows_them(counted: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    assert sracl(["runs", "show", str(counted.path), "--groups"]) == 0
    shown = capsys.readouterr().out
    assert "new in test" in shown
    assert "novelty" in shown
    assert sracl(["runs", "show", str(counted.path), "--groups", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"run", "groups", "beyond_accuracy", "long_tail"}
    ranks = counted.ranks_path
    kept, kept_bytes = Path(ranks), ranks.read_bytes()
    kept.write_bytes(b"damaged")
    assert sracl(["runs", "show", str(counted.path), "--groups"]) == 2
    assert "sracl evaluate" in capsys.readouterr().err
    kept.write_bytes(kept_bytes)
