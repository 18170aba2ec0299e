"""Mixes the states of a prefix's neighbors into one positive."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import INIT_STD

SLOPE = 0.2


class Synthesizer(nn.Module, ABC):
    """Gives each neighbor a weight from the text vectors of anchor and neighbor."""

    dropout = 0.0

    def kept(self, valid_BK: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """The neighbors that are mixed: of the valid ones each is left out with probability `dropout`.

        Dropout on the softmax's weights would turn a row whose neighbors all drop out into a zero
        positive (with two neighbors at 0.5, a quarter of the rows). Here the weights are a softmax over
        those that stay, and the luckiest one always stays.

        Args:
            valid_BK: bool, at least one a row.
            rng: None outside training: all stay.
        """
        if rng is None or not self.dropout:
            return valid_BK
        luck_BK = np.where(valid_BK, rng.random(valid_BK.shape, dtype=np.float32), np.float32(-1.0))
        best_B1 = luck_BK.max(axis=1, keepdims=True)
        kept: np.ndarray = valid_BK & ((luck_BK >= self.dropout) | (luck_BK == best_B1))
        return kept

    @abstractmethod
    def weights(
        self, anchors_BE: Tensor | None, neighbors_RE: Tensor | None, among_BK: Tensor, kept_BK: Tensor
    ) -> Tensor:
        """Weights [B, K], 0 where not `kept_BK`; each row sums to 1.

        Args:
            anchors_BE, neighbors_RE: text vectors; read where weights are learned.
            among_BK: int64, which of the R distinct neighbors stands where.
            kept_BK: bool, at least one a row.
        """


class MeanSynthesizer(Synthesizer):
    """The same weight for every neighbor: the paper's "w/o learnable synthesizer"."""

    def weights(
        self, anchors_BE: Tensor | None, neighbors_RE: Tensor | None, among_BK: Tensor, kept_BK: Tensor
    ) -> Tensor:
        """See `Synthesizer.weights`."""
        return kept_BK / kept_BK.sum(dim=1, keepdim=True).clamp(min=1)


class LearnedSynthesizer(Synthesizer):
    """softmax_j(LeakyReLU_0.2(a . [W e_u ; W e_j])) over the kept neighbors (SRA-CL, section 4.2)."""

    def __init__(self, text_size: int, hidden_size: int, dropout: float, seed: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.project = nn.Linear(text_size, hidden_size, bias=False)
        self.attention = nn.Parameter(torch.empty(2, hidden_size))
        rng = torch.Generator().manual_seed(seed)
        nn.init.xavier_uniform_(self.project.weight, generator=rng)
        nn.init.normal_(self.attention, std=INIT_STD, generator=rng)

    def weights(
        self, anchors_BE: Tensor | None, neighbors_RE: Tensor | None, among_BK: Tensor, kept_BK: Tensor
    ) -> Tensor:
        """See `Synthesizer.weights`."""
        assert anchors_BE is not None
        assert neighbors_RE is not None
        anchor_B1 = (self.project(anchors_BE) @ self.attention[0])[:, None]
        neighbor_BK = (self.project(neighbors_RE) @ self.attention[1])[among_BK]
        scores = nn.functional.leaky_relu(anchor_B1 + neighbor_BK, SLOPE)
        scores = scores.masked_fill(~kept_BK, torch.finfo(scores.dtype).min)
        weights_BK: Tensor = scores.softmax(dim=1) * kept_BK
        return weights_BK
