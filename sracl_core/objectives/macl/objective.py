"""MACL's contrasts of weighted pairs (after arXiv 2506.05044)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.augment import substitute
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.macl import Settings
from sracl_core.objectives.world import World


def build(settings: Settings, world: World) -> MACL:
    """Both contrasts, without those whose share is 0."""
    return MACL(settings, world)


class MACL(Objective):
    """Each prefix with a view of near items, and with a near prefix, both by what texts say."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        assert world.prefix_vectors is not None
        self.settings, self.prefixes, self.texts = settings, world.prefixes, world.prefix_vectors
        self.item_neighbors_NK, self.prefix_neighbors_PK = world.item_neighbors_NK, world.prefix_neighbors_PK

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings, rows, drawn = self.settings, [], batch.prefixes_B
        every = has_any = np.arange(len(batch.prefixes_B))
        pairs = {}
        if settings.items:
            assert self.item_neighbors_NK is not None
            rows.append(substitute(batch.rows, self.item_neighbors_NK, settings.substitute, rng))
            pairs["items"] = settings.items, every, batch.prefixes_B
        if settings.sessions:
            has_any, drawn = self._near(batch.prefixes_B, rng)
            rows.append(self.prefixes.take(drawn))
            pairs["sessions"] = settings.sessions, has_any, drawn

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            device, parts = anchors_BD.device, {}
            for (name, (share, mine, views)), view_RD in zip(pairs.items(), states, strict=True):
                texts = [self.texts.take(some, device) for some in (batch.prefixes_B[mine], views)]
                own_RD = anchors_BD[torch.from_numpy(mine).to(device)]
                loss = weighted_nce(
                    torch.cat([own_RD, view_RD]),
                    torch.cat(texts),
                    settings.similarity,
                    settings.temperature,
                    settings.hardness,
                )
                parts[f"macl/{name}"] = share * loss
            return parts

        return Request(finish, rows)

    def _near(self, prefixes_B: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Which of them have a near prefix, as places in the batch, and one of it for each, at random."""
        assert self.prefix_neighbors_PK is not None
        near_BK = self.prefix_neighbors_PK[prefixes_B]
        count_B = (near_BK >= 0).sum(axis=1)
        column_B = (rng.random(len(prefixes_B)) * count_B).astype(np.int64)
        has_any = np.flatnonzero(count_B)
        return has_any, near_BK[has_any, column_B[has_any]]


def weighted_nce(
    states_SD: Tensor, texts_SE: Tensor, similarity: str, temperature: float, hardness: float
) -> Tensor:
    """The loss of `macl`, a scalar; 0 where there is no negative, or none of a partner's text is alike.

    Args:
        states_SD: both sides of the pairs, one after the other; row i and row i + S / 2 are partners.
        texts_SE: what texts say of each, of any length.
        similarity, temperature, hardness: as in its settings.
    """
    count = len(states_SD)
    if count <= 2:
        return states_SD.sum() * 0.0
    texts_SE = nn.functional.normalize(texts_SE.float(), dim=-1)
    states_SD = nn.functional.normalize(states_SD.float(), dim=-1) if similarity == "cosine" else states_SD
    logits_SS = states_SD @ states_SD.T / temperature
    at = torch.arange(count, device=states_SD.device)
    partner = at.roll(count // 2)
    positive_S = logits_SS[at, partner]
    others_SS = torch.ones_like(logits_SS, dtype=torch.bool)
    others_SS[at, at] = others_SS[at, partner] = False
    with torch.no_grad():
        alike_SS = (texts_SE @ texts_SE.T).clamp(0.0, 1.0)
        hard_SS = (hardness * logits_SS).masked_fill(~others_SS, -torch.inf).log_softmax(dim=1)
        log_weight_SS = hard_SS + np.log(count - 2) + (1.0 - alike_SS).log()
        share_S = alike_SS[at, partner] * (-hardness * (positive_S - positive_S.min())).exp()
        # Two of one text are no negatives of each other; all of one text leave a state none.
        log_weight_SS = log_weight_SS.clamp(min=torch.finfo(logits_SS.dtype).min)
    logits_SS = torch.where(others_SS, logits_SS + log_weight_SS, logits_SS)
    logits_SS = logits_SS.masked_fill(torch.eye(count, dtype=torch.bool, device=at.device), -torch.inf)
    each_S = nn.functional.cross_entropy(logits_SS, partner, reduction="none")
    return (share_S * each_S).sum() / share_S.sum().clamp(min=torch.finfo(share_S.dtype).tiny)
