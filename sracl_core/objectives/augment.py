"""Views of a prefix: some items replaced by semantic neighbors."""

from __future__ import annotations

import numpy as np

from sracl_core.data.sequences import Sequences


def substitute(
    rows: Sequences, neighbors_NK: np.ndarray, ratio: float, rng: np.random.Generator
) -> Sequences:
    """Replace each item with probability `ratio` by one of its neighbors, uniformly.

    Args:
        rows: sequences of items.
        neighbors_NK: int32 [N, K]; row i holds the neighbors of item i + 1 as row numbers, best
            first, -1 where there are fewer than K.
        ratio: probability in [0, 1).

    Returns:
        Sequences of the same lengths. An item without neighbors stays.
    """
    items_T = rows.values - 1
    count_T = (neighbors_NK >= 0).sum(axis=1)[items_T]
    where = np.flatnonzero((rng.random(len(items_T), dtype=np.float32) < ratio) & (count_T > 0))
    column = (rng.random(len(where)) * count_T[where]).astype(np.int64)
    values = rows.values.copy()
    values[where] = neighbors_NK[items_T[where], column] + 1
    return Sequences(values, rows.offsets)
