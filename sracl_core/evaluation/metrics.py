"""HR, NDCG and MRR from ranks, where each query has one relevant item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def hit(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 where the item is among the first k, else 0; float64 like `ranks`."""
    return (ranks <= k).astype(np.float64)


def ndcg(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 / log2(rank + 1) within the first k, else 0 (one relevant item, so the ideal is 1).

    >>> ndcg(np.array([1, 3, 11]), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0)


def reciprocal_rank(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 / rank within the first k, else 0."""
    return np.where(ranks <= k, 1.0 / ranks, 0.0)


METRICS = {"HR": hit, "NDCG": ndcg, "MRR": reciprocal_rank}


def mean_metrics(ranks: np.ndarray, ks: Sequence[int]) -> dict[str, float]:
    """Means over queries, e.g. ``{"HR@5": 0.05, "NDCG@5": 0.03, "MRR@5": 0.02, ...}``."""
    if not len(ranks):
        return {}
    return {f"{name}@{k}": float(per_user(ranks, k).mean()) for k in ks for name, per_user in METRICS.items()}
