"""Which rows may not be neighbors of which: oneself, and those of the same group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Exclusion:
    """Row i excludes itself and, where groups are given, every row of its group.

    n: number of rows.  groups: int [n], e.g. the user of each prefix, or None.
    """

    def __init__(self, n: int, groups: NDArray[np.integer] | None) -> None:
        if groups is not None and len(groups) != n:
            raise ValueError(f"{len(groups)} groups for {n} vectors")
        self.n = n
        self.codes: NDArray[np.int64]
        if groups is None:
            self.codes = np.arange(n)
            self._members = self.codes
            self.sizes = np.ones(n, dtype=np.int64)
            self._starts = self.codes
            return
        _, self.codes = np.unique(groups, return_inverse=True)
        self._members = np.argsort(self.codes, kind="stable")
        counts = np.bincount(self.codes, minlength=1).astype(np.int64)
        self.sizes = counts[self.codes]
        self._starts = (np.cumsum(counts) - counts)[self.codes]

    def available(self) -> NDArray[np.int64]:
        """How many neighbors each row can have at most, int64 [n]."""
        return self.n - self.sizes

    def members(self, row: int) -> NDArray[np.int64]:
        """The rows that `row` excludes, itself among them."""
        start = self._starts[row]
        return self._members[start : start + self.sizes[row]]

    def pairs(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every excluded (position in `rows`, row), as two flat arrays."""
        sizes = self.sizes[rows]
        positions = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return positions, self._members[np.repeat(self._starts[rows], sizes) + within]

    def forbids(self, rows: NDArray[np.int64], ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether ids[i, j] is excluded for rows[i] (or is no row: -1), bool of the shape of `ids`."""
        forbidden: NDArray[np.bool_] = self.codes[np.maximum(ids, 0)] == self.codes[rows][:, None]
        forbidden |= ids < 0
        return forbidden
