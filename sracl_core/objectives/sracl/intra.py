"""L_intra of SRA-CL (arXiv 2503.04162): two views of a prefix, some of their items replaced by near items."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.augment import substitute
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.sracl import Settings


class IntraUser(Objective):
    """InfoNCE between two views of the same prefix.

    Args:
        settings: weight, similarity, substitution.
        neighbors_NK: int32 [N, K]; row i holds the neighbors of item i + 1 as row numbers.
    """

    def __init__(self, settings: Settings, neighbors_NK: np.ndarray) -> None:
        super().__init__()
        self.settings = settings
        self.neighbors_NK = neighbors_NK

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings
        views = [substitute(batch.rows, self.neighbors_NK, settings.substitution, rng) for _ in range(2)]

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            loss = info_nce(states[0], states[1], settings.similarity, settings.temperature)
            return {"intra": settings.beta * loss}

        return Request(finish, views)
