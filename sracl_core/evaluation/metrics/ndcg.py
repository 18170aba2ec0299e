"""NDCG@k (Jarvelin and Kekalainen, TOIS 2002) of one relevant item."""

from __future__ import annotations

import numpy as np

from sracl_core.evaluation.metrics.base import Metric


def ndcg(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 / log2(rank + 1) within the first k, else 0 (one relevant item, so the ideal is 1).

    >>> ndcg(np.array([1, 3, 11]), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0)


METRIC = Metric("NDCG", "gain of the item's place, discounted by the logarithm of its rank", ndcg)
