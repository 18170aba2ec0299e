"""SASRec as in the SRA-CL paper: a causal Transformer read at its last position.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018 (arXiv 1808.09781), with
post-LayerNorm (eps 1e-12), GELU and dropout on embeddings, attention and hidden layers.

Positions are counted from the end of the row. Only the last state of the last layer is used, so
only that is computed; tokens are packed without padding (see `packing`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout
from sracl_core.models.packing import Group, Packed, pack

LAYER_NORM_EPS = 1e-12


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
        batch = pack(items_BL[:, -self.max_length :], lengths_B.clamp(max=self.max_length))
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
        query = self.query(residual)
        sizes = [group.rows * group.width for group in batch.groups]
        query_sizes = [group.rows for group in batch.groups] if last_only else sizes
        # One split, not a slice a group: its backward joins the parts once.
        parts = zip(
            torch.split(query, query_sizes), torch.split(key_value_TE, sizes), batch.groups, strict=True
        )
        mixed = [self._attend(query, key_value, group) for query, key_value, group in parts]
        x = self.attention_norm(residual + self.dropout(self.output(torch.cat(mixed))))
        inner = nn.functional.gelu(self.inner(x))
        out: Tensor = self.inner_norm(x + self.dropout(self.outer(inner)))
        return out

    def _attend(self, query_QD: Tensor, key_value_TE: Tensor, group: Group) -> Tensor:
        """Attention of each row's last positions (all, or one), each over what is not after it."""
        n_rows, width = group.rows, group.width
        n_queries = len(query_QD) // n_rows
        query = query_QD.view(n_rows, n_queries, self.heads, -1).transpose(1, 2)
        key, value = key_value_TE.view(n_rows, width, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) * (1.0 / math.sqrt(query.shape[-1]))
        hidden = torch.finfo(scores.dtype).min
        if n_queries > 1:
            after = torch.ones(width, width, dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(after, hidden)
        if group.keys_valid is not None:
            scores = scores.masked_fill(~group.keys_valid[:, None, None, :], hidden)
        weights = self.attention_dropout(scores.softmax(dim=-1))
        mixed: Tensor = weights @ value
        return mixed.transpose(1, 2).reshape(n_rows * n_queries, -1)
