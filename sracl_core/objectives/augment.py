"""Views of a prefix: some items replaced by semantic neighbors."""

from __future__ import annotations

import numpy as np


def substitute(
    items_BL: np.ndarray, neighbors_NK: np.ndarray, ratio: float, rng: np.random.Generator
) -> np.ndarray:
    """Replace each item with probability `ratio` by one of its neighbors, uniformly.

    Args:
        items_BL: int [B, L] item indices, 0 is padding and stays.
        neighbors_NK: int32 [N, K]; row i holds the neighbors of item i + 1 as row numbers, best
            first, -1 where there are fewer than K.
        ratio: probability in [0, 1).

    Returns:
        A new array of the same shape and type. An item without neighbors stays.
    """
    available_N = (neighbors_NK >= 0).sum(axis=1)
    rows = items_BL - 1
    count_BL = np.where(rows >= 0, available_N[rows], 0)
    chosen_BL = (rng.random(items_BL.shape, dtype=np.float32) < ratio) & (count_BL > 0)
    where = np.nonzero(chosen_BL)
    column = (rng.random(len(where[0])) * count_BL[where]).astype(np.int64)
    out = items_BL.copy()
    out[where] = neighbors_NK[rows[where], column] + 1
    return out
