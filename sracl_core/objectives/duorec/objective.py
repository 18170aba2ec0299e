"""DuoRec's two contrasts (arXiv 2110.05730, section 3.3)."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.duorec import Settings
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.world import World


def build(settings: Settings, world: World) -> DuoRec:
    """Both contrasts, without those whose share is 0."""
    return DuoRec(settings, world)


class DuoRec(Objective):
    """InfoNCE of each prefix with itself under other dropout, and with one of the same target."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings = settings
        self.prefixes = world.prefixes
        self.fellows = SameTarget(world.prefixes.targets)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings
        shares, rows = {}, []
        if settings.unsupervised:
            shares["unsupervised"] = settings.unsupervised
            rows.append(batch.rows)
        if settings.supervised:
            shares["supervised"] = settings.supervised
            rows.append(self.prefixes.take(self.fellows.draw(batch.prefixes_B, rng)))

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            return {
                f"duorec/{name}": share
                * info_nce(anchors_BD, other_BD, settings.similarity, settings.temperature)
                for (name, share), other_BD in zip(shares.items(), states, strict=True)
            }

        return Request(finish, rows)


class SameTarget:
    """Finds other prefixes that the same item followed.

    Args:
        targets_P: the item after each prefix.
    """

    def __init__(self, targets_P: np.ndarray) -> None:
        self.order_P = np.argsort(targets_P, kind="stable")
        self.place_P = np.empty_like(self.order_P)
        self.place_P[self.order_P] = np.arange(len(targets_P))
        _, group_P, count_G = np.unique(targets_P, return_inverse=True, return_counts=True)
        self.count_P = count_G[group_P]
        self.first_P = (np.cumsum(count_G) - count_G)[group_P]

    def draw(self, rows_B: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """For each prefix another of the same target, uniformly; itself where there is no other."""
        others_B = self.count_P[rows_B] - 1
        within_B = (rng.random(len(rows_B)) * others_B).astype(np.int64)
        own_B = self.place_P[rows_B] - self.first_P[rows_B]
        within_B += (within_B >= own_B) & (others_B > 0)
        found: np.ndarray = self.order_P[self.first_P[rows_B] + within_B]
        return found
