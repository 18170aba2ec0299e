"""How far what people take has moved from what a model learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sracl_core.seeding import generator

BINS = 10
DRAWS = 20
LEAST_SHARE = 1e-4

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Distance:
    """`value`, and the `noise` that as many events of the reference alone would give in the mean."""

    value: float
    noise: float


class Drift:
    """Compares events with a reference: the latest events that the model learned from.

    Args:
        counts: int64 [N], interactions of each item in all of the model's log; they order the items.
        recent: rows of the items of the reference's events.
        vectors: float32 [N, E], the items' text vectors.
    """

    def __init__(self, counts: Rows, recent: Rows, vectors: NDArray[np.float32], seed: int = 0) -> None:
        self.bin_of = bins(counts, BINS)
        self.recent = recent
        self.vectors = vectors
        self.shares = self._shares(recent)
        self.mean = vectors[recent].mean(axis=0)
        self._seed = seed

    def popularity(self, rows: Rows) -> Distance:
        """Population stability index over ten groups of items, from the rarest to the most popular.

        sum over groups of (p - q) ln(p / q); below 0.1 is taken for stable and above 0.25 for another
        population (Siddiqi, Credit Risk Scorecards, 2006).
        """
        return self._compared(rows, lambda some: stability(self.shares, self._shares(some)))

    def text(self, rows: Rows) -> Distance:
        """1 - cosine of the mean text vector of the events with that of the reference."""
        return self._compared(rows, lambda some: _away(self.mean, self.vectors[some].mean(axis=0)))

    def _compared(self, rows: Rows, distance: Callable[[Rows], float]) -> Distance:
        rng = generator(self._seed, "drift")
        drawn = [distance(rng.choice(self.recent, len(rows))) for _ in range(DRAWS)]
        return Distance(float(distance(rows)), float(np.mean(drawn)))

    def _shares(self, rows: Rows) -> NDArray[np.float64]:
        return np.bincount(self.bin_of[rows], minlength=BINS) / len(rows)


def bins(counts: Rows, n_bins: int) -> Rows:
    """A group for each item, each of about as many interactions, the rarest items first."""
    order = np.argsort(counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    found = np.empty(len(counts), dtype=np.int64)
    found[order] = np.minimum(before * n_bins // max(int(counts.sum()), 1), n_bins - 1)
    return found


def stability(expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """The index of two distributions over the same groups; an empty group counts as one in ten thousand.

    >>> stability(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    0.0
    """
    p, q = np.maximum(found, LEAST_SHARE), np.maximum(expected, LEAST_SHARE)
    return float(((p - q) * np.log(p / q)).sum())


def _away(mean: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    length = float(np.linalg.norm(mean) * np.linalg.norm(other))
    return 1.0 - float(mean @ other) / max(length, 1e-12)
