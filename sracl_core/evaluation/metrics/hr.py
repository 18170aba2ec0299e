"""HR@k, the hit rate: with one relevant item the same as recall@k."""

from __future__ import annotations

import numpy as np

from sracl_core.evaluation.metrics.base import Metric


def hit(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 where the item is among the first k, else 0; float64 like `ranks`."""
    return (ranks <= k).astype(np.float64)


METRIC = Metric("HR", "share of queries whose item is among the first k", hit)
