"""Vocabulary, k-core, splits and prefix addresses against the slow obvious way."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.kcore import k_core
from sracl_core.data.prefixes import query_prefixes, training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.data.splits.temporal import temporal
from sracl_core.data.vocabulary import Vocabulary
from sracl_core.errors import ConfigError, UnknownIdError

histories = st.lists(st.lists(st.integers(1, 9), max_size=8), min_size=1, max_size=8)


def flat(rows: list[list[int]]) -> Sequences:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Sequences(np.array(list(chain(*rows)), dtype=np.int32), offsets)


def rows_of(sequences: Sequences) -> list[list[int]]:
    return [sequences.of(user).tolist() for user in range(len(sequences))]


@settings(deadline=None)
@given(st.lists(st.text(), unique=True), st.sampled_from([0, 1]))
def test_vocabulary_is_a_bijection(ids: list[str], first: int) -> None:
    vocabulary = Vocabulary(ids, first)
    assert [vocabulary.index(name) for name in ids] == list(range(first, first + len(ids)))
    assert [vocabulary.id_of(first + at) for at in range(len(ids))] == ids
    for outside in (first - 1, first + len(ids)):
        with pytest.raises(UnknownIdError):
            vocabulary.id_of(outside)


def test_unknown_ids_name_the_nearest() -> None:
    with pytest.raises(
        UnknownIdError, match="item 'lamb' is not among the dataset's 2 items; did you mean 'lamp'"
    ):
        Vocabulary(["lamp", "chair"], first=1).index("lamb")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_k_core_is_what_one_by_one_removal_leaves(
    pairs: list[tuple[int, int]], user_min: int, item_min: int
) -> None:
    users, items = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    left = list(range(len(pairs)))
    while True:
        for row in left:
            same_user = sum(pairs[other][0] == pairs[row][0] for other in left)
            same_item = sum(pairs[other][1] == pairs[row][1] for other in left)
            if same_user < user_min or same_item < item_min:
                left.remove(row)
                break
        else:
            break
    assert k_core(users, items, user_min, item_min).tolist() == left


@settings(deadline=None)
@given(histories)
def test_leave_one_out(rows: list[list[int]]) -> None:
    sequences = flat(rows)
    split = leave_one_out(sequences)
    asked = [user for user, row in enumerate(rows) if len(row) >= 3]
    assert rows_of(split.train) == [row[:-2] if len(row) >= 3 else row for row in rows]
    assert split.valid_users.tolist() == split.test_users.tolist() == asked
    assert sequences.values[split.valid_ends].tolist() == [rows[user][-2] for user in asked]
    assert split.test_targets.tolist() == [rows[user][-1] for user in asked]
    assert sequences.values[split.test_ends].tolist() == split.test_targets.tolist()
    history = query_prefixes(sequences, split.test_users, split.test_ends, 100)
    assert [history.values[s:e].tolist() for s, e in zip(history.starts, history.ends, strict=True)] == [
        rows[user][:-1] for user in asked
    ]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), max_size=8), min_size=1, max_size=8),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
)
def test_temporal(times: list[list[int]], valid_share: float, test_share: float) -> None:
    times = [sorted(row) for row in times]
    stamps = np.array(list(chain(*times)), dtype=np.int64)
    sequences = flat([[at % 7 + 1 for at in row] for row in times])
    total = len(stamps)
    n_test, n_valid = round(total * test_share), round(total * valid_share)
    if n_test + n_valid >= total:
        with pytest.raises(ConfigError):
            temporal(sequences, stamps, valid_share, test_share)
        return
    ordered = [*sorted(stamps.tolist()), float("inf")]
    later, earlier = ordered[total - n_test], ordered[total - n_test - n_valid]
    split = temporal(sequences, stamps, valid_share, test_share)
    assert [len(row) for row in rows_of(split.train)] == [sum(t < earlier for t in row) for row in times]
    expected_valid, expected_test = [], []
    for user, row in enumerate(times):
        for low, high, expected in ((earlier, later, expected_valid), (later, float("inf"), expected_test)):
            inside = [at for at, t in enumerate(row) if low <= t < high]
            if inside and inside[0] > 0:
                expected.append((user, sequences.offsets[user] + inside[0]))
    assert list(zip(split.valid_users, split.valid_ends, strict=True)) == expected_valid
    assert list(zip(split.test_users, split.test_ends, strict=True)) == expected_test
    assert (stamps[split.test_ends] >= later).all()


@settings(deadline=None)
@given(histories, st.integers(1, 6), st.integers(1, 6), st.data())
def test_prefixes_are_the_loops(rows: list[list[int]], most: int, shown: int, data: st.DataObject) -> None:
    expected = [
        (user, row[max(0, at - most) : at], row[at])
        for user, row in enumerate(rows)
        for at in range(1, len(row))
    ]
    prefixes = training_prefixes(flat(rows), most)
    assert len(prefixes) == len(expected)
    assert prefixes.users.tolist() == [user for user, _, _ in expected]
    assert prefixes.targets.tolist() == [target for _, _, target in expected]
    assert prefixes.lengths.tolist() == [len(items) for _, items, _ in expected]
    assert prefixes.values.dtype == prefixes.users.dtype == np.int32
    if not expected:
        return
    picked = data.draw(st.lists(st.integers(0, len(expected) - 1), max_size=6))
    items = [expected[row][1][-shown:] for row in picked]
    width = max(map(len, items), default=0)
    padded = prefixes.padded(np.array(picked, dtype=np.int64), shown)
    assert padded.dtype == np.int32
    assert padded.tolist() == [[0] * (width - len(row)) + row for row in items]
