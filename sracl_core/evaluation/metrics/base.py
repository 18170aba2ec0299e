"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Metric:
    """A value of each query from the rank of its one relevant item, of which the mean is told.

    name: as tables write it before the cut-off: "HR" gives HR@10.
    per_query: (ranks [Q] from 1, cut-off k) -> float64 [Q], better when larger.
    """

    name: str
    about: str
    per_query: Callable[[np.ndarray, int], np.ndarray]
