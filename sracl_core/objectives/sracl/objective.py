"""SRA-CL's two losses as one objective, each with chance of its own."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.sracl import Settings
from sracl_core.objectives.sracl.inter import InterUser
from sracl_core.objectives.sracl.intra import IntraUser
from sracl_core.objectives.world import World


def build(settings: Settings, world: World) -> SraCl:
    """SRA-CL's parts whose weight is not 0."""
    return SraCl(settings, world)


class SraCl(Objective):
    """alpha * L_inter + beta * L_intra (arXiv 2503.04162, equation of the joint loss)."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.parts = nn.ModuleDict()
        if settings.alpha:
            self.parts["inter"] = InterUser(settings, world)
        if settings.beta:
            assert world.item_neighbors_NK is not None
            self.parts["intra"] = IntraUser(settings, world.item_neighbors_NK)

    def start_epoch(self, encoder: SequenceEncoder, rng: np.random.Generator) -> None:
        """See `Objective.start_epoch`."""
        for part in self._parts:
            part.start_epoch(encoder, rng)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`; neither part's draws depend on whether the other is there."""
        chance = dict(zip(("inter", "intra"), rng.spawn(2), strict=True))
        requests = [
            part.plan(encoder, batch, chance[name])
            for name, part in zip(self.parts, self._parts, strict=True)
        ]

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            parts: LossParts = {}
            for request in requests:
                mine, states = states[: len(request.rows)], states[len(request.rows) :]
                parts |= request.finish(anchors_BD, mine)
            return parts

        return Request(finish, [rows for request in requests for rows in request.rows])

    @property
    def _parts(self) -> list[Objective]:
        return [part for part in self.parts.values() if isinstance(part, Objective)]
