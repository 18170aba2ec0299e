"""MRR@k, the mean reciprocal rank."""

from __future__ import annotations

import numpy as np

from sracl_core.evaluation.metrics.base import Metric


def reciprocal_rank(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 / rank within the first k, else 0."""
    return np.where(ranks <= k, 1.0 / ranks, 0.0)


METRIC = Metric("MRR", "1 / rank of the item within the first k", reciprocal_rank)
