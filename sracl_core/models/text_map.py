"""A linear map from what items' texts say to what a model has learned of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-2
"""Strength where none is chosen, as a share of the mean variance of a text's component."""


def from_text(
    vectors: NDArray[np.float32],
    learned: NDArray[np.float32],
    asked: NDArray[np.float32],
    ridge: float = RIDGE,
) -> NDArray[np.float32]:
    """What items of the text vectors `asked` [M, E] would have learned, float32 [M, ...].

    Ridge regression on the items that have both, `vectors` [N, E] and `learned` [N, ...].
    """
    x, y = vectors.astype(np.float64), learned.reshape(len(learned), -1).astype(np.float64)
    center, mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - center, y - mean
    square = x.T @ x
    square[np.diag_indices_from(square)] += ridge * max(np.trace(square) / len(square), 1e-9)
    found = (asked - center) @ np.linalg.solve(square, x.T @ y) + mean
    return np.asarray(found.reshape(len(asked), *learned.shape[1:]), dtype=np.float32)
