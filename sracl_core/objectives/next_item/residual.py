"""What evidence says of the items after an example's history, had the example itself not been counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.related import REACH
from sracl_core.data.sequences import Sequences, gathered
from sracl_core.models.evidence import FLOORS, Evidence

WEIGHTS = {"transitions": 0.25, "words": 0.4}
"""Of each kind in the loss; those in the scores are fitted to the encoder that comes of it."""
LATEST = 20
"""Items of a history that are read; one before them would weigh a hundredth."""

AddTo = Callable[[Tensor, int], None]
"""Adds to logits [R, N] of the R examples from the given one on."""


class Residual:
    """Scores by evidence, which the loss adds to those of the states: these learn what it leaves over.

    What followed what was counted over the training part, each example's own target included: as far as the
    tables relate the target to an item because it came after it right here, that is taken off again.

    Args:
        train: the users' training sequences, which `data.related.following` has counted.
        n_items: N.
    """

    def __init__(self, train: Sequences, n_items: int) -> None:
        times_N = np.bincount(train.values, minlength=n_items + 1)[1:]
        self.often_N = torch.from_numpy(np.sqrt(np.maximum(times_N, 1)).astype(np.float32))

    def of(self, evidence: Evidence, rows: Sequences, targets_B: np.ndarray, each: bool) -> AddTo:
        """What is to be added to the logits of B examples.

        Args:
            rows: their items; with `each` every item ends an example, in the order of `rows.values`.
            targets_B: int64 items.
        """
        ends = np.arange(len(rows.values)) + 1 if each else rows.offsets[1:]
        starts = np.repeat(rows.offsets[:-1], rows.lengths) if each else rows.offsets[:-1]
        starts = np.maximum(starts, ends - LATEST)
        row, item, age, weight = evidence.weighed(gathered(rows.values, starts, ends - starts), LATEST)
        target_B = torch.from_numpy(targets_B).to(row.device)
        own = weight * self._own(row, item, age, target_B) if "transitions" in evidence.kinds else weight

        def add_to(logits_RN: Tensor, first: int) -> None:
            bounds = torch.tensor([first, first + len(logits_RN)], device=row.device)
            begin, end = torch.searchsorted(row, bounds).tolist()
            here = slice(begin, end)
            asked = row[here] - first, item[here], weight[here], own[here]
            _add(evidence, logits_RN, target_B[first : first + len(logits_RN)], *asked)

        return add_to

    def _own(self, row: Tensor, item: Tensor, age: Tensor, target_B: Tensor) -> Tensor:
        """How much of share(item, target) is the example's own, float32 [T].

        An item that stands in a history several times came before the target as often.
        """
        came_T = torch.zeros(len(item), device=item.device)
        for distance in range(1, REACH + 1):
            there = age == distance - 1
            at_B = torch.zeros_like(target_B)
            at_B[row[there]] = item[there]
            came_T += (item == at_B[row]) / distance
        target_T = target_B[row]
        often_N = self.often_N.to(item.device)
        return came_T * (item != target_T) / (often_N[item - 1] * often_N[target_T - 1])


def _add(
    evidence: Evidence,
    logits_RN: Tensor,
    target_R: Tensor,
    row: Tensor,
    item: Tensor,
    weight: Tensor,
    own: Tensor,
) -> None:
    """Kind by kind, since the logarithm is of a sum of shares; what the history holds gets nothing."""
    size = logits_RN.shape[1]
    sums, said = logits_RN.new_zeros(2, logits_RN.numel())
    target_T = target_R[row]
    for place, kind in enumerate(evidence.kinds):
        near_TK, shares_TK = evidence.items[place][item - 1], evidence.shares[place][item - 1]
        # A place that is empty has a share of 0, of whichever item.
        keys = ((row * size)[:, None] + (near_TK - 1).clamp_(min=0)).flatten()
        sums.scatter_add_(0, keys, (shares_TK * weight[:, None]).flatten())
        if kind == "transitions":
            kept = ((near_TK == target_T[:, None]) & (shares_TK > 0)).any(dim=1)
            sums.index_add_(0, row[kept] * size + target_T[kept] - 1, -own[kept])
        found = WEIGHTS[kind] * torch.log1p(sums.index_select(0, keys).clamp_(min=0.0) / FLOORS[kind])
        # An item that several are related to has one sum, which is written as often.
        said.scatter_(0, keys, said.index_select(0, keys) + found)
        sums.index_fill_(0, keys, 0.0)
    said.index_fill_(0, row * size + item - 1, 0.0)
    logits_RN += said.view_as(logits_RN)
