"""The share of each item among those that followed the history's last one in training."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sracl_core.data.sequences import Sequences
from sracl_core.floors.base import Counts, Floats, ScoringFloor, then_popular
from sracl_core.floors.markov import Settings


class Floor(ScoringFloor):
    """score(j) = count(i followed by j) / count(i followed by any), i the last item."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self.popularity = counts.popularity
        values, offsets = counts.train.values, counts.train.offsets
        follows = np.ones(len(values), dtype=bool)
        follows[offsets[:-1][counts.train.lengths > 0]] = False
        later = np.flatnonzero(follows)
        pairs = (values[later - 1] - 1, values[later] - 1)
        counted = sparse.coo_array((np.ones(len(later)), pairs), (counts.n_items, counts.n_items)).tocsr()
        total = np.maximum(counted.sum(axis=1), 1.0)
        self.next_NN = (counted / total[:, None]).tocsr()

    def score(self, rows: Sequences) -> Floats:
        last = rows.values[rows.offsets[1:] - 1] - 1
        return then_popular(self.next_NN[last], self.popularity)
