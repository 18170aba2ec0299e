"""Items by how often they stand in the user's own history; equals, and all others, by popularity."""

from __future__ import annotations

from sracl_core.data.sequences import Sequences
from sracl_core.floors.base import Counts, Floats, ScoringFloor, histories_matrix, then_popular
from sracl_core.floors.user_popular import Settings


class Floor(ScoringFloor):
    """A strong floor where people buy again, and by the unmasked protocol an empty one where nobody does."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self.popularity = counts.popularity

    def score(self, rows: Sequences) -> Floats:
        counted = histories_matrix(rows, len(self.popularity))
        # A share is below 1, so it orders those of one count and no others.
        counted.data += self.popularity[counted.indices]
        return then_popular(counted, self.popularity)
