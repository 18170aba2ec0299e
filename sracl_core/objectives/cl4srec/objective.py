"""CL4SRec's contrast of two random views (arXiv 2010.14395, section 3.2)."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.augment import mixed, random_operators
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.cl4srec import Settings
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.world import World


def build(settings: Settings, world: World) -> CL4SRec:
    """The contrast with the operators that `settings` describe."""
    return CL4SRec(settings)


class CL4SRec(Objective):
    """InfoNCE between two views of each prefix."""

    reads_anchors = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.operators = random_operators(settings.crop, settings.mask, settings.reorder)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            loss = info_nce(states[0], states[1], settings.similarity, settings.temperature)
            return {"cl4srec": loss}

        return Request(finish, [mixed(batch.rows, self.operators, rng) for _ in range(2)])
