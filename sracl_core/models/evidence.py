"""What is known of an item besides its state: what followed what in training, and whose words are alike.

An encoder of few dimensions smooths over items; a table that is looked up, item by item, keeps what it
smooths away. The order of the items that the history holds is not touched: how likely people are to take
those again is said by the encoder and its repeat bias.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch
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

    def said(self, histories: Sequences, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """log(1 + s_fj / floor_f), where one is not 0, of items not among the latest `most` of the history.

        Returns:
            (row int64 [S], item int64 [S], values float32 [S, F]); each pair once
        """
        size = self.n_items + 1
        row_T, item_T, weight_T = self.weighed(histories, most)
        found = []
        for items, shares in zip(self.items, self.shares, strict=True):
            shares_TK = shares[item_T - 1] * weight_T[:, None]
            there = shares_TK > 0
            found.append(((row_T[:, None] * size + items[item_T - 1])[there], shares_TK[there]))
        keys, place = torch.unique(torch.cat([key for key, _ in found]), return_inverse=True)
        values = torch.zeros(len(keys), len(self.kinds), device=keys.device)
        begin = 0
        for column, (kind, (key, share)) in enumerate(zip(self.kinds, found, strict=True)):
            sums = torch.zeros(len(keys), device=keys.device)
            sums.index_add_(0, place[begin : begin + len(key)], share)
            values[:, column] = torch.log1p(sums / FLOORS[kind])
            begin += len(key)
        new = ~torch.isin(keys, row_T * size + item_T)
        return keys[new] // size, keys[new] % size, values[new]

    def held(self, histories: Sequences, most: int) -> tuple[Tensor, Tensor]:
        """The distinct (row int64 [U], item int64 [U]) of the latest `most` items of each history."""
        row_T, item_T, _ = self.weighed(histories, most)
        keys = torch.unique(row_T * (self.n_items + 1) + item_T)
        return keys // (self.n_items + 1), keys % (self.n_items + 1)

    def add_to(
        self, scores_RN: Tensor, histories: Sequences, most: int, kinds: Collection[str] = tuple(FLOORS)
    ) -> None:
        """Add what the evidence of the `kinds` says, where the scores stand; column j is item j + 1."""
        if not bool(self.weights.any()):
            return
        asked = self.weights * self.weights.new_tensor([kind in kinds for kind in self.kinds])
        flat = scores_RN.view(-1)
        row, item, values = self.said(histories, most)
        flat.index_add_(0, row * self.n_items + item - 1, (values @ asked).to(flat))
        row, item = self.held(histories, most)
        flat.index_add_(0, row * self.n_items + item - 1, self.lift.to(flat).expand(len(row)))

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

    def weighed(self, histories: Sequences, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of the latest `most` items but blanks: row, item int64 [T], weight in the mean float32 [T]."""
        row, item, age = aged(histories, most)
        weight = DECAY ** age.astype(np.float64)
        weight /= np.bincount(row, weight, len(histories))[row]
        there = item > 0
        parts = row[there], item[there], weight[there].astype(np.float32)
        row_T, item_T, weight_T = (torch.from_numpy(part).to(self.items.device) for part in parts)
        return row_T, item_T, weight_T
