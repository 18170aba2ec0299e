"""Prefix vectors and texts against a loop over prefixes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.prefixes import Prefixes, training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.semantics.by_row import PooledVectors
from sracl_core.semantics.profiles import prefix_vectors
from sracl_core.semantics.template import prefix_titles

N_ITEMS = 12
ITEMS = np.random.default_rng(3).normal(size=(N_ITEMS, 6)).astype(np.float32)


def sequences_of(users: list[list[int]]) -> Sequences:
    lengths = [len(user) for user in users]
    values = np.array([item for user in users for item in user], dtype=np.int32)
    return Sequences(values, np.cumsum([0, *lengths]).astype(np.int64))


def slow(prefixes: Prefixes, decay: float) -> np.ndarray:
    rows = []
    for start, end in zip(prefixes.starts, prefixes.ends, strict=True):
        total = np.zeros(ITEMS.shape[1])
        for age, item in enumerate(reversed(prefixes.values[start:end].tolist())):
            total += decay**age * ITEMS[item - 1].astype(float)
        norm = np.linalg.norm(total)
        rows.append(total / norm if norm else total)
    return np.array(rows).reshape(len(prefixes), ITEMS.shape[1])


@settings(max_examples=60, deadline=None)
@given(
    users=st.lists(st.lists(st.integers(1, N_ITEMS), max_size=15), max_size=8),
    max_length=st.integers(1, 8),
    decay=st.just(1.0) | st.floats(0.1, 1.0),
)
def test_vectors_are_those_of_a_loop(users: list[list[int]], max_length: int, decay: float) -> None:
    prefixes = training_prefixes(sequences_of(users), max_length)
    found = prefix_vectors(prefixes, ITEMS, decay)
    assert found.dtype == np.float32
    expected = slow(prefixes, decay)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    rows = np.arange(len(prefixes))[::-2].copy()
    asked = PooledVectors(prefixes, ITEMS, decay).take(rows, torch.device("cpu"))
    np.testing.assert_allclose(asked.numpy(), expected[rows], atol=2e-5)


def test_more_prefixes_than_a_chunk() -> None:
    rng = np.random.default_rng(0)
    users = [rng.integers(1, N_ITEMS + 1, size=40).tolist() for _ in range(250)]
    prefixes = training_prefixes(sequences_of(users), 20)
    np.testing.assert_allclose(prefix_vectors(prefixes, ITEMS), slow(prefixes, 1), atol=2e-5)


def test_an_empty_prefix_has_no_direction() -> None:
    none = np.array([2])
    prefixes = Prefixes(np.array([1, 2, 3], dtype=np.int32), none.astype(np.int32), none, none)
    assert not prefix_vectors(prefixes, ITEMS).any()
    assert not PooledVectors(prefixes, ITEMS, 1.0).take(np.array([0]), torch.device("cpu")).any()


def test_beside_the_result_memory_does_not_grow_with_the_prefixes() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(500, 64)).astype(np.float32)
    peaks = []
    for count in (20_000, 80_000):
        values = rng.integers(1, 501, size=count).astype(np.int32)
        prefixes = training_prefixes(Sequences(values, np.array([0, count])), 20)
        tracemalloc.start()
        result = prefix_vectors(prefixes, items)
        peaks.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 12e6


def test_titles_put_the_latest_first() -> None:
    prefixes = training_prefixes(sequences_of([[1, 2, 3], [3, 1]]), 2)
    assert prefix_titles(prefixes, ["", "one", "two", "three"]) == ["one", "two; one", "three"]
