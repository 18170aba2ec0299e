from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.explorer.nearest import PrefixSearch
from sracl_core.retrieval.best import best
from sracl_core.semantics.profiles import prefix_vectors


def sequences(rng: np.random.Generator, users: int, items: int) -> Sequences:
    lengths = rng.integers(1, 12, size=users)
    values = rng.integers(1, items + 1, size=lengths.sum()).astype(np.int32)
    return Sequences(values, np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))


@pytest.mark.parametrize("decay", [1.0, 0.8])
@pytest.mark.parametrize("max_length", [3, 20])
def test_the_short_cut_gives_the_cosines_of_the_prefix_vectors(decay: float, max_length: int) -> None:
    rng = np.random.default_rng(3)
    prefixes = training_prefixes(sequences(rng, 60, 15), max_length)
    items = rng.normal(size=(15, 8)).astype(np.float32)
    vectors = prefix_vectors(prefixes, items, decay)
    search = PrefixSearch(prefixes, items, decay)
    history = np.array([3, 9, 1], dtype=np.int32)[-max_length:]
    query = search.vector(history)
    assert np.linalg.norm(query) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(search.similarities(query), vectors @ query, atol=2e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=40), st.integers(0, 45))
def test_best_is_the_head_of_a_stable_sort(values: list[int], k: int) -> None:
    scores = np.array(values, dtype=np.float32)
    scores[scores == -5] = -np.inf
    expected = [row for row in np.argsort(-scores, kind="stable")[:k] if np.isfinite(scores[row])]
    assert best(scores, k).tolist() == expected
