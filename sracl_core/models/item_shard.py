"""The item embeddings that one process of a team holds, and those of others while a step reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.team import Team


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
        table: all rows, the same in each process.
    """

    def __init__(self, table: nn.Embedding, team: Team) -> None:
        super().__init__()
        self.team = team
        self.n_items = table.num_embeddings - 1
        self.own = team.share(self.n_items)
        self.weight = nn.Parameter(self.part_of(table.weight.detach()))
        self.sparse = False
        """Whether the gradient that `give_back` leaves has only the rows that were read."""
        self._rows = self.weight.detach()[:1]
        self._items = torch.zeros(1, dtype=torch.int64)
        self._counts: tuple[list[int], list[int]] = ([], [])
        self._asked = torch.empty(0, dtype=torch.int64)

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
