"""FMLP-Rec's encoder: filters over the whole padded window, as published (see `models.window`)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sracl_core.models.base import INIT_STD
from sracl_core.models.dropout import Dropout
from sracl_core.models.feed_forward import FeedForward
from sracl_core.models.fmlprec import Settings
from sracl_core.models.window import LAYER_NORM_EPS, WindowBlock, WindowEncoder
from sracl_core.settings.section import Backbone


def build(settings: Settings, n_items: int, seed: int) -> FMLPRec:
    """The encoder with weights drawn from `seed`."""
    return FMLPRec(settings, n_items, seed)


class FMLPRec(WindowEncoder):
    """Learned filters and feed-forward layers."""

    def make_blocks(self, settings: Backbone) -> Iterable[WindowBlock]:
        """See `WindowEncoder.make_blocks`."""
        assert isinstance(settings, Settings)
        return [FilterBlock(settings, self.dropout) for _ in range(settings.layers)]

    def initialize(self, seed: int) -> None:
        """As `SequenceEncoder.initialize`; filters start N(0, 0.02) too."""
        super().initialize(seed)
        torch_rng = torch.Generator().manual_seed(seed + 1)
        for block in self.blocks:
            assert isinstance(block, FilterBlock)
            nn.init.normal_(block.filter_FD2, std=INIT_STD, generator=torch_rng)

    def padded(self, items_RL: Tensor) -> Tensor:
        """Not there: ONNX has no complex numbers, which the filters are made of."""
        raise NotImplementedError("FMLPRec has no form that can be exported")


class FilterBlock(WindowBlock):
    """A filter with a real and an imaginary part for each frequency and component, then feed-forward."""

    def __init__(self, settings: Settings, dropout: Dropout) -> None:
        super().__init__()
        size = settings.hidden_size
        self.window = settings.max_length
        self.filter_FD2 = nn.Parameter(torch.zeros(self.window // 2 + 1, size, 2))
        self.norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.feed_forward = FeedForward(size, settings.inner_size, dropout, LAYER_NORM_EPS)
        self.dropout = dropout

    def forward(self, x_RLD: Tensor, real_RL: Tensor, last_only: bool) -> Tensor:
        """See `WindowBlock.forward`."""
        filter_FD = torch.view_as_complex(self.filter_FD2)
        if last_only:
            # A product of transforms is a circular convolution, and the last position one inner product.
            kernel_LD = torch.fft.irfft(filter_FD, n=self.window, dim=0)
            filtered = (x_RLD * kernel_LD.flip(0)).sum(dim=1)
            x = x_RLD[:, -1]
        else:
            spectrum_RFD = torch.fft.rfft(x_RLD.float(), dim=1)
            filtered = torch.fft.irfft(spectrum_RFD * filter_FD, n=self.window, dim=1)
            x = x_RLD
        out: Tensor = self.feed_forward(self.norm(x + self.dropout(filtered)))
        return out
