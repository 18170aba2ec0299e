"""Linear maps from what items' texts say: where embeddings start, and what a model has learned of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 16_384
"""Text vectors of which a copy is made, in twice their precision, when items start from them."""
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


def how_many_alike(item_vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many items have each item's very text vector [N, E], itself among them: int64 [N].

    >>> how_many_alike(np.array([[1, 2], [3, 4], [1, 2]], dtype=np.float32)).tolist()
    [2, 1, 2]
    """
    hashes = np.fromiter((hash(row.tobytes()) for row in item_vectors), np.int64, len(item_vectors))
    _, which, many = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.asarray(many[which], dtype=np.int64)


def text_start(
    item_vectors: np.ndarray, hidden_size: int, std: float, which: slice = slice(None)
) -> np.ndarray:
    """The leading principal components of text vectors, scaled to the usual start.

    Args:
        item_vectors: float32 [N, D_text]; some rows at a time are copied.
        hidden_size: D; where D_text or N is smaller, the rest of the columns is 0.
        std: standard deviation of all that is returned where all items are asked for.
        which: items whose start is asked for.

    Returns:
        float32 [N, D] of all items, or the rows `which`.
    """
    parts = [item_vectors[at : at + ROWS_AT_ONCE] for at in range(0, len(item_vectors), ROWS_AT_ONCE)]
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(item_vectors)
    square = sum(centered.T @ centered for centered in (part.astype(np.float64) - mean for part in parts))
    variances, directions = np.linalg.eigh(square)
    leading = directions[:, ::-1][:, :hidden_size]
    # An eigenvector's sign is arbitrary; fixing it makes the start the same on every machine.
    leading = leading * np.sign(leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])])
    variance = variances[::-1][:hidden_size].clip(0.0).sum() / (len(item_vectors) * hidden_size)
    leading *= std / max(math.sqrt(variance), 1e-12)
    own = item_vectors[which]
    start = np.zeros((len(own), hidden_size), dtype=np.float32)
    for at in range(0, len(own), ROWS_AT_ONCE):
        part = own[at : at + ROWS_AT_ONCE].astype(np.float64) - mean
        start[at : at + len(part), : leading.shape[1]] = part @ leading
    return start
