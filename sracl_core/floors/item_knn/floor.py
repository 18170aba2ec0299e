"""The sum of the history's nearest items, by the cosine of the sets of users who had them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sracl_core.data.sequences import Sequences
from sracl_core.floors.base import Counts, Floats, ScoringFloor, histories_matrix, then_popular
from sracl_core.floors.item_knn import Settings

ITEMS_AT_ONCE = 256


class Floor(ScoringFloor):
    """score(j) = sum over the history's items i of decay^age(i) * cos(i, j), j among the nearest of i."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self.decay, self.popularity = settings.decay, counts.popularity
        had_UN = histories_matrix(counts.train, counts.n_items)
        had_UN.data[:] = 1.0  # how often does not count, only whether
        size_N = np.sqrt(np.maximum(had_UN.sum(axis=0), 1.0))
        self.near_NN = nearest((had_UN / size_N[None, :]).tocsc(), settings.neighbors)

    def score(self, rows: Sequences) -> Floats:
        history_RN = histories_matrix(rows, len(self.popularity), self.decay)
        return then_popular(history_RN @ self.near_NN, self.popularity)


def nearest(unit_UN: sparse.csc_array, most: int) -> sparse.csr_array:
    """Of each column its `most` largest products with others; of equal ones those of the lower column.

    Some columns at a time: nearly all pairs of popular items have a user in common, and the products of all
    at once would be as many as the square of the items.
    """
    n_items, found = unit_UN.shape[1], []
    by_user_UN, by_item_NU = unit_UN.tocsr(), unit_UN.T.tocsr()
    for start in range(0, n_items, ITEMS_AT_ONCE):
        near = (by_item_NU[start : start + ITEMS_AT_ONCE] @ by_user_UN).tocsr()
        near.sort_indices()
        for at in range(near.shape[0]):
            inside = slice(near.indptr[at], near.indptr[at + 1])
            column, value = near.indices[inside], near.data[inside]
            others = column != start + at
            found.append(strongest(column[others], value[others], most))
    kept = [len(column) for column, _ in found]
    columns, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sparse.csr_array((values, columns, np.concatenate(([0], np.cumsum(kept)))), (n_items, n_items))


def strongest(
    column: NDArray[np.int32], value: NDArray[np.float64], most: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The `most` largest of `value` and their columns, which ascend; of equal ones those of the lower."""
    if len(value) <= most:
        return column, value
    least = np.partition(value, -most)[-most]
    above, equal = value > least, np.flatnonzero(value == least)
    above[equal[: most - int(above.sum())]] = True
    return column[above], value[above]
