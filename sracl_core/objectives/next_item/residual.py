"""What evidence says of the items after an example's history, had nothing from its target on been counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.related import REACH
from sracl_core.data.sequences import Sequences
from sracl_core.models.evidence import Evidence, held, logarithms, weighed

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
        self.often_N = np.sqrt(np.maximum(times_N, 1))
        places = np.arange(REACH)
        distances = 1 + places[:, None] + places
        self.per_distance = np.where(distances <= REACH, 1.0 / distances, 0.0)

    def of(self, evidence: Evidence, rows_B: np.ndarray) -> AddTo:
        """What is to be added to the logits of prefixes `rows_B`, int64 [B]; 0 to items that they hold."""
        some = self.prefixes.at(rows_B)
        histories = some.take(np.arange(len(some))).latest(LATEST)
        found = []
        for kind, sums in zip(evidence.kinds, evidence.sums(histories, LATEST), strict=True):
            if kind == "transitions":
                sums = sums - self._own(some, histories, evidence)
                sums.data.clip(0.0, out=sums.data)
            row, item, value = logarithms(kind, sums)
            found.append((row, item - 1, WEIGHTS[kind] * value))
        row, item = held(histories, LATEST)
        of_held = row, item - 1, np.zeros(len(row), dtype=np.float32)

        def add_to(logits_RN: Tensor, first: int) -> None:
            size, device = logits_RN.stride(0), logits_RN.device
            room_L = logits_RN.as_strided(((len(logits_RN) - 1) * size + logits_RN.shape[1],), (1,))

            def here(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> tuple[Tensor, Tensor]:
                some = slice(*np.searchsorted(rows, [first, first + len(logits_RN)]))
                places = torch.from_numpy((rows[some] - first) * size + columns[some])
                return places.to(device), torch.from_numpy(values[some]).to(device)

            held_U, _ = here(*of_held)
            kept_U = room_L[held_U]
            for part in found:
                room_L.index_add_(0, *here(*part))
            room_L[held_U] = kept_U

        return add_to

    def _own(self, some: Prefixes, histories: Sequences, evidence: Evidence) -> sparse.csr_array:
        """How much of the sums is that an item came after another one here, float32 [B, N + 1].

        An item that stands in a history several times came before as often.
        """
        row, item, weight = weighed(histories, LATEST)
        later_TF = _at(some, np.arange(REACH), some.starts, self.last_U[some.users])[row]
        before_TD = _at(some, -1 - np.arange(REACH), some.starts, some.ends)[row]
        came_TF = (before_TD == item[:, None]) @ self.per_distance
        at, place = np.nonzero(came_TF * ((later_TF > 0) & (later_TF != item[:, None])))
        before, later = item[at], later_TF[at, place]
        near_TK, _ = evidence.near("transitions", before)
        kept = (near_TK == later[:, None]).any(axis=1)
        own = weight[at] * came_TF[at, place] / (self.often_N[before - 1] * self.often_N[later - 1])
        shape = len(some), evidence.n_items + 1
        return sparse.csr_array((own[kept].astype(np.float32), (row[at][kept], later[kept])), shape)


def _at(some: Prefixes, places: np.ndarray, first_B: np.ndarray, last_B: np.ndarray) -> np.ndarray:
    """Items so many places after each prefix's end, int64 [B, places]; 0 outside of `first` and `last`."""
    addresses = some.ends[:, None] + places
    inside = (addresses >= first_B[:, None]) & (addresses < last_B[:, None])
    found: np.ndarray = np.where(inside, some.values[np.where(inside, addresses, 0)], 0).astype(np.int64)
    return found
