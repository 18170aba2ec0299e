"""What evidence says of the items after an example's history, had nothing from its target on been counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.related import REACH
from sracl_core.data.sequences import Sequences
from sracl_core.models.evidence import FLOORS, Evidence

WEIGHTS = {"transitions": 0.25, "words": 0.4}
"""Of each kind in the loss; those in the scores are fitted to the encoder that comes of it."""
LATEST = 20
"""Items of a history that are read; one before them would weigh a hundredth."""

AddTo = Callable[[Tensor, int], None]
"""Adds to logits [R, N] of the R examples from the given one on."""


class Residual:
    """Scores by evidence, which the loss adds to those of the states: these learn what it leaves over.

    What followed what was counted over the training part, each example's own target included, and what its
    user took after that. As far as the tables relate one of these to an item of the history because it came
    after it right there, that is taken off again.

    Args:
        train: the users' training sequences, which `data.related.following` has counted.
        prefixes: the examples, whose `values` are those of `train`.
        n_items: N.
    """

    def __init__(self, train: Sequences, prefixes: Prefixes, n_items: int) -> None:
        self.prefixes = prefixes
        self.last_U = train.offsets[1:]
        times_N = np.bincount(train.values, minlength=n_items + 1)[1:]
        self.often_N = torch.from_numpy(np.sqrt(np.maximum(times_N, 1)).astype(np.float32))
        places = np.arange(REACH)
        distances = 1 + places[:, None] + places
        self.zeros = torch.zeros(0)
        self.per_distance = torch.from_numpy(np.where(distances <= REACH, 1.0 / distances, 0.0)).float()

    def of(self, evidence: Evidence, rows_B: np.ndarray) -> AddTo:
        """What is to be added to the logits of the prefixes `rows_B`, int64 [B]."""
        some = self.prefixes.at(rows_B)
        histories = some.take(np.arange(len(some))).latest(LATEST)
        row, item, weight = evidence.weighed(histories, LATEST)
        later_BF = _at(some, np.arange(REACH), some.starts, self.last_U[some.users])
        later_TF = torch.from_numpy(later_BF).to(row.device)[row]
        own_TF = weight[:, None] * self._own(some, row, item, later_TF)

        def add_to(logits_RN: Tensor, first: int) -> None:
            bounds = torch.tensor([first, first + len(logits_RN)], device=row.device)
            begin, end = torch.searchsorted(row, bounds).tolist()
            parts = (row - first, item, weight, later_TF, own_TF)
            _add(evidence, logits_RN, self._zeros(logits_RN), *(part[begin:end] for part in parts))

        return add_to

    def _zeros(self, logits_RN: Tensor) -> Tensor:
        """As many as the room of the logits has numbers, at least; whoever writes there leaves zeros."""
        room = len(logits_RN) * logits_RN.stride(0)
        if self.zeros.device != logits_RN.device or len(self.zeros) < room:
            self.zeros = logits_RN.new_zeros(room)
        return self.zeros

    def _own(self, some: Prefixes, row: Tensor, item: Tensor, later_TF: Tensor) -> Tensor:
        """How much of share(item, later item) is that these came after it here, float32 [T, F].

        An item that stands in a history several times came before as often.
        """
        before_BD = _at(some, -1 - np.arange(REACH), some.starts, some.ends)
        before_TD = torch.from_numpy(before_BD).to(row.device)[row]
        came_TF = (before_TD == item[:, None]).float() @ self.per_distance.to(row.device)
        often_N = self.often_N.to(row.device)
        own_TF = came_TF / (often_N[item - 1][:, None] * often_N[(later_TF - 1).clamp(min=0)])
        return own_TF * ((later_TF > 0) & (later_TF != item[:, None]))


def _at(some: Prefixes, places: np.ndarray, first_B: np.ndarray, last_B: np.ndarray) -> np.ndarray:
    """Items so many places after each prefix's end, int64 [B, places]; 0 outside of `first` and `last`."""
    addresses = some.ends[:, None] + places
    inside = (addresses >= first_B[:, None]) & (addresses < last_B[:, None])
    found: np.ndarray = np.where(inside, some.values[np.where(inside, addresses, 0)], 0).astype(np.int64)
    return found


def _add(
    evidence: Evidence,
    logits_RN: Tensor,
    sums_L: Tensor,
    row: Tensor,
    item: Tensor,
    weight: Tensor,
    later_TF: Tensor,
    own_TF: Tensor,
) -> None:
    """Kind by kind, since the logarithm is of a sum of shares; what the history holds gets nothing.

    sums_L: zeros, as long as the room of the logits at least; zeros again afterwards.
    """
    begin_T = row * logits_RN.stride(0)
    room_L = logits_RN.as_strided(((len(logits_RN) - 1) * logits_RN.stride(0) + logits_RN.shape[1],), (1,))
    held_T = begin_T + item - 1
    kept_T = room_L.index_select(0, held_T)
    at, place = own_TF.nonzero(as_tuple=True)
    later, own = later_TF[at, place], own_TF[at, place]
    for number, kind in enumerate(evidence.kinds):
        near_TK, shares_TK = evidence.items[number][item - 1], evidence.shares[number][item - 1]
        # A place that is empty has a share of 0, of whichever item.
        keys = (begin_T[:, None] + (near_TK - 1).clamp_(min=0)).flatten()
        sums_L.scatter_add_(0, keys, (shares_TK * weight[:, None]).flatten())
        if kind == "transitions":
            counted = (near_TK[at] == later[:, None]).any(dim=1)
            sums_L.index_add_(0, (begin_T[at] + later - 1)[counted], -own[counted])
        found = WEIGHTS[kind] * torch.log1p(sums_L.index_select(0, keys).clamp_(min=0.0) / FLOORS[kind])
        # An item that several are related to has one sum, and is written as often, with the same.
        room_L.scatter_(0, keys, room_L.index_select(0, keys) + found)
        sums_L.index_fill_(0, keys, 0.0)
    room_L.index_copy_(0, held_T, kept_T)
