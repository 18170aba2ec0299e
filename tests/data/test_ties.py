"""Interactions of one time: counted, told, and ordered by what the user chooses."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.dataset import load_dataset
from sracl_core.data.info import describe
from sracl_core.data.prepare import PrepareOptions, prepare

Rows = list[tuple[str, str, int]]


def made(rows: Rows, folder: Path, **options: Any) -> tuple[list[list[str]], dict[str, Any]]:
    """(each user's items in order, manifest)."""
    lines = [f"{user},{item},{time}" for user, item, time in rows]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n")
    manifest = prepare(folder / "log.csv", folder / "out", PrepareOptions(k_core=1, **options))
    dataset = load_dataset(folder / "out")
    ids = [
        [dataset.items.id_of(item) for item in dataset.sequences.of(user)] for user in range(dataset.n_users)
    ]
    return ids, manifest


def by_hand(rows: Rows) -> tuple[int, int, int]:
    """(interactions that share their user's time, pairs of neighbors, pairs in ascending order)."""
    shared = pairs = rising = 0
    for user in {user for user, *_ in rows}:
        own = sorted((row for row in rows if row[0] == user), key=lambda row: row[2])
        times = [time for *_, time in own]
        shared += sum(times.count(time) > 1 for time in times)
        for (_, one, first), (_, other, second) in pairwise(own):
            pairs += first == second
            rising += first == second and int(one[1:]) < int(other[1:])
    return shared, pairs, rising


def drawn(seed: int, times: int) -> Rows:
    chance = random.Random(seed)
    rows = {
        (f"u{chance.randrange(5)}", f"i{chance.randrange(8) + 1}", chance.randrange(times)) for _ in range(60)
    }
    return sorted(rows, key=lambda row: chance.random())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_ties_are_counted(tmp_path_factory: Any, seed: int, times: int) -> None:
    rows = drawn(seed, times)
    _, manifest = made(rows, tmp_path_factory.mktemp("ties"))
    kept = {user for user, *_ in rows if sum(row[0] == user for row in rows) >= 3}
    shared, pairs, rising = by_hand([row for row in rows if row[0] in kept])
    told = manifest["ties"]
    assert (told["interactions"], told["pairs"]) == (shared, pairs)
    assert told["ascending"] == (round(rising / pairs, 4) if pairs else None)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["shuffle", "id"]))
def test_an_order_that_is_asked_for_does_not_depend_on_the_rows(
    tmp_path_factory: Any, seed: int, order: str
) -> None:
    rows = drawn(seed, 4)
    folder = tmp_path_factory.mktemp("order")
    first = made(rows, folder, ties=order)
    random.Random(seed).shuffle(rows)
    second = made(rows, folder, ties=order)
    assert (first[0], first[1]["identity"]) == (second[0], second[1]["identity"])
    if order == "id":
        assert first[1]["ties"]["ascending"] in (1.0, None)


def test_the_seed_decides_the_shuffle_and_neither_id_alone_does(tmp_path: Path) -> None:
    rows = [(f"u{user}", f"i{item:02}", 0) for user in range(40) for item in range(12)]
    first, manifest = made(rows, tmp_path, ties="shuffle")
    assert abs(manifest["ties"]["ascending"] - 0.5) < 0.1
    assert manifest["ties"]["seed"] == 42
    assert len({tuple(items) for items in first}) == 40
    assert made(rows, tmp_path, ties="shuffle", ties_seed=1)[0] != first
    assert made(rows, tmp_path, ties="shuffle", ties_seed=42)[0] == first


def test_an_order_that_follows_the_ids_is_said(tmp_path: Path) -> None:
    rows = [(f"u{user}", f"i{item + user:02}", item // 4) for user in range(10) for item in range(12)]
    _, manifest = made(rows, tmp_path)
    note = next(note for note in manifest["notes"] if "share their user's time" in note)
    assert "120 interactions (100.0%)" in note
    assert "100% of neighbors in ascending order of item id: an order that a model can learn" in note
    assert describe(load_dataset(tmp_path / "out"))["ties"] == manifest["ties"]
    _, shuffled = made(rows, tmp_path, ties="shuffle")
    assert not any("can learn" in note for note in shuffled["notes"])
    assert shuffled["identity"] != manifest["identity"]
