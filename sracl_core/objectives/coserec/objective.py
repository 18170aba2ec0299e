"""CoSeRec's contrast of two informed views (arXiv 2108.06479, section 4)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.augment import Operator, crop, insert, mask, mixed, reorder, replace
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.coserec import Settings
from sracl_core.objectives.coserec.correlation import most_alike, most_correlated
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.world import World

FOR_SHORT = 3


def build(settings: Settings, world: World) -> CoSeRec:
    """The contrast, with the correlations of the training part."""
    return CoSeRec(settings, world)


class CoSeRec(Objective):
    """InfoNCE between two views of each prefix; what is correlated changes with the model after a warm-up."""

    reads_anchors = False
    partners_N: Tensor
    epochs_begun: Tensor

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings = settings
        self.correlated_N, amount_N = most_correlated(world.split.train, world.n_items)
        self.amount_N = amount_N / max(float(amount_N.max(initial=0.0)), 1e-12)
        # Buffers, so that a resumed run counts on, and reads what its epoch began with.
        self.register_buffer("partners_N", torch.from_numpy(self.correlated_N.copy()))
        self.register_buffer("epochs_begun", torch.zeros((), dtype=torch.long))
        self._held_N: np.ndarray | None = None

    def start_epoch(self, encoder: SequenceEncoder, rng: np.random.Generator) -> None:
        """After the warm-up: of both partners of an item the one of the larger share of the highest."""
        if int(self.epochs_begun) >= self.settings.warm_up and len(self.correlated_N) > 1:
            with torch.no_grad():
                alike_N, share_N = most_alike(encoder.item_embeddings[1:].float())
            closer_N = np.where(self.amount_N >= share_N, self.correlated_N, alike_N)
            self.partners_N.copy_(torch.from_numpy(closer_N))
        self.epochs_begun += 1
        self._held_N = None

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings
        operators = self._operators()
        long_B = batch.rows.lengths > settings.short
        among_B = np.where(long_B, len(operators), FOR_SHORT)

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            loss = info_nce(states[0], states[1], settings.similarity, settings.temperature)
            return {"coserec": loss}

        return Request(finish, [mixed(batch.rows, operators, rng, among_B) for _ in range(2)])

    def _operators(self) -> list[Operator]:
        """The first FOR_SHORT are those that short sequences get."""
        if self._held_N is None:  # once an epoch: rows are made on the host
            self._held_N = self.partners_N.cpu().numpy().copy()
        settings, partners_N = self.settings, self._held_N
        return [
            lambda rows, rng: replace(rows, partners_N, settings.substitute, rng),
            lambda rows, rng: insert(rows, partners_N, settings.insert, rng),
            lambda rows, rng: mask(rows, settings.mask, rng),
            lambda rows, rng: crop(rows, settings.crop, rng),
            lambda rows, rng: reorder(rows, settings.reorder, rng),
        ]
