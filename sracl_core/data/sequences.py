"""Many sequences of items in two flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Times: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
"""Times of interactions: seconds since 1970, or whatever else the source counts in."""


@dataclass(frozen=True)
class Sequences:
    """Sequence u is `values[offsets[u]:offsets[u + 1]]`.

    values: int32 [n], item indices 1..N (0 is padding and never stored).
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

    def heads(self, kept: NDArray[np.int64]) -> Sequences:
        """The first `kept[u]` items of every sequence, as sequences of their own."""
        within = np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)
        values = self.values[within < np.repeat(kept, self.lengths)]
        return Sequences(values, np.concatenate(([0], np.cumsum(kept))).astype(np.int64))
