"""The item embeddings that one process of a team holds, and those of others while a step reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.team import ALONE, Team

DRAWN_AT_ONCE = 4096
"""Rows, a multiple of 16."""

_holders: ContextVar[Team] = ContextVar("_holders", default=ALONE)


@dataclass(frozen=True)
class Spread:
    """A tensor whose rows lie in the processes of a team, in order: `rows` here, `length` of them in all."""

    rows: Tensor
    length: int
    team: Team

    @property
    def shape(self) -> list[int]:
        """Of the whole."""
        return [self.length, *self.rows.shape[1:]]

    @property
    def dtype(self) -> torch.dtype:
        """Of all rows."""
        return self.rows.dtype

    def parts(self) -> Iterator[Tensor]:
        """See `Team.one_by_one`."""
        return self.team.one_by_one(self.rows)


class ItemShard(nn.Module):
    """In place of `SequenceEncoder.items` where the processes of a team share the table out by rows.

    `weight` is [1 + n, D]: padding, then the items of `team.share(n_items)`. What is read is fetched before
    (`hold`), and its gradient goes back after (`give_back`), in one exchange each: between them nobody waits
    for anybody, so that each process may encode in as many pieces as it likes.

    Args:
        n_items, size: N and D of the whole table.
    """

    def __init__(self, n_items: int, size: int, team: Team) -> None:
        super().__init__()
        self.team = team
        self.n_items = n_items
        self.own = team.share(n_items)
        self.weight = nn.Parameter(torch.zeros(1 + self.own.stop - self.own.start, size))
        self.sparse = False
        """Whether the gradient that `give_back` leaves has only the rows that were read."""
        self._rows = self.weight.detach()[:1]
        self._items = torch.zeros(1, dtype=torch.int64)
        self._counts: tuple[list[int], list[int]] = ([], [])
        self._asked = torch.empty(0, dtype=torch.int64)

    @torch.no_grad()
    def draw(self, std: float, rng: torch.Generator) -> None:
        """The rows that `nn.init.normal_` would give of the whole table; the others go as they come."""
        first = self.own.start
        for at, rows in normal_rows(self.n_items + 1, self.weight.shape[1], std, rng):
            begin, end = max(at, first + 1), min(at + len(rows), self.own.stop + 1)
            if begin < end:
                self.weight[begin - first : end - first] = rows[begin - at : end - at]

    def part_of(self, whole: Tensor) -> Tensor:
        """This process's rows of a tensor that has one for each item, behind that of padding."""
        return torch.cat([whole[:1], whole[1 + self.own.start : 1 + self.own.stop]])

    def spread(self, rows: Tensor) -> Spread:
        """The tensor of which `rows` are this process's, as `part_of` gives them."""
        return Spread(rows if self.team.first else rows[1:], self.n_items + 1, self.team)

    def hold(self, items: np.ndarray) -> None:
        """Fetch the rows of `items`, any int64, which `forward` reads until the next call.

        All processes call it together, each with its own items.
        """
        device, team = self.weight.device, self.team
        distinct = np.unique(np.append(items, 0))
        ends = [Team(rank, team.size).share(self.n_items).stop for rank in range(team.size)]
        cuts = (
            np.searchsorted(distinct, ends, side="right") - 1
        )  # items are counted from 1, and 0 is no one's
        to = np.diff(cuts, prepend=0).tolist()
        self._items = torch.from_numpy(distinct).to(device)
        self._counts = (to, team.told(to))
        wanted = team.exchange(self._items[1:], *self._counts)
        self._asked = wanted - self.own.start
        found = team.exchange(self.weight.detach()[self._asked], *reversed(self._counts))
        self._rows = torch.cat([self.weight.detach()[:1], found])
        self._rows.requires_grad_(torch.is_grad_enabled())

    def forward(self, items: Tensor) -> Tensor:
        """Rows of `items`, all of which `hold` was told, float [..., D]."""
        return nn.functional.embedding(torch.searchsorted(self._items, items), self._rows, padding_idx=0)

    @torch.no_grad()
    def give_back(self) -> None:
        """Add the gradient of the rows that were fetched to that of `weight`, where they are held.

        It becomes the mean over the processes of what each one's loss says, as `Team.mean_gradients` makes
        it. What `weight` has already, from a loss over all items that all have computed, is whole as it is.
        """
        read = self._rows.grad
        mine = (torch.zeros_like(self._rows) if read is None else read)[1:]
        found = self.team.exchange(mine, *self._counts) / self.team.size
        if self.sparse:
            self.weight.grad = torch.sparse_coo_tensor(
                self._asked[None], found, self.weight.shape, check_invariants=False
            ).coalesce()
            return
        if self.weight.grad is None:
            self.weight.grad = torch.zeros_like(self.weight)
        self.weight.grad.index_add_(0, self._asked, found)


@contextmanager
def shared_out(team: Team) -> Iterator[None]:
    """Inside, an encoder that is made has of the item embeddings this process's part alone."""
    token = _holders.set(team)
    try:
        yield
    finally:
        _holders.reset(token)


def item_table(n_items: int, size: int) -> nn.Embedding | ItemShard:
    """Embeddings of padding and of items 1..N; where they are `shared_out`, this process's part of them."""
    team = _holders.get()
    if team.size > 1:
        return ItemShard(n_items, size, team)
    return nn.Embedding(n_items + 1, size, padding_idx=0)


def normal_rows(n: int, size: int, std: float, rng: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    """The rows of one draw of N(0, std) [n, size] in parts, each with the number of its first row.

    A part lies where the one before it lay. torch makes 16 uniform numbers at a time into as many normal
    ones, and draws the last 16 anew where they do not come out even: the last part is longer, never shorter.
    """
    starts = range(0, max(n - DRAWN_AT_ONCE, 0) + 1, DRAWN_AT_ONCE)
    room = torch.empty(min(n, 2 * DRAWN_AT_ONCE), size)
    for start in starts:
        stop = n if start == starts[-1] else start + DRAWN_AT_ONCE
        yield start, nn.init.normal_(room[: stop - start], std=std, generator=rng)
