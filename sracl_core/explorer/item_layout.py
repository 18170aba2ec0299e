"""Items in the plane, on two principal components of their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_FOR_AXES = 100_000
"""The axes of more items are those of an even sample of so many."""
_CHUNK = 65_536


@dataclass(frozen=True)
class Plane:
    """xy: float32 [N, 2]. explained: the share of the variance on each axis, None where axes mean nothing."""

    xy: NDArray[np.float32]
    explained: list[float] | None


def principal_plane(vectors: NDArray[np.float32]) -> Plane:
    """The two principal components.

    >>> plane = principal_plane(np.array([[3, 0, 1], [-3, 0, 1], [0, 1, 1], [0, -1, 1]], np.float32))
    >>> plane.xy.tolist(), [round(share, 2) for share in plane.explained]
    ([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [0.9, 0.1])
    """
    n_items, size = vectors.shape
    some = vectors[:: -(-n_items // MOST_FOR_AXES)].astype(np.float64)
    mean = some.mean(axis=0)
    some -= mean
    spread, directions = np.linalg.eigh(some.T @ some)
    axes = np.zeros((size, 2))
    leading = directions[:, ::-1][:, :2]
    # An eigenvector's sign is arbitrary; fixing it makes the map the same on every machine.
    signs = np.sign(leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])])
    axes[:, : leading.shape[1]] = leading * signs
    xy = np.empty((n_items, 2), dtype=np.float32)
    for start in range(0, n_items, _CHUNK):
        part = slice(start, start + _CHUNK)
        xy[part] = (vectors[part] - mean) @ axes
    total = max(float(spread.sum()), 1e-12)
    return Plane(xy, [max(float(value), 0.0) / total for value in spread[::-1][:2]])
