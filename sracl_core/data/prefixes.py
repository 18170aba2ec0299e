"""Prefixes of sequences as addresses into one flat array, never as copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences, gathered


@dataclass(frozen=True)
class Prefixes:
    """Prefix p holds the items `values[starts[p]:ends[p]]`, and is followed by `values[ends[p]]`.

    values: int32 [n], the flat array that the addresses point into.
    users: int32 [P].  starts, ends: int64 [P].
    """

    values: NDArray[np.int32]
    users: NDArray[np.int32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def targets(self) -> NDArray[np.int32]:
        """The item after each prefix, int32 [P]."""
        return self.values[self.ends]

    @property
    def lengths(self) -> NDArray[np.int32]:
        """int32 [P]."""
        return (self.ends - self.starts).astype(np.int32)

    def at(self, rows: NDArray[np.integer]) -> Prefixes:
        """The prefixes `rows` alone, in that order."""
        return Prefixes(self.values, self.users[rows], self.starts[rows], self.ends[rows])

    def every(self, stride: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each user's first prefix, and every `stride`-th after it; a user's prefixes must stand together.

        Returns:
            rows of those prefixes, int64 [A]; for each prefix, which of them is the latest of its user
            that is no longer than itself, int64 [P]
        """
        n = len(self)
        begins = np.ones(n, dtype=bool)
        begins[1:] = self.users[1:] != self.users[:-1]
        firsts = np.flatnonzero(begins)
        since = np.arange(n) - np.repeat(firsts, np.diff(np.append(firsts, n)))
        chosen = since % stride == 0
        return np.flatnonzero(chosen), np.cumsum(chosen) - 1

    def windows(self, step: int) -> NDArray[np.int64]:
        """Rows of each user's last prefix and of every `step`-th before it, int64.

        A user's prefixes must stand together.
        """
        last_P = np.searchsorted(self.users, self.users, side="right") - 1
        return np.flatnonzero((last_P - np.arange(len(self))) % step == 0)

    def take(self, rows: NDArray[np.integer]) -> Sequences:
        """Copies of the items of the prefixes `rows`, in that order."""
        starts = self.starts[rows]
        return gathered(self.values, starts, self.ends[rows] - starts)

    def padded(self, rows: NDArray[np.integer], max_length: int) -> NDArray[np.int32]:
        """The latest `max_length` items of the prefixes `rows`, int32 [B, L].

        Aligned to the right, 0 is padding, L is the longest of these rows.
        """
        ends = self.ends[rows]
        lengths = np.minimum(ends - self.starts[rows], max_length)
        width = int(lengths.max(initial=0))
        columns = np.arange(-width, 0)
        inside = columns >= -lengths[:, None]
        addresses = np.where(inside, ends[:, None] + columns, 0)
        return np.where(inside, self.values[addresses], np.int32(0))


def training_prefixes(train: Sequences, max_length: int) -> Prefixes:
    """One prefix for every training interaction that has a predecessor.

    Its items are the up to `max_length` before the target (section 3.1 of arXiv 2503.04162).
    """
    is_target = np.ones(len(train.values), dtype=bool)
    is_target[train.offsets[:-1][train.lengths > 0]] = False
    ends = np.flatnonzero(is_target)
    users = np.repeat(np.arange(len(train), dtype=np.int32), train.lengths)[ends]
    return query_prefixes(train, users, ends, max_length)


def query_prefixes(
    sequences: Sequences,
    users: NDArray[np.integer],
    ends: NDArray[np.int64],
    max_length: int,
) -> Prefixes:
    """The histories that end before the positions `ends`, such as those of a split's queries."""
    starts = np.maximum(sequences.offsets[users], ends - max_length)
    return Prefixes(sequences.values, users.astype(np.int32), starts, ends.astype(np.int64))
