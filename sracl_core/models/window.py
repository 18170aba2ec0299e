"""Encoders that read the whole window of `max_length` positions, padding included.

A filter over frequencies mixes all positions of its window, so what stands at padding reaches the last
state: a window cut to the row would be another model. As published, a row is aligned to the right, and a
padded position holds its position embedding alone. Every position of every block is computed but those of
the last block, of which the last position alone is read.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout
from sracl_core.models.packing import pieces
from sracl_core.settings.section import Backbone

LAYER_NORM_EPS = 1e-12


class WindowBlock(nn.Module):
    """One layer of a `WindowEncoder`."""

    def forward(self, x_RLD: Tensor, real_RL: Tensor, last_only: bool) -> Tensor:
        """States [R, L, D] to [R, L, D], or (`last_only`) to those at the last position, [R, D].

        Args:
            x_RLD: states at all positions of the window.
            real_RL: bool, where an item stands, a blank one too: it keeps its place, padding has none.
            last_only: whether the last position alone is wanted.
        """
        raise NotImplementedError


class WindowEncoder(SequenceEncoder):
    """Item and position embeddings, LayerNorm, dropout, then blocks over the window.

    It reads a sequence only as a whole: a filter lets every position see every other.
    """

    def __init__(self, settings: Backbone, n_items: int, seed: int) -> None:
        super().__init__(n_items, settings.hidden_size, settings.max_length, seed)
        self.positions = nn.Embedding(settings.max_length, settings.hidden_size)
        self.norm = nn.LayerNorm(settings.hidden_size, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(settings.dropout, self.masks)
        self.blocks = nn.ModuleList(self.make_blocks(settings))
        self.initialize(seed)

    def make_blocks(self, settings: Backbone) -> Iterable[WindowBlock]:
        """The layers, first to last; `self.dropout` and `self.masks` are there already."""
        raise NotImplementedError

    def encode(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.encode`."""
        # Every row is as wide as the window: this cuts into pieces of one size, and keeps the order.
        _, parts = pieces(np.full(len(rows), self.max_length), self.device)
        return torch.cat([self._last_states(rows.take(part)) for part in parts])

    def padded(self, items_RL: Tensor) -> Tensor:
        """See `SequenceEncoder.padded`."""
        padded_RL = nn.functional.pad(items_RL, (self.max_length - items_RL.shape[1], 0))
        return self._read(padded_RL, padded_RL != 0)

    def _last_states(self, rows: Sequences) -> Tensor:
        tokens_RL = torch.from_numpy(rows.padded(self.max_length).astype(np.int64)).to(self.device)
        lengths_R = torch.from_numpy(rows.lengths).to(self.device)
        # By length, not by item: a blank item is no padding.
        return self._read(tokens_RL, self._columns < lengths_R[:, None])

    def _read(self, tokens_RL: Tensor, real_RL: Tensor) -> Tensor:
        x = self.dropout(self.norm(self.items(tokens_RL) + self.positions(self._columns)))
        for depth, block in enumerate(self.blocks, start=1):
            x = block(x, real_RL, last_only=depth == len(self.blocks))
        states_RD: Tensor = x
        return states_RD

    @property
    def _columns(self) -> Tensor:
        """How far each position of the window is from its end, int64 [L]."""
        return torch.arange(self.max_length - 1, -1, -1, device=self.device)
