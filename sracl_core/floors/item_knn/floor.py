"""The sum of the history's nearest items, by the cosine of the sets of users who had them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sracl_core.data.sequences import Sequences
from sracl_core.floors.base import Counts, Floats, ScoringFloor, histories_matrix, then_popular
from sracl_core.floors.item_knn import Settings


class Floor(ScoringFloor):
    """score(j) = sum over the history's items i of decay^age(i) * cos(i, j), j among the nearest of i."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self.decay, self.popularity = settings.decay, counts.popularity
        had_UN = histories_matrix(counts.train, counts.n_items)
        had_UN.data[:] = 1.0  # how often does not count, only whether
        size_N = np.sqrt(np.maximum(had_UN.sum(axis=0), 1.0))
        unit_UN = (had_UN / size_N[None, :]).tocsr()
        near_NN = (unit_UN.T @ unit_UN).tocoo()
        self.near_NN = strongest(near_NN, settings.neighbors)

    def score(self, rows: Sequences) -> Floats:
        history_RN = histories_matrix(rows, len(self.popularity), self.decay)
        return then_popular((history_RN @ self.near_NN).toarray(), self.popularity)


def strongest(near_NN: sparse.coo_array, most: int) -> sparse.csr_array:
    """The `most` largest values of each row, itself left out; of equal ones those of the lower column."""
    row, column, value = near_NN.row, near_NN.col, near_NN.data
    others = row != column
    row, column, value = row[others], column[others], value[others]
    order = np.lexsort((column, -value, row))
    row, column, value = row[order], column[order], value[order]
    starts = np.searchsorted(row, np.arange(near_NN.shape[0]))
    kept = np.arange(len(row)) - starts[row] < most
    return sparse.coo_array((value[kept], (row[kept], column[kept])), near_NN.shape).tocsr()
