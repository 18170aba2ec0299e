"""The best few of many scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the `k` highest scores, best first, ties by position; -inf is never among them."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero(scores >= edge)
    order = candidates[np.argsort(-scores[candidates], kind="stable")][:k]
    return order[np.isfinite(scores[order])]


def standard(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """`values` with a mean of 0 and a standard deviation of 1; zeros where all are alike."""
    found: NDArray[np.float32] = (values - values.mean()) / max(float(values.std()), 1e-9)
    return found
