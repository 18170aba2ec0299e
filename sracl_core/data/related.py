"""For each item, the few that something relates it to most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sracl_core.data.sequences import Sequences

KEPT = 32
"""Items kept for each item, those of the largest share."""
REACH = 5
"""An item counts as following the five before it, by one over the distance."""


@dataclass(frozen=True)
class Related:
    """Row i is of item i + 1.

    items: int32 [N, KEPT], 0 where there are fewer. shares: float32 [N, KEPT], above 0 for an item.
    """

    items: NDArray[np.int32]
    shares: NDArray[np.float32]


def strongest(share_NN: sparse.coo_array) -> Related:
    """The `KEPT` largest entries of each row; of equal ones those of the lower column."""
    first, then = (np.asarray(part, dtype=np.int64) for part in share_NN.coords)
    share: NDArray[np.floating[Any]] = share_NN.data
    order = np.lexsort((then, -share, first))
    first, then, share = first[order], then[order], share[order]
    place = np.arange(len(first)) - np.searchsorted(first, first)
    kept = place < KEPT
    items = np.zeros((share_NN.shape[0], KEPT), dtype=np.int32)
    shares = np.zeros(items.shape, dtype=np.float32)
    items[first[kept], place[kept]] = then[kept] + 1
    shares[first[kept], place[kept]] = share[kept]
    return Related(items, shares)


def following(train: Sequences, n_items: int) -> Related:
    """What followed what in the training part: share(i, j) = count(i, j) / sqrt(n_i n_j).

    count(i, j) sums 1 / distance over the places where j stands at most `REACH` after i in one sequence; n is
    how often an item stands there at all. An item does not follow itself.
    """
    values = train.values.astype(np.int64) - 1
    user = np.repeat(np.arange(len(train)), train.lengths)
    often_N = np.sqrt(np.maximum(np.bincount(values, minlength=n_items), 1))
    counts_NN = sparse.csr_array((n_items, n_items))
    for distance in range(1, REACH + 1):
        before, after = values[:-distance], values[distance:]
        pairs = (user[distance:] == user[:-distance]) & (before != after)
        before, after = before[pairs], after[pairs]
        share = 1.0 / (distance * often_N[before] * often_N[after])
        counts_NN = counts_NN + sparse.coo_array((share, (before, after)), counts_NN.shape).tocsr()
    return strongest(counts_NN.tocoo())
