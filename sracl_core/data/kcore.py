"""The k-core of a bipartite graph of users and items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def k_core(
    users: NDArray[np.integer], items: NDArray[np.integer], user_min: int, item_min: int
) -> NDArray[np.int64]:
    """Rows left when every user has `user_min` and every item `item_min` of those left.

    users, items: codes from 0, one pair a row, repeats counted. The rows are in their order.
    The largest such set is unique, so the order of removal does not matter.
    """
    rows = np.arange(len(users))
    while True:
        user_counts, item_counts = np.bincount(users), np.bincount(items)
        keep = (user_counts[users] >= user_min) & (item_counts[items] >= item_min)
        if keep.all():
            return rows
        rows, users, items = rows[keep], users[keep], items[keep]
