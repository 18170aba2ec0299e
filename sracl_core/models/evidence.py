"""What is known of an item besides its state: what followed what in training, and whose words are alike.

An encoder of few dimensions smooths over items; a table that is looked up, item by item, keeps what it
smooths away. The order of the items that the history holds is not touched: how likely people are to take
those again is said by the encoder and its repeat bias.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from sracl_core.data.related import KEPT, Related, strongest
from sracl_core.data.sequences import Sequences, aged

DECAY = 0.8
"""Weight of an item of the history relative to the one after it."""
FLOORS = {"transitions": 1e-3, "words": 1e-2}
"""For each kind of evidence, the share far below which it adds nothing."""


class Evidence(nn.Module):
    """After history h item j gets the sum over kinds f of weight_f * log(1 + s_fj / floor_f).

    s_fj is the mean over the items i of h of share_f(i, j), an item weighing `DECAY` for each that came
    after it. What the history holds gets `lift` in its place, which keeps the chance of a repeat where it
    was. Until the weights are fitted (`training.evidence`) all of it is 0.

    Args:
        kinds: of `FLOORS`, F of them.
        kept: how many items can be related to one.
    """

    def __init__(self, n_items: int, kinds: tuple[str, ...], kept: int = KEPT) -> None:
        super().__init__()
        self.n_items, self.kinds = n_items, kinds
        self.register_buffer("weights", torch.zeros(len(kinds)))
        self.register_buffer("lift", torch.zeros(()))
        self.register_buffer("items", torch.zeros(len(kinds), n_items, kept, dtype=torch.int32))
        self.register_buffer("shares", torch.zeros(len(kinds), n_items, kept))
        self.weights: Tensor
        self.lift: Tensor
        self.items: Tensor
        self.shares: Tensor

    def know(self, kind: str, related: Related) -> None:
        """Take up what is related by one of the kinds."""
        place = self.kinds.index(kind)
        self.items[place] = torch.from_numpy(related.items)
        self.shares[place] = torch.from_numpy(related.shares)

    def near(self, kind: str, items_T: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """What of a kind is related to each of the items: items [T, K], 0 for none, and shares [T, K]."""
        number = self.kinds.index(kind)
        places = torch.from_numpy(items_T - 1).to(self.items.device)
        found = self.items[number][places], self.shares[number][places]
        return found[0].cpu().numpy(), found[1].cpu().numpy()

    def sums(self, histories: Sequences, most: int) -> list[sparse.csr_array]:
        """s_fj of each kind by the latest `most` items of each history, float32 [R, N + 1], on the host.

        Column j is item j; what stands in column 0 is of no item.
        """
        row, item, weight = weighed(histories, most)
        begin = np.searchsorted(row, np.arange(len(histories) + 1))
        weight_RT = sparse.csr_array((weight, np.arange(len(item)), begin), (len(histories), len(item)))
        found = []
        for kind in self.kinds:
            near_TK, shares_TK = self.near(kind, item)
            parts = shares_TK.ravel(), near_TK.ravel(), np.arange(len(item) + 1) * near_TK.shape[1]
            found.append(weight_RT @ sparse.csr_array(parts, (len(item), self.n_items + 1)))
        return found

    def said(
        self, histories: Sequences, most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """log(1 + s_fj / floor_f), where one is not 0, of items not among the latest `most` of the history.

        Returns:
            (row int64 [S], item int64 [S], values float32 [S, F]); each pair once
        """
        size = self.n_items + 1
        found = [
            logarithms(kind, sums) for kind, sums in zip(self.kinds, self.sums(histories, most), strict=True)
        ]
        keys, place = np.unique(
            np.concatenate([row * size + item for row, item, _ in found]), return_inverse=True
        )
        values = np.zeros((len(keys), len(self.kinds)), dtype=np.float32)
        begin = 0
        for column, (_, _, value) in enumerate(found):
            values[place[begin : begin + len(value)], column] = value
            begin += len(value)
        row, item = held(histories, most)
        new = ~np.isin(keys, row * size + item)
        return keys[new] // size, keys[new] % size, values[new]

    def add_to(
        self, scores_RN: Tensor, histories: Sequences, most: int, kinds: Collection[str] = tuple(FLOORS)
    ) -> None:
        """Add what the evidence of the `kinds` says, where the scores stand; column j is item j + 1."""
        if not bool(self.weights.any()):
            return
        flat, device = scores_RN.view(-1), scores_RN.device
        row, item = held(histories, most)
        held_U = torch.from_numpy(row * self.n_items + item - 1).to(device)
        kept_U = flat[held_U] + self.lift.to(flat)
        weights = self.weights.tolist()
        for kind, weight, sums in zip(self.kinds, weights, self.sums(histories, most), strict=True):
            if weight and kind in kinds:
                row, item, value = logarithms(kind, sums)
                keys = torch.from_numpy(row * self.n_items + item - 1).to(device)
                flat.index_add_(0, keys, torch.from_numpy(value).to(flat), alpha=weight)
        flat[held_U] = kept_U

    def grown(self, more: int, near: Mapping[str, Related]) -> Evidence:
        """The same with `more` items behind.

        near: by kind, the items from before to which each of the new ones is related, [more, KEPT]. The
        relation holds both ways: a new item comes to those from before as far as it would be among their
        `KEPT`, and nothing of theirs makes place for it.
        """
        known = self.n_items
        larger = Evidence(known + more, self.kinds, KEPT + (KEPT if near else 0))
        larger.weights.copy_(self.weights)
        larger.lift.copy_(self.lift)
        larger.items[:, :known, :KEPT], larger.shares[:, :known, :KEPT] = self.items, self.shares
        for kind, related in near.items():
            place = self.kinds.index(kind)
            new, column = np.nonzero(related.items)
            item, share = related.items[new, column] - 1, related.shares[new, column]
            least_N = self.shares[place].min(dim=1).values.numpy()
            good = share >= least_N[item]
            pairs = sparse.coo_array((share[good], (item[good], new[good] + known)), (known, known + more))
            back = strongest(pairs)
            for into, there, from_new, from_known in (
                (larger.items, self.items, related.items, back.items),
                (larger.shares, self.shares, related.shares, back.shares),
            ):
                into[place, known:, :KEPT] = torch.from_numpy(from_new).to(there)
                into[place, :known, KEPT:] = torch.from_numpy(from_known).to(there)
        return larger


def weighed(
    histories: Sequences, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Of the latest `most` items but blanks: row, item int64 [T], weight in the mean float32 [T]."""
    row, item, age = aged(histories, most)
    weight = DECAY ** age.astype(np.float64)
    weight /= np.bincount(row, weight, len(histories))[row]
    there = item > 0
    return row[there], item[there], weight[there].astype(np.float32)


def held(histories: Sequences, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct (row int64 [U], item int64 [U]) of the latest `most` items of each history."""
    row, item, _ = weighed(histories, most)
    size = int(item.max(initial=0)) + 1
    keys = np.unique(row * size + item)
    return keys // size, keys % size


def logarithms(
    kind: str, sums_RN: sparse.csr_array
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """(row int64 [S], item int64 [S], log(1 + s / floor) float32 [S]) of a kind of `Evidence.sums`."""
    there = sums_RN.indices > 0
    row = np.repeat(np.arange(sums_RN.shape[0]), np.diff(sums_RN.indptr))[there]
    values = np.log1p(sums_RN.data[there] / np.float32(FLOORS[kind]))
    return row, sums_RN.indices[there].astype(np.int64), values
