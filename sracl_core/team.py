"""Several processes that do one thing together, over torch.distributed; for one process, nothing.

In training each process holds the whole model, but of item embeddings that are shared out its part
(`models.item_shard`), and all take the same steps: of a global batch each encodes its share, states are
gathered where a loss compares rows of the batch, and gradients are averaged. Process 0 alone writes the run.
Lists for everybody are shared out by people (`service.batch`). How they find each other: `meeting`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from sracl_core.device import cores
from sracl_core.errors import RESUMED, InputError, TeamError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Array:
    """What is told of an array before it travels."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Team:
    """This process among its like. Everything that exchanges raises TeamError when another one has ended.

    remedy: what to do then.
    """

    rank: int = 0
    size: int = 1
    remedy: str = RESUMED

    @property
    def first(self) -> bool:
        """Whether this process writes the run and talks to people."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """This process's part of n rows; the parts of all follow one another."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def blocks(self, n: int, block: int) -> list[slice]:
        """Every process's part of n rows, in whole blocks of `block`."""
        whole = -(-n // block)
        edges = [min(n, whole * rank // self.size * block) for rank in range(self.size + 1)]
        return [slice(first, stop) for first, stop in pairwise(edges)]

    def threads(self, asked: int) -> int:
        """Threads for this process: as asked, or its part of the machine's cores."""
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", self.size))
        return asked or max(1, cores() // beside)

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any process."""
        if self.size == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag))) > 0)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes, the same bits in each."""
        return self.summed(values) / self.size if self.size > 1 else values

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over the processes."""
        if self.size == 1:
            return values
        found = torch.from_numpy(np.ascontiguousarray(values).copy())
        with self._heard():
            dist.all_reduce(found)
        return found.numpy()

    def summed(self, values: Tensor) -> Tensor:
        """The sum over the processes, the same bits in each."""
        return self._reduced(values, dist.ReduceOp.SUM)

    def largest(self, values: Tensor) -> Tensor:
        """The largest of the processes' values, each for itself."""
        return self._reduced(values, dist.ReduceOp.MAX)

    def from_first(self, values: T) -> T:
        """What process 0 has: any plain object, or a tensor, which is overwritten."""
        if self.size == 1:
            return values
        with self._heard():
            if isinstance(values, Tensor):
                dist.broadcast(values, 0)
                return values
            held = [values]
            dist.broadcast_object_list(held, 0)
        return held[0]

    def every(self, value: T) -> list[T]:
        """What each process has, any plain object."""
        found = [value] * self.size
        if self.size > 1:
            with self._heard():
                dist.all_gather_object(found, value)
        return found

    def spread(
        self,
        job: Callable[..., R],
        common: Sequence[Any],
        each: Sequence[Any],
        own: Callable[..., R] | None = None,
    ) -> list[R]:
        """What ``job(*common, each[r])`` gives in process r, of all r; process 0 asks, the others `lend`.

        job: a function of a module. common: of plain things and arrays, which travel without a copy.
        own: does it in process 0 in place of `job`, such as with a progress bar.
        """
        own = own or job
        if self.size == 1:
            return [own(*common, each[0])]
        arrays = [one for one in common if isinstance(one, np.ndarray)]
        kept = [_Array(one.shape, one.dtype.str) if isinstance(one, np.ndarray) else one for one in common]
        self.from_first((job, kept, list(each)))
        for one in arrays:
            self.from_first(torch.from_numpy(np.require(one, requirements=["C", "W"])))
        return self._collected(own(*common, each[0]))

    def lend(self) -> None:
        """In all but process 0: do what that one spreads, until it says `release`."""
        while (asked := self.from_first(None)) is not None:
            job, kept, each = asked
            for place, one in enumerate(kept):
                if isinstance(one, _Array):
                    kept[place] = self.from_first(torch.from_numpy(np.empty(one.shape, one.dtype))).numpy()
            self._collected(job(*kept, each[self.rank]))

    def release(self) -> None:
        """In process 0: nothing more is spread."""
        self.from_first(None)

    def _collected(self, mine: R) -> list[R]:
        every: list[Any] | None = [None] * self.size if self.first else None
        with self._heard():
            dist.gather_object(mine, every)
        return every or []

    def wait(self) -> None:
        """Until every process is here."""
        self.any(False)

    def require_same(self, facts: Mapping[str, object]) -> None:
        """Raise InputError, naming the fact and the process, unless all processes say the same."""
        if self.size == 1:
            return
        every = self.every(dict(facts))
        for rank, theirs in enumerate(every):
            for name, value in every[0].items():
                if (other := theirs.get(name)) != value:
                    told = ["none" if one is None else one for one in (other, value)]
                    raise InputError(
                        f"process {rank} has another {name} than process 0 ({told[0]} in place of "
                        f"{told[1]}); give all of them the same"
                    )

    def mean_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Put the mean over the processes into each gradient; a weight without one here counts as zero."""
        if self.size == 1:
            return
        weights = list(weights)
        sparse = [one for one in weights if one.grad is not None and one.grad.is_sparse]
        dense = [one for one in weights if not any(one is other for other in sparse)]
        flags = torch.tensor([float(one.grad is not None) for one in dense])
        held = [torch.zeros_like(one) if one.grad is None else one.grad for one in dense]
        flat = self.mean(torch.cat([one.reshape(-1).float() for one in held])) if held else torch.empty(0)
        used = self.mean(flags).tolist()
        parts = torch.split(flat, [one.numel() for one in held])
        for weight, part, flag in zip(dense, parts, used, strict=True):
            weight.grad = part.view_as(weight).to(weight.dtype) if flag else None
        for weight in sparse:
            assert weight.grad is not None
            mine = weight.grad.coalesce()
            counts = self.counts(mine.values().shape[0])
            rows = self._gathered(mine.indices()[0], counts)
            values = self._gathered(mine.values(), counts) / self.size
            weight.grad = torch.sparse_coo_tensor(
                rows[None], values, weight.shape, check_invariants=False
            ).coalesce()

    def gather(self, states_RD: Tensor) -> Tensor:
        """The rows of all processes, in order; differentiable.

        Whoever computes a loss from the whole computes it in every process, so each process's rows get the
        loss's gradient times the number of processes, which `mean_gradients` takes away again.
        """
        if self.size == 1:
            return states_RD
        gathered: Tensor = _Gather.apply(states_RD, self)  # type: ignore[no-untyped-call]
        return gathered

    def told(self, to: list[int]) -> list[int]:
        """How many rows each process has for this one, which has `to[r]` for process r."""
        every = np.zeros((self.size, self.size), dtype=np.int64)
        every[self.rank] = to
        counts: list[int] = self.total(every)[:, self.rank].tolist()
        return counts

    def exchange(self, rows: Tensor, to: list[int], of: list[int]) -> Tensor:
        """Give process r the next `to[r]` of the rows, and take `of[r]` from it; by process, in order."""
        found = rows.new_empty((sum(of), *rows.shape[1:]))
        with self._heard():
            dist.all_to_all_single(found, rows.contiguous(), of, to)
        return found

    def one_by_one(self, rows: Tensor) -> Iterator[Tensor]:
        """In process 0 the rows of one process after the other, on the CPU; elsewhere nothing: they are sent.

        All processes go through it together.
        """
        counts, mine = self.counts(len(rows)), rows.detach().cpu().contiguous()
        if not self.first:
            with self._heard():
                dist.send(mine, 0)
            return
        yield mine
        for rank, count in enumerate(counts[1:], start=1):
            theirs = mine.new_empty((count, *mine.shape[1:]))
            with self._heard():
                dist.recv(theirs, rank)
            yield theirs

    def _reduced(self, values: Tensor, how: Any) -> Tensor:
        if self.size == 1:
            return values
        found = values.clone(memory_format=torch.contiguous_format)
        with self._heard():
            dist.all_reduce(found, how)
        return found

    def counts(self, n: int) -> list[int]:
        """What each process says here."""
        if self.size == 1:
            return [n]
        every = torch.zeros(self.size, dtype=torch.int64)
        every[self.rank] = n
        return [int(count) for count in self.total(every.numpy())]

    def _gathered(self, mine: Tensor, counts: list[int]) -> Tensor:
        room = mine.new_zeros((max(counts), *mine.shape[1:]))
        room[: len(mine)] = mine
        every = [torch.empty_like(room) for _ in counts]
        with self._heard():
            dist.all_gather(every, room)
        return torch.cat([part[:count] for part, count in zip(every, counts, strict=True)])

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Turn a lost connection into a TeamError."""
        try:
            yield
        except RuntimeError as error:
            raise TeamError(
                f"another process of the team has ended, and with it this one; {self.remedy}"
            ) from error


ALONE = Team()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states_RD: Tensor, team: Team) -> Tensor:
        counts = team.counts(len(states_RD))
        start = sum(counts[: team.rank])
        ctx.mine, ctx.size = slice(start, start + len(states_RD)), team.size
        return team._gathered(states_RD.contiguous(), counts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0][ctx.mine] * ctx.size, None
