"""ComiRec's encoder: one pass of attention over packed rows, K times in parallel (see `models.packing`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.comirec import WIDER, Settings
from sracl_core.models.dropout import Dropout
from sracl_core.models.packing import Packed, by_pieces


def build(settings: Settings, n_items: int, seed: int) -> ComiRec:
    """The encoder with weights drawn from `seed`."""
    return ComiRec(settings, n_items, seed)


class ComiRec(SequenceEncoder):
    """A state is K interests of D numbers, end to end."""

    linear = False

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        size = settings.hidden_size
        super().__init__(n_items, size, settings.max_length, seed)
        self.interests = settings.interests
        self.positions = nn.Embedding(settings.max_length, size)
        self.dropout = Dropout(settings.dropout, self.masks)
        self.inner = nn.Linear(size, WIDER * size, bias=False)
        self.asked = nn.Linear(WIDER * size, settings.interests, bias=False)
        mapped = settings.values == "mapped"
        self.value = nn.Linear(size, size, bias=False) if mapped else nn.Identity()
        self.initialize(seed)
        # Wide enough for interests to look at different items from the first step on.
        torch_rng = torch.Generator().manual_seed(seed + 1)
        for layer in (self.inner, self.asked, self.value):
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=torch_rng)

    def encode(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.encode`; float [R, K * D]."""
        return by_pieces(rows.latest(self.max_length), self.device, self._interests)

    def toward(self, states_RS: Tensor, targets_R: Tensor) -> Tensor:
        """See `SequenceEncoder.toward`: the interest that likes the target best."""
        interests_RKD = states_RS.view(len(states_RS), self.interests, self.hidden_size)
        liked_RK = torch.einsum("rkd,rd->rk", interests_RKD, self.embed(targets_R).to(states_RS.dtype))
        return interests_RKD[torch.arange(len(states_RS), device=states_RS.device), liked_RK.argmax(dim=1)]

    def item_scores(self, states_RD: Tensor) -> Tensor:
        """See `SequenceEncoder.item_scores`: by the interest that likes an item best."""
        first, *others = torch.split(states_RD, self.hidden_size, dim=1)
        scores_RN = super().item_scores(first)
        for interest_RD in others:
            scores_RN = torch.maximum(scores_RN, super().item_scores(interest_RD))
        return scores_RN

    def _interests(self, batch: Packed) -> Tensor:
        read_TD = self.dropout(self.embed(batch.tokens_T))
        asked_TK = self.asked(self.inner(read_TD + self.positions(batch.positions_T)).tanh())
        value_TD, found = self.value(read_TD), []
        for group in batch.groups:
            tokens = slice(group.start, group.start + group.rows * group.width)
            asked_RLK = asked_TK[tokens].view(group.rows, group.width, self.interests)
            if group.keys_valid is not None:
                hidden = torch.finfo(asked_RLK.dtype).min
                asked_RLK = asked_RLK.masked_fill(~group.keys_valid[:, :, None], hidden)
            items_RLD = value_TD[tokens].view(group.rows, group.width, self.hidden_size)
            found.append((asked_RLK.softmax(dim=1).transpose(1, 2) @ items_RLD).flatten(1))
        return torch.cat(found)[batch.unsort_B]
