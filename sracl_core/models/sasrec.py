"""SASRec as in the SRA-CL paper: a causal Transformer read at its last position.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018 (arXiv 1808.09781), with
post-LayerNorm (eps 1e-12), GELU and dropout on embeddings, attention and hidden layers.

Positions are counted from the end of the row. Only the last state of the last layer is used, so
only that is computed; tokens are packed without padding (see `packing`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sracl_core.models.attention import packed_attention
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout
from sracl_core.models.packing import Packed, pack

LAYER_NORM_EPS = 1e-12
# Activations of more tokens than this fall out of the cache, which costs a step a fifth of its time.
TOKENS_AT_ONCE = 8192


class SASRec(SequenceEncoder):
    """Transformer encoder over a prefix of at most `max_length` items."""

    def __init__(
        self,
        n_items: int,
        hidden_size: int = 64,
        layers: int = 2,
        heads: int = 2,
        inner_size: int = 256,
        dropout: float = 0.5,
        attention_dropout: float = 0.5,
        max_length: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__(n_items, hidden_size, seed)
        self.max_length = max_length
        self.positions = nn.Embedding(max_length, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(dropout, self.masks)
        self.blocks = nn.ModuleList(
            Block(hidden_size, heads, inner_size, self.dropout, Dropout(attention_dropout, self.masks))
            for _ in range(layers)
        )
        self.initialize(seed)

    def encode(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """See `SequenceEncoder.encode`; rows longer than `max_length` are cut to their latest items."""
        items_BL, lengths_B = items_BL[:, -self.max_length :], lengths_B.clamp(max=self.max_length)
        order_B = lengths_B.argsort(stable=True)
        # Rows of like length together: little padding, and activations that stay in the cache.
        parts = lengths_B[order_B].cumsum(0) // TOKENS_AT_ONCE
        sizes = torch.bincount(parts)
        rows = torch.split(order_B, sizes[sizes > 0].tolist())
        states = [self._states(pack(items_BL[part], lengths_B[part])) for part in rows]
        return torch.cat(states)[order_B.argsort()]

    def _states(self, batch: Packed) -> Tensor:
        x_TD = self.items(batch.tokens_T) + self.positions(batch.positions_T)
        x_TD = self.dropout(self.norm(x_TD))
        for block in self.blocks[:-1]:
            x_TD = block(x_TD, batch, last_only=False)
        states_BD: Tensor = self.blocks[-1](x_TD, batch, last_only=True)
        return states_BD[batch.unsort_B]


class Block(nn.Module):
    """Self-attention and feed-forward, each with a residual and a LayerNorm after it."""

    def __init__(
        self, hidden_size: int, heads: int, inner_size: int, dropout: Dropout, attention_dropout: Dropout
    ) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key_value = nn.Linear(hidden_size, 2 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.attention_norm = nn.LayerNorm(hidden_size, eps=LAYER_NORM_EPS)
        self.inner = nn.Linear(hidden_size, inner_size)
        self.outer = nn.Linear(inner_size, hidden_size)
        self.inner_norm = nn.LayerNorm(hidden_size, eps=LAYER_NORM_EPS)
        self.dropout = dropout
        self.attention_dropout = attention_dropout

    def forward(self, x_TD: Tensor, batch: Packed, last_only: bool) -> Tensor:
        """The block's output at every token, or (`last_only`) at each row's last token."""
        key_value_TE = self.key_value(x_TD)
        residual = x_TD[batch.last_B] if last_only else x_TD
        rate = self.attention_dropout.rate if self.training else 0.0
        mixed = packed_attention(
            self.query(residual), key_value_TE, batch.groups, self.heads, rate, self.attention_dropout.source
        )
        x = self.attention_norm(residual + self.dropout(self.output(mixed)))
        inner = nn.functional.gelu(self.inner(x))
        out: Tensor = self.inner_norm(x + self.dropout(self.outer(inner)))
        return out
