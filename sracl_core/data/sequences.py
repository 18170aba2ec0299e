"""Many sequences of items in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Times: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
"""Times of interactions: seconds since 1970, or whatever else the source counts in."""


@dataclass(frozen=True)
class Sequences:
    """Sequence u is `values[offsets[u]:offsets[u + 1]]`.

    values: int32 [n], item indices 1..N. 0 is padding and never stored; in a view of a sequence that
        only an encoder reads, it is an item left blank.
    offsets: int64 [U + 1], starting at 0 and ending at n.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, user: int) -> NDArray[np.int32]:
        """The items of one sequence, oldest first: a view, int32 [length]."""
        if not 0 <= user < len(self):
            raise IndexError(f"sequence {user} of {len(self)}")
        return self.values[self.offsets[user] : self.offsets[user + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [U]."""
        return np.diff(self.offsets)

    @classmethod
    def from_lists(cls, sequences: Iterable[Sequence[int] | NDArray[np.integer]]) -> Sequences:
        """Of separate sequences.

        >>> Sequences.from_lists([[3, 1], [2]]).padded().tolist()
        [[3, 1], [0, 2]]
        """
        arrays = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int32)
        return cls.of_lengths(values, np.array([len(array) for array in arrays], dtype=np.int64))

    @classmethod
    def of_lengths(cls, values: NDArray[np.int32], lengths: NDArray[np.int64]) -> Sequences:
        """Sequences of these lengths, which lie in `values` end to end."""
        return cls(values, np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Sequences]) -> Sequences:
        """The sequences of all parts, in order."""
        values = np.concatenate([part.values for part in parts])
        return cls.of_lengths(values, np.concatenate([part.lengths for part in parts]))

    def latest(self, most: int) -> Sequences:
        """The last `most` items of every sequence; itself where none is longer."""
        lengths = self.lengths
        if not len(lengths) or int(lengths.max()) <= most:
            return self
        kept = np.minimum(lengths, most)
        return gathered(self.values, self.offsets[1:] - kept, kept)

    def take(self, rows: NDArray[np.integer]) -> Sequences:
        """The sequences `rows`, in that order."""
        return gathered(self.values, self.offsets[rows], self.lengths[rows])

    def padded(self, width: int | None = None) -> NDArray[np.int32]:
        """int32 [U, L], aligned to the right; 0 is padding, L the longest or `width`."""
        lengths = self.lengths
        width = int(lengths.max(initial=0)) if width is None else width
        columns = np.arange(-width, 0)
        addresses = np.where(columns >= -lengths[:, None], self.offsets[1:, None] + columns, -1)
        return np.where(addresses >= 0, self.values[addresses], np.int32(0))

    def heads(self, kept: NDArray[np.int64]) -> Sequences:
        """The first `kept[u]` items of every sequence, as sequences of their own."""
        within = np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)
        values = self.values[within < np.repeat(kept, self.lengths)]
        return Sequences(values, np.concatenate(([0], np.cumsum(kept))).astype(np.int64))


def gathered(
    values: NDArray[np.int32], starts: NDArray[np.integer], lengths: NDArray[np.integer]
) -> Sequences:
    """Copies of the stretches `values[start:start + length]`, end to end."""
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    addresses = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Sequences(values[addresses], offsets)


def aged(rows: Sequences, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The latest `most` items of each row: (row, item, age) int64 [T] each; the last item's age is 0."""
    rows = rows.latest(most)
    lengths = rows.lengths
    row = np.repeat(np.arange(len(rows)), lengths)
    age = np.repeat(rows.offsets[1:], lengths) - 1 - np.arange(rows.offsets[-1])
    return row, rows.values.astype(np.int64), age
