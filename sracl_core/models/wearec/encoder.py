"""WEARec's encoder: adaptive filters and Haar wavelets over the whole padded window (see `models.window`)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sracl_core.models.base import INIT_STD
from sracl_core.models.dropout import Dropout
from sracl_core.models.feed_forward import FeedForward
from sracl_core.models.wearec import Settings
from sracl_core.models.window import LAYER_NORM_EPS, WindowBlock, WindowEncoder
from sracl_core.settings.section import Backbone

BIAS_START = -0.1


def build(settings: Settings, n_items: int, seed: int) -> WEARec:
    """The encoder with weights drawn from `seed`."""
    return WEARec(settings, n_items, seed)


class WEARec(WindowEncoder):
    """Adaptive filters beside wavelets, and feed-forward layers."""

    def make_blocks(self, settings: Backbone) -> Iterable[WindowBlock]:
        """See `WindowEncoder.make_blocks`."""
        assert isinstance(settings, Settings)
        return [Block(settings, self.dropout) for _ in range(settings.layers)]

    def initialize(self, seed: int) -> None:
        """As `SequenceEncoder.initialize`; the weights of wavelet details start N(0, 0.02) too."""
        super().initialize(seed)
        torch_rng = torch.Generator().manual_seed(seed + 1)
        for block in self.blocks:
            assert isinstance(block, Block)
            nn.init.normal_(block.details_PD, std=INIT_STD, generator=torch_rng)

    def padded(self, items_RL: Tensor) -> Tensor:
        """Not there: ONNX has no complex numbers, which the filters are made of."""
        raise NotImplementedError("WEARec has no form that can be exported")


class Block(WindowBlock):
    """alpha of a filter that the row's mean adapts and 1 - alpha of a wavelet, then feed-forward.

    Shape suffixes: F frequencies, P pairs of neighboring positions, C components of a head.
    """

    def __init__(self, settings: Settings, dropout: Dropout) -> None:
        super().__init__()
        size, self.heads, self.alpha = settings.hidden_size, settings.heads, settings.alpha
        self.window = settings.max_length
        frequencies = self.window // 2 + 1
        self.filter_HF = nn.Parameter(torch.ones(self.heads, frequencies))
        self.bias_HF = nn.Parameter(torch.full((self.heads, frequencies), BIAS_START))
        self.details_PD = nn.Parameter(torch.zeros(self.window // 2, size))
        self.context = nn.Linear(size, size)
        self.adapted = nn.Linear(size, self.heads * frequencies * 2)
        self.norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.feed_forward = FeedForward(size, settings.inner_size, dropout, LAYER_NORM_EPS)
        self.dropout = dropout

    def forward(self, x_RLD: Tensor, real_RL: Tensor, last_only: bool) -> Tensor:
        """See `WindowBlock.forward`."""
        passed = self.alpha * self._filtered(x_RLD, last_only) + (1 - self.alpha) * self._wavelet(
            x_RLD, last_only
        )
        x = x_RLD[:, -1] if last_only else x_RLD
        out: Tensor = self.feed_forward(self.norm(x + self.dropout(passed)))
        return out

    def _filtered(self, x_RLD: Tensor, last_only: bool) -> Tensor:
        adapted = self.adapted(nn.functional.gelu(self.context(x_RLD.mean(dim=1)))).float()
        scale_RHF, shift_RHF = adapted.view(len(x_RLD), self.heads, -1, 2).unbind(-1)
        filter_RHF, bias_RHF = self.filter_HF * (1 + scale_RHF), self.bias_HF + shift_RHF
        x_RLHC = x_RLD.float().reshape(*x_RLD.shape[:2], self.heads, -1)
        if last_only:
            # A product of transforms is a circular convolution, and the last position one inner product.
            kernel_RHL = torch.fft.irfft(filter_RHF.to(torch.complex64), n=self.window)
            added_RHL = torch.fft.irfft(bias_RHF.to(torch.complex64), n=self.window, norm="ortho")
            mixed_RHC = torch.einsum("rlhc,rhl->rhc", x_RLHC, kernel_RHL.flip(-1))
            last_RD: Tensor = (mixed_RHC + added_RHL[:, :, -1:]).flatten(1)
            return last_RD
        spectrum_RFHC = torch.fft.rfft(x_RLHC, dim=1, norm="ortho")
        weight, bias = (part.transpose(1, 2)[..., None] for part in (filter_RHF, bias_RHF))
        moved_RFHC = spectrum_RFHC * weight + bias
        found_RLD: Tensor = torch.fft.irfft(moved_RFHC, n=self.window, dim=1, norm="ortho").flatten(2)
        return found_RLD

    def _wavelet(self, x_RLD: Tensor, last_only: bool) -> Tensor:
        """Haar's transform of one level and its inverse: a pair's mean, plus and minus its detail."""
        even = self.window - self.window % 2
        if last_only:
            if even < self.window:
                return x_RLD[:, -1]
            first_RD, second_RD = x_RLD[:, -2], x_RLD[:, -1]
            return (first_RD + second_RD) / 2 - (first_RD - second_RD) / 2 * self.details_PD[-1]
        first_RPD, second_RPD = x_RLD[:, :even].reshape(len(x_RLD), -1, 2, x_RLD.shape[2]).unbind(2)
        mean_RPD, detail_RPD = (first_RPD + second_RPD) / 2, (first_RPD - second_RPD) / 2 * self.details_PD
        pairs_RPD = torch.stack([mean_RPD + detail_RPD, mean_RPD - detail_RPD], dim=2)
        return torch.cat([pairs_RPD.flatten(1, 2), x_RLD[:, even:]], dim=1)
