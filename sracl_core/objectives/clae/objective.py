"""CLAE's two contrasts (arXiv 2010.12050, section 3)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.clae import Settings
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.world import World


def build(settings: Settings, world: World) -> CLAE:
    """Both contrasts, without the second where its share is 0."""
    return CLAE(settings)


class CLAE(Objective):
    """InfoNCE of each prefix with itself under other dropout, before and after a step to what is harder."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings
        alike = settings.similarity, settings.temperature

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            (again_BD,) = states
            parts = {"clae/clean": info_nce(anchors_BD, again_BD, *alike)}
            if settings.adversarial:
                moved_BD = anchors_BD + settings.step * harder(anchors_BD, again_BD, *alike)
                parts["clae/adversarial"] = settings.adversarial * info_nce(moved_BD, again_BD, *alike)
            return parts

        return Request(finish, [batch.rows])


def harder(left_BD: Tensor, right_BD: Tensor, similarity: str, temperature: float) -> Tensor:
    """The sign of the contrast's gradient in each component of `left_BD`, a constant; float [B, D]."""
    with torch.enable_grad():
        left_BD = left_BD.detach().requires_grad_()
        loss = info_nce(left_BD, right_BD.detach(), similarity, temperature)
        (gradient_BD,) = torch.autograd.grad(loss, left_BD)
    return gradient_BD.sign()
