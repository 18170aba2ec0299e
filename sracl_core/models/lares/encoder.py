"""LARES's encoder: SASRec's blocks, and a core of the same kind that is applied again and again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.dropout import Dropout
from sracl_core.models.lares import Settings
from sracl_core.models.packing import Packed, pack
from sracl_core.models.sasrec.encoder import LAYER_NORM_EPS, Block, SASRec


def build(settings: Settings, n_items: int, seed: int) -> LARES:
    """The encoder with weights drawn from `seed`."""
    return LARES(settings, n_items, seed)


class LARES(SASRec):
    """SASRec whose states go through a shared core `steps` times; another number needs no other weights."""

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        super().__init__(settings, n_items, seed)
        size, self.steps = settings.hidden_size, settings.steps
        attention_dropout = Dropout(settings.attention_dropout, self.masks)
        self.fusion = nn.Linear(2 * size, size)
        self.fusion_norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.core = nn.ModuleList(
            Block(size, settings.heads, settings.inner_size, self.dropout, attention_dropout)
            for _ in range(settings.core_layers)
        )
        self.initialize(seed)

    def states(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.states`."""
        self.require_fit(rows)
        batch = pack(rows, self.device, flat=True)
        return self._thought(batch, last_only=False)[batch.flat_S]

    def _last_states(self, batch: Packed) -> Tensor:
        return self._thought(batch, last_only=True)[batch.unsort_B]

    def _thought(self, batch: Packed, *, last_only: bool) -> Tensor:
        """T_k at every token, or (`last_only`) at each row's last token."""
        read_TD = self._embed(batch)
        for block in self.blocks:
            read_TD = block(read_TD, batch, last_only=False)
        x: Tensor = read_TD
        for step in range(1, self.steps + 1):
            x = self.fusion_norm(self.fusion(torch.cat([x, read_TD], dim=-1)))
            for depth, block in enumerate(self.core, start=1):
                final = step == self.steps and depth == len(self.core)
                x = block(x, batch, last_only=last_only and final)
        return x
