"""How often a history holds an item, as a part of its score."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences


class Counts(nn.Module):
    """An item that the history holds n > 0 times gets weights[0] + weights[1] * log(1 + n).

    The whole history counts, however long, of which the encoder reads the latest items alone. Until the
    weights are chosen (`training.counts`) they are 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(2))
        self.weights: Tensor

    def said(self, histories: Sequences) -> tuple[Tensor, Tensor, Tensor]:
        """(row int64 [U], item int64 [U], what the weights multiply float32 [U, 2]); each pair once."""
        row = np.repeat(np.arange(len(histories)), histories.lengths)
        item = histories.values.astype(np.int64)
        size = int(item.max(initial=0)) + 1
        keys, n = np.unique((row * size + item)[item > 0], return_counts=True)
        values = np.stack([np.ones(len(n)), np.log1p(n)], axis=1).astype(np.float32)
        parts = (keys // size, keys % size, values)
        row_U, item_U, values_U2 = (torch.from_numpy(part).to(self.weights.device) for part in parts)
        return row_U, item_U, values_U2

    def of(self, n: NDArray[np.integer]) -> NDArray[np.float32]:
        """What an item gets that the history holds n times, float32; 0 for one that it does not hold."""
        held, often = self.weights.tolist()
        found: NDArray[np.float32] = np.where(n > 0, held + often * np.log1p(n), 0.0).astype(np.float32)
        return found

    def add_to(self, scores_RN: Tensor, histories: Sequences) -> None:
        """Add it where the scores stand; column j is item j + 1."""
        if not bool(self.weights.any()):
            return
        row, item, values = self.said(histories)
        scores_RN.index_put_((row, item - 1), (values @ self.weights).to(scores_RN), accumulate=True)
