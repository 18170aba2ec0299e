"""BSARec's encoder: a low-pass filter and attention over the whole padded window (see `models.window`)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sracl_core.models.bsarec import Settings
from sracl_core.models.dropout import Dropout
from sracl_core.models.feed_forward import FeedForward
from sracl_core.models.full_attention import full_attention
from sracl_core.models.window import LAYER_NORM_EPS, WindowBlock, WindowEncoder
from sracl_core.settings.section import Backbone

HIDDEN = -10000.0
"""Added to the score of a key that a query does not see, as published: a query on padding sees no key, so
the number cancels there, and it reads the whole window."""


def build(settings: Settings, n_items: int, seed: int) -> BSARec:
    """The encoder with weights drawn from `seed`."""
    return BSARec(settings, n_items, seed)


class BSARec(WindowEncoder):
    """Filters beside attention, and feed-forward layers."""

    def make_blocks(self, settings: Backbone) -> Iterable[WindowBlock]:
        """See `WindowEncoder.make_blocks`."""
        assert isinstance(settings, Settings)
        weights = Dropout(settings.attention_dropout, self.masks)
        return [Block(settings, self.dropout, weights) for _ in range(settings.layers)]

    def initialize(self, seed: int) -> None:
        """As `SequenceEncoder.initialize`; the weights of high frequencies start N(0, 1), as published."""
        super().initialize(seed)
        torch_rng = torch.Generator().manual_seed(seed + 1)
        for block in self.blocks:
            assert isinstance(block, Block)
            nn.init.normal_(block.beta_D, generator=torch_rng)


class Block(WindowBlock):
    """alpha of a filter and 1 - alpha of self-attention, then feed-forward."""

    def __init__(self, settings: Settings, dropout: Dropout, attention_dropout: Dropout) -> None:
        super().__init__()
        size, self.heads, self.alpha = settings.hidden_size, settings.heads, settings.alpha
        self.window, self.kept = settings.max_length, settings.c // 2 + 1
        self.beta_D = nn.Parameter(torch.zeros(size))
        self.filter_norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(size, 2 * size)
        self.output = nn.Linear(size, size)
        self.attention_norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.feed_forward = FeedForward(size, settings.inner_size, dropout, LAYER_NORM_EPS)
        self.dropout = dropout
        self.attention_dropout = attention_dropout

    def forward(self, x_RLD: Tensor, real_RL: Tensor, last_only: bool) -> Tensor:
        """See `WindowBlock.forward`."""
        wanted = slice(self.window - 1, None) if last_only else slice(None)
        x_RQD = x_RLD[:, wanted]
        low_RQD = torch.matmul(self._low_pass(x_RLD)[wanted], x_RLD)
        passed_RQD = low_RQD + self.beta_D**2 * (x_RQD - low_RQD)
        filtered_RQD = self.filter_norm(x_RQD + self.dropout(passed_RQD))
        bias = _unseen(real_RL, wanted).to(x_RLD.dtype) * HIDDEN
        mixed_RQD = full_attention(
            self.query(x_RQD), self.key_value(x_RLD), bias, self.heads, self.attention_dropout
        )
        attended_RQD = self.attention_norm(x_RQD + self.dropout(self.output(mixed_RQD)))
        out: Tensor = self.feed_forward(self.alpha * filtered_RQD + (1 - self.alpha) * attended_RQD)
        return out[:, 0] if last_only else out

    def _low_pass(self, like: Tensor) -> Tensor:
        """The filter as a matrix [L, L]: what is left of each position in each, few frequencies kept.

        A transform, a cut and its inverse are linear and the same for all components, so that one product
        with this does all three.
        """
        at_L = torch.arange(self.window, device=like.device)
        frequency_K = torch.arange(1, self.kept, device=like.device)
        turn_LLK = 2 * torch.pi / self.window * (at_L[:, None, None] - at_L[None, :, None]) * frequency_K
        return ((1 + 2 * turn_LLK.cos().sum(dim=-1)) / self.window).to(like.dtype)


def _unseen(real_RL: Tensor, wanted: slice) -> Tensor:
    """bool [R, Q, L]: the keys that a query does not see, those on padding and those after it."""
    window = real_RL.shape[1]
    later_LL = torch.ones(window, window, dtype=torch.bool, device=real_RL.device).triu(1)
    return ~real_RL[:, None, :] | later_LL[wanted]
