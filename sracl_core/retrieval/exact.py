"""Exact nearest neighbors: the oracle, and the method for small data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BLOCK = 512


def exact_rows(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    k: int,
    groups: NDArray[np.integer] | None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k nearest others of the vectors `rows` by dot product, best first, ties by row number.

    vectors: float32 [n, D] of length 1.  groups: [n]; members of the query's group are left out.
    Memory is BLOCK x n, never n x n. Where fewer than k exist, ids are -1 and scores 0.
    """
    n = len(vectors)
    ids = np.full((len(rows), k), -1, dtype=np.int32)
    scores = np.zeros((len(rows), k), dtype=np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        similarity = vectors[block] @ vectors.T
        similarity[np.arange(len(block)), block] = -np.inf
        if groups is not None:
            similarity[groups[block][:, None] == groups[None, :]] = -np.inf
        width = min(k, n - 1)
        best = np.argpartition(-similarity, width - 1, axis=1)[:, :width] if width < n else np.arange(n)
        values = np.take_along_axis(similarity, best, axis=1)
        order = np.lexsort((best, -values), axis=1)
        best, values = np.take_along_axis(best, order, 1), np.take_along_axis(values, order, 1)
        found = np.isfinite(values)
        ids[start : start + len(block), :width] = np.where(found, best, -1)
        scores[start : start + len(block), :width] = np.where(found, values, 0)
        if progress:
            progress(min(start + BLOCK, len(rows)), len(rows))
    return ids, scores
