"""Mixes the states of a prefix's neighbors into one positive."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from sracl_core.models.base import INIT_STD
from sracl_core.models.dropout import Dropout, MaskSource

SLOPE = 0.2


class Synthesizer(nn.Module, ABC):
    """Gives each neighbor a weight from the text vectors of anchor and neighbor."""

    @abstractmethod
    def weights(self, anchors_BE: Tensor, neighbors_BKE: Tensor, valid_BK: Tensor) -> Tensor:
        """Weights [B, K], 0 where not `valid_BK`; each row sums to 1 before any dropout."""


class MeanSynthesizer(Synthesizer):
    """The same weight for every neighbor: the paper's "w/o learnable synthesizer"."""

    def weights(self, anchors_BE: Tensor, neighbors_BKE: Tensor, valid_BK: Tensor) -> Tensor:
        """See `Synthesizer.weights`."""
        return valid_BK / valid_BK.sum(dim=1, keepdim=True).clamp(min=1)


class LearnedSynthesizer(Synthesizer):
    """softmax_j(LeakyReLU_0.2(a . [W e_u ; W e_j])), dropout on the weights (SRA-CL, section 4.2)."""

    def __init__(
        self, text_size: int, hidden_size: int, dropout: float, masks: MaskSource, seed: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(text_size, hidden_size, bias=False)
        self.attention = nn.Parameter(torch.empty(2, hidden_size))
        self.dropout = Dropout(dropout, masks)
        rng = torch.Generator().manual_seed(seed)
        nn.init.xavier_uniform_(self.project.weight, generator=rng)
        nn.init.normal_(self.attention, std=INIT_STD, generator=rng)

    def weights(self, anchors_BE: Tensor, neighbors_BKE: Tensor, valid_BK: Tensor) -> Tensor:
        """See `Synthesizer.weights`."""
        anchor_B1 = (self.project(anchors_BE) @ self.attention[0])[:, None]
        neighbor_BK = self.project(neighbors_BKE) @ self.attention[1]
        scores = nn.functional.leaky_relu(anchor_B1 + neighbor_BK, SLOPE)
        scores = scores.masked_fill(~valid_BK, torch.finfo(scores.dtype).min)
        weights_BK: Tensor = self.dropout(scores.softmax(dim=1) * valid_BK)
        return weights_BK
