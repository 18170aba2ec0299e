"""SASRec's encoder: post-LayerNorm (eps 1e-12), GELU, dropout on embeddings, attention and hidden layers.

Positions are counted from the end of the row. Where only the last state of the last layer is asked
for, only that is computed; tokens are packed without padding (see `models.packing`).
"""

from __future__ import annotations

from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.attention import packed_attention
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout
from sracl_core.models.packing import Packed, by_pieces, one_group, pack
from sracl_core.models.sasrec import Settings

LAYER_NORM_EPS = 1e-12


def build(settings: Settings, n_items: int, seed: int) -> SASRec:
    """The encoder with weights drawn from `seed`."""
    return SASRec(settings, n_items, seed)


class SASRec(SequenceEncoder):
    """Transformer encoder over a prefix of at most `max_length` items."""

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        size = settings.hidden_size
        super().__init__(n_items, size, settings.max_length, seed)
        self.positions = nn.Embedding(settings.max_length, size)
        self.norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(settings.dropout, self.masks)
        attention_dropout = Dropout(settings.attention_dropout, self.masks)
        self.blocks = nn.ModuleList(
            Block(size, settings.heads, settings.inner_size, self.dropout, attention_dropout)
            for _ in range(settings.layers)
        )
        self.initialize(seed)

    def encode(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.encode`."""
        return by_pieces(rows.latest(self.max_length), self.device, self._last_states)

    def states(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.states`."""
        self.require_fit(rows)
        batch = pack(rows, self.device, flat=True)
        x_TD = self._embed(batch)
        for block in self.blocks:
            x_TD = block(x_TD, batch, last_only=False)
        return x_TD[batch.flat_S]

    def padded(self, items_RL: Tensor) -> Tensor:
        """See `SequenceEncoder.padded`."""
        return self._last_states(one_group(items_RL))

    def _last_states(self, batch: Packed) -> Tensor:
        x_TD = self._embed(batch)
        for block in self.blocks[:-1]:
            x_TD = block(x_TD, batch, last_only=False)
        states_BD: Tensor = self.blocks[-1](x_TD, batch, last_only=True)
        return states_BD[batch.unsort_B]

    def _embed(self, batch: Packed) -> Tensor:
        x_TD = self.embed(batch.tokens_T) + self.positions(batch.positions_T)
        embedded_TD: Tensor = self.dropout(self.norm(x_TD))
        return embedded_TD


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
        return self.joined(residual, mixed)

    def joined(self, residual: Tensor, mixed: Tensor) -> Tensor:
        """The block's output from its input and what attention made of it."""
        x = self.attention_norm(residual + self.dropout(self.output(mixed)))
        inner = nn.functional.gelu(self.inner(x))
        out: Tensor = self.inner_norm(x + self.dropout(self.outer(inner)))
        return out
