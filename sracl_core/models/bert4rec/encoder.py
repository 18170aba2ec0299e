"""BERT4Rec's encoder: tokens packed without padding, each seeing all of its row (see `models.packing`)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.bert4rec import Settings
from sracl_core.models.dropout import Dropout
from sracl_core.models.feed_forward import FeedForward
from sracl_core.models.full_attention import full_attention
from sracl_core.models.packing import Packed, by_pieces, one_group, pack, pieces

LAYER_NORM_EPS = 1e-12


def build(settings: Settings, n_items: int, seed: int) -> BERT4Rec:
    """The encoder with weights drawn from `seed`."""
    return BERT4Rec(settings, n_items, seed)


class BERT4Rec(SequenceEncoder):
    """A bidirectional Transformer over at most `max_length` items and one mask."""

    item_rows: ClassVar = {"items.weight": 1, "item_bias_N": 0}

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        size = settings.hidden_size
        super().__init__(n_items, size, settings.max_length, seed)
        self.mask = n_items + 1
        """The token of a masked item in the rows of `masked_states`."""
        self.special = nn.Embedding(1, size)
        self.positions = nn.Embedding(settings.max_length + 1, size)
        self.norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(settings.dropout, self.masks)
        attention_dropout = Dropout(settings.attention_dropout, self.masks)
        self.blocks = nn.ModuleList(
            Block(settings, self.dropout, attention_dropout) for _ in range(settings.layers)
        )
        self.transform = nn.Linear(size, size)
        self.transform_norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.item_bias_N = nn.Parameter(torch.zeros(n_items))
        self.initialize(seed)

    def encode(self, rows: Sequences) -> Tensor:
        """What a mask after the last item of each row is filled with; see `SequenceEncoder.encode`."""
        rows = rows.latest(self.max_length)
        ends = rows.offsets[1:]
        asked = Sequences(np.insert(rows.values, ends, self.mask), rows.offsets + np.arange(len(rows) + 1))
        return by_pieces(asked, self.device, self._last_states)

    def masked_states(self, rows: Sequences, where_M: np.ndarray) -> Tensor:
        """What masks inside of rows are filled with, float [M, D] in the order of `where_M`.

        Args:
            rows: at most `max_length` + 1 tokens each: items, and `mask` where one is hidden.
            where_M: int64, the masks' places in `rows.values`, increasing.
        """
        if int(rows.lengths.max(initial=0)) > self.max_length + 1:
            raise ValueError(f"a row is longer than the {self.max_length + 1} tokens that the encoder reads")
        _, parts = pieces(rows.lengths, self.device)
        row_M = np.searchsorted(rows.offsets, where_M, side="right") - 1
        within_M = where_M - rows.offsets[row_M]
        states, places = [], []
        for part in parts:
            batch = pack(taken := rows.take(part), self.device, flat=True)
            assert batch.flat_S is not None
            mine = np.flatnonzero(np.isin(row_M, part))
            at_R = np.empty(len(rows), dtype=np.int64)
            at_R[part] = np.arange(len(part))
            flat = taken.offsets[at_R[row_M[mine]]] + within_M[mine]
            chosen = batch.flat_S[torch.from_numpy(flat).to(self.device)]
            states.append(self._filled(self._read(batch, self.blocks)[chosen]))
            places.append(mine)
        unsort_M = torch.from_numpy(np.argsort(np.concatenate(places))).to(self.device)
        return torch.cat(states)[unsort_M]

    def item_scores(self, states_RD: Tensor) -> Tensor:
        """See `SequenceEncoder.item_scores`; each item has a number of its own besides."""
        return super().item_scores(states_RD) + self.item_bias_N

    def padded(self, items_RL: Tensor) -> Tensor:
        """See `SequenceEncoder.padded`; a last 1 meets each item's own number."""
        masked_RL = torch.nn.functional.pad(items_RL, (0, 1), value=self.mask)
        states_RD = self._last_states(one_group(masked_RL))
        return torch.cat([states_RD, torch.ones_like(states_RD[:, :1])], dim=1)

    @property
    def searched(self) -> Tensor:
        """See `SequenceEncoder.searched`."""
        return torch.cat([self.item_embeddings[1:], self.item_bias_N[:, None]], dim=1)

    def _last_states(self, batch: Packed) -> Tensor:
        x_TD = self._read(batch, self.blocks[:-1])
        states_BD: Tensor = self._filled(self.blocks[-1](x_TD, batch, last_only=True))
        return states_BD[batch.unsort_B]

    def _read(self, batch: Packed, blocks: nn.ModuleList) -> Tensor:
        masked_T = batch.tokens_T == self.mask
        tokens_TD = self.items(batch.tokens_T.masked_fill(masked_T, 0))
        tokens_TD = tokens_TD + masked_T[:, None] * self.special.weight[0]
        x_TD: Tensor = self.dropout(self.norm(tokens_TD + self.positions(batch.positions_T)))
        for block in blocks:
            x_TD = block(x_TD, batch, last_only=False)
        return x_TD

    def _filled(self, states_SD: Tensor) -> Tensor:
        filled_SD: Tensor = self.transform_norm(nn.functional.gelu(self.transform(states_SD)))
        return filled_SD


class Block(nn.Module):
    """Self-attention over all of a row and feed-forward, each with a residual and a LayerNorm after it."""

    def __init__(self, settings: Settings, dropout: Dropout, attention_dropout: Dropout) -> None:
        super().__init__()
        size, self.heads = settings.hidden_size, settings.heads
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(size, 2 * size)
        self.output = nn.Linear(size, size)
        self.attention_norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.feed_forward = FeedForward(size, settings.inner_size, dropout, LAYER_NORM_EPS)
        self.dropout = dropout
        self.attention_dropout = attention_dropout

    def forward(self, x_TD: Tensor, batch: Packed, last_only: bool) -> Tensor:
        """The block's output at every token, or (`last_only`) at each row's last token."""
        x = x_TD[batch.last_B] if last_only else x_TD
        query, key_value_TE = self.query(x), self.key_value(x_TD)
        mixed, at = [], 0
        for group in batch.groups:
            n_queries = 1 if last_only else group.width
            tokens = slice(group.start, group.start + group.rows * group.width)
            key_value_RLE = key_value_TE[tokens].view(group.rows, group.width, -1)
            query_RQD = query[at : at + group.rows * n_queries].view(group.rows, n_queries, -1)
            at += group.rows * n_queries
            bias = None
            if group.keys_valid is not None:
                hidden = torch.finfo(query.dtype).min
                bias = torch.zeros_like(group.keys_valid, dtype=query.dtype)
                bias = bias.masked_fill(~group.keys_valid, hidden)[:, None, :]
            out = full_attention(query_RQD, key_value_RLE, bias, self.heads, self.attention_dropout)
            mixed.append(out.flatten(0, 1))
        x = self.attention_norm(x + self.dropout(self.output(torch.cat(mixed))))
        out_SD: Tensor = self.feed_forward(x)
        return out_SD
