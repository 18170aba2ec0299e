"""Metrics from ranks, where each query has one relevant item: one metric a file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sracl_core.evaluation.metrics.base import Metric
from sracl_core.methods import METRICS, values


def metrics() -> dict[str, Metric]:
    """Every metric that is found, by the name that tables give it."""
    found: dict[str, Metric] = values(*METRICS, "METRIC")
    return {metric.name: metric for metric in found.values()}


def per_query(name: str, ranks: np.ndarray) -> np.ndarray:
    """The values behind a metric such as "NDCG@20", float64 [Q]."""
    metric, _, k = name.partition("@")
    return metrics()[metric].per_query(ranks, int(k))


def mean_metrics(ranks: np.ndarray, ks: Sequence[int]) -> dict[str, float]:
    """Means over queries, e.g. ``{"HR@5": 0.05, "NDCG@5": 0.03, "MRR@5": 0.02, ...}``."""
    if not len(ranks):
        return {}
    found = metrics()
    return {f"{name}@{k}": float(one.per_query(ranks, k).mean()) for k in ks for name, one in found.items()}
