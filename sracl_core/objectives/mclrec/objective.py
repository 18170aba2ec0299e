"""MCLRec's contrasts of random and learned views (arXiv 2304.07763, section 3)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.augment import mixed, random_operators
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.mclrec import Settings
from sracl_core.objectives.world import World
from sracl_core.seeding import derive_seed


def build(settings: Settings, world: World) -> MCLRec:
    """The contrasts, with augmenters drawn from the run's seed."""
    return MCLRec(settings, world)


class MCLRec(Objective):
    """InfoNCE between two views, and of each with what the augmenters make of the other and of both."""

    reads_anchors = False

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings, size = settings, world.hidden_size
        made = 2 if settings.learned else 0
        self.augmenters = nn.ModuleList(
            nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, size)) for _ in range(made)
        )
        torch_rng = torch.Generator().manual_seed(derive_seed(world.seed, "mclrec") % 2**32)
        for module in self.augmenters.modules():
            if isinstance(module, nn.Linear):
                # As wide as torch starts a map: a learned view near zero is no one's partner.
                nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=torch_rng)
                nn.init.zeros_(module.bias)
        self.operators = random_operators(settings.crop, settings.mask, settings.reorder)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings
        alike = settings.similarity, settings.temperature

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            parts = {"mclrec/views": info_nce(states[0], states[1], *alike)}
            if settings.learned:
                first, second = (make(view) for make, view in zip(self.augmenters, states, strict=True))
                pairs = [(states[0], second), (states[1], first), (first, second)]
                each = [info_nce(*pair, *alike) + settings.margin * margins(*pair, *alike) for pair in pairs]
                parts["mclrec/learned"] = settings.learned * torch.stack(each).sum()
            return parts

        return Request(finish, [mixed(batch.rows, self.operators, rng) for _ in range(2)])


def margins(left_BD: Tensor, right_BD: Tensor, similarity: str, temperature: float) -> Tensor:
    """How far positives lie above, and negatives below, the two bounds of their row; a scalar.

    0 where there is one row, and so no negative.
    """
    count = len(left_BD)
    both = torch.cat([left_BD, right_BD]).float()
    if similarity == "cosine":
        both = nn.functional.normalize(both, dim=-1)
    similar = both @ both.T / temperature
    if count < 2:
        return similar.sum() * 0.0
    at = torch.arange(2 * count, device=both.device)
    others = torch.ones_like(similar, dtype=torch.bool)
    others[at, at] = others[at, at.roll(count)] = False
    positive, negative = similar[at, at.roll(count)][:, None], similar[others].view(2 * count, -1)
    hardest = negative.amax(dim=1, keepdim=True)
    above = positive - torch.minimum(positive, hardest)
    below = (torch.maximum(positive, hardest) - negative).clamp(min=0)
    return above.mean() + below.mean()
