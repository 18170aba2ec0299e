"""Neighbors drawn at random: the paper's ablation of semantic retrieval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sracl_core.retrieval.exact import Found, best_first
from sracl_core.retrieval.exclusion import Exclusion
from sracl_core.seeding import generator

_ROWS = 4096


def random_neighbors(vectors: NDArray[np.float32], k: int, exclusion: Exclusion, seed: int) -> Found:
    """k different other rows for each row, uniformly, with their cosines, best first.

    Rows for which rejection leaves fewer than min(k, available) are drawn from an explicit list.
    """
    rng = generator(seed, "random neighbors")
    n = len(vectors)
    ids = np.full((n, k), -1, dtype=np.int32)
    scores = np.full((n, k), -1.0, dtype=np.float32)
    available = np.minimum(k, exclusion.available())
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        drawn = rng.integers(0, n, size=(len(rows), 2 * k + 8))
        drawn[exclusion.forbids(rows, drawn)] = -1
        chosen = _first_different(drawn, k)
        for place in np.flatnonzero((chosen >= 0).sum(axis=1) < available[rows]):
            others = np.setdiff1d(np.arange(n), exclusion.members(int(rows[place])), assume_unique=True)
            chosen[place] = -1
            count = available[rows[place]]
            chosen[place, :count] = rng.choice(others, size=count, replace=False)
        similarity = np.full(chosen.shape, -np.inf, dtype=np.float32)
        for column in range(k):
            taken = chosen[:, column] >= 0
            similarity[taken, column] = np.einsum(
                "bd,bd->b", vectors[rows[taken]], vectors[chosen[taken, column]]
            )
        ids[rows], scores[rows] = best_first(chosen, similarity, k)
    return ids, scores


def _first_different(drawn: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """The first k different non-negative values of each row, in order, then -1."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, 1)
    repeated = np.zeros(drawn.shape, dtype=bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    dropped = np.empty_like(repeated)
    np.put_along_axis(dropped, order, repeated, 1)
    dropped |= drawn < 0
    kept_first = np.argsort(dropped, axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(dropped, kept_first, 1), -1, np.take_along_axis(drawn, kept_first, 1))
