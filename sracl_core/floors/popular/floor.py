"""Items by how often they stand in the training part."""

from __future__ import annotations

import numpy as np

from sracl_core.data.sequences import Sequences
from sracl_core.floors.base import Counts, Floats, ScoringFloor
from sracl_core.floors.popular import Settings


class Floor(ScoringFloor):
    """One list for everybody."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self.popularity = counts.popularity

    def score(self, rows: Sequences) -> Floats:
        return np.broadcast_to(self.popularity, (len(rows), len(self.popularity))).copy()
