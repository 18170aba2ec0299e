"""EIMF's two tasks of users' texts (arXiv 2411.09410)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.eimf import Settings
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.next_item.cross_entropy import linear_cross_entropy
from sracl_core.objectives.world import World
from sracl_core.seeding import derive_seed


def build(settings: Settings, world: World) -> EIMF:
    """Both tasks, without those whose share is 0."""
    return EIMF(settings, world)


class EIMF(Objective):
    """A prefix's text, mapped into the item space, against its state and against its target."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        assert world.prefix_vectors is not None
        self.settings, self.texts = settings, world.prefix_vectors
        self.map = nn.Linear(self.texts.width, world.item_size)
        torch_rng = torch.Generator().manual_seed(derive_seed(world.seed, "eimf") % 2**32)
        nn.init.xavier_uniform_(self.map.weight, generator=torch_rng)
        nn.init.zeros_(self.map.bias)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            targets_B = torch.from_numpy(batch.targets_B).to(anchors_BD.device)
            told_BD = self.map(self.texts.take(batch.prefixes_B, anchors_BD.device))
            parts: LossParts = {}
            if settings.alignment:
                liked_BD = encoder.toward(anchors_BD, targets_B)
                loss = info_nce(liked_BD, told_BD, settings.similarity, settings.temperature)
                parts["eimf/alignment"] = settings.alignment * loss
            if settings.prediction:
                wanted_B1 = targets_B[:, None] - 1
                ones_B1 = torch.ones_like(wanted_B1, dtype=torch.float32)
                loss = linear_cross_entropy(told_BD, encoder.item_embeddings[1:], wanted_B1, ones_B1)
                parts["eimf/prediction"] = settings.prediction * loss
            return parts

        return Request(finish)
