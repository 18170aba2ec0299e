"""CaDiRec's contrast and what its diffusion learns from (arXiv 2405.09369, section 4)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.cadirec import Settings
from sracl_core.objectives.cadirec.denoiser import Denoiser, drawn
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.next_item.cross_entropy import linear_cross_entropy
from sracl_core.objectives.world import World
from sracl_core.seeding import derive_seed

SCORES_AT_ONCE = 1 << 22


def build(settings: Settings, world: World) -> CaDiRec:
    """The contrast and the diffusion."""
    return CaDiRec(settings, world)


class CaDiRec(Objective):
    """InfoNCE between two views with substitutes of a diffusion model, which learns beside the encoder."""

    reads_anchors = False

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings, self.n_items = settings, world.n_items
        longest = int(world.prefixes.lengths.max(initial=1))
        seed = derive_seed(world.seed, "cadirec") % 2**32
        self.denoiser = Denoiser(settings, world.item_size, longest, seed)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings, rows = self.settings, batch.rows
        draws = drawn(rows, settings, self.denoiser.size, self.n_items, rng)
        self.denoiser.masks.rng = rng
        items_S = torch.from_numpy(rows.values.astype(np.int64)).to(encoder.device)
        start_MD, told_MD, sampled_MD = self.denoiser(rows, encoder.embed(items_S), draws)
        views = [rows] * 2
        if len(draws.where_M):
            picks_2M = torch.from_numpy(draws.picks_2M).to(encoder.device)
            found_2M = nearest(sampled_MD, encoder.item_embeddings[1:], picks_2M).cpu().numpy()
            views = [_with(rows, draws.where_M, found_M + 1) for found_M in found_2M]

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            alike = settings.similarity, settings.temperature
            parts = {"cadirec/contrast": info_nce(states[0], states[1], *alike)}
            if settings.denoising:
                wanted_M1 = items_S[torch.from_numpy(draws.where_M).to(items_S.device), None] - 1
                loss = _rounding(told_MD, encoder.item_embeddings[1:], wanted_M1)
                parts["cadirec/rounding"] = settings.denoising * loss
            if settings.squared:
                error = (told_MD - start_MD).square().sum() / max(told_MD.numel(), 1)
                parts["cadirec/squared"] = settings.squared * error
            return parts

        return Request(finish, views)


@torch.no_grad()
def nearest(states_MD: Tensor, items_ND: Tensor, picks_2M: Tensor) -> Tensor:
    """Row numbers of the items that score highest: of each state those at the places `picks_2M`, [2, M]."""
    count = int(picks_2M.max()) + 1
    found = [
        (part_MD @ items_ND.T).topk(count, dim=1).indices
        for part_MD in torch.split(states_MD, max(1, SCORES_AT_ONCE // len(items_ND)))
    ]
    return torch.cat(found).T.gather(0, picks_2M)


def _rounding(told_MD: Tensor, items_ND: Tensor, wanted_M1: Tensor) -> Tensor:
    """Mean cross-entropy of finding each item by what is told of it; 0 where nothing was replaced."""
    if not len(told_MD):
        return told_MD.sum() * 0.0
    return linear_cross_entropy(told_MD, items_ND, wanted_M1, torch.ones_like(wanted_M1, dtype=torch.float32))


def _with(rows: Sequences, where_M: np.ndarray, items_M: np.ndarray) -> Sequences:
    """`rows` with other items at some places."""
    values = rows.values.copy()
    values[where_M] = items_M
    return Sequences(values, rows.offsets)
