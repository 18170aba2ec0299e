"""Which training prefixes mean the same as a history: exact, and without a vector for each prefix.

The vector of a prefix is a weighted sum of its items' text vectors, made 1 long (pooled, recency;
see `semantics.profiles`). The product with a query is then the same sum of the items' products:
one pass over the items and one over the prefixes, 3 ms for the 131,413 prefixes of Amazon Beauty
where a matrix of their vectors would take 200 MB and 25 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.prefixes import Prefixes
from sracl_core.semantics.profiles import prefix_vectors

_CHUNK = 8192


class PrefixSearch:
    """Cosine of a query with every prefix.

    Args:
        prefixes: P training prefixes.
        item_vectors: float32 [N, E], row i is item i + 1.
        decay: weight of an item relative to the one after it; 1 weighs all alike.
    """

    def __init__(self, prefixes: Prefixes, item_vectors: NDArray[np.float32], decay: float) -> None:
        self.prefixes = prefixes
        self.item_vectors = item_vectors
        self.decay = decay
        self._lengths = prefixes.lengths
        self._by_age = _reaching(self._lengths)
        self._norms = self._lengths_of_sums()

    def vector(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """The query vector of a history, float32 [E], of length 1."""
        one = Prefixes(items, np.zeros(1, np.int32), np.zeros(1, np.int64), np.array([len(items)]))
        vector: NDArray[np.float32] = self._vectors(one)[0]
        return vector

    def vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of some of the prefixes, float32 [K, E], of length 1."""
        return self._vectors(self.prefixes.at(rows))

    def _vectors(self, some: Prefixes) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = prefix_vectors(some, self.item_vectors, self.decay)
        return vectors

    def similarities(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosine of `query` [E] with every prefix, float32 [P]."""
        by_item = np.concatenate(([0.0], self.item_vectors @ query)).astype(np.float32)
        return self._sums(by_item[self.prefixes.values]) / self._norms

    def _sums(self, by_position: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weighted sum over each prefix of a number for each position, float32 [P]."""
        ends, starts = self.prefixes.ends, self.prefixes.starts
        if self.decay == 1.0:
            running = np.concatenate(([0.0], np.cumsum(by_position, dtype=np.float64)))
            return (running[ends] - running[starts]).astype(np.float32)
        sums = np.zeros(len(ends), dtype=np.float32)
        for age, rows in enumerate(self._by_age):
            sums[rows] += np.float32(self.decay**age) * by_position[ends[rows] - 1 - age]
        return sums

    def _lengths_of_sums(self) -> NDArray[np.float32]:
        """How long each weighted sum is before it is made 1 long, float32 [P]."""
        norms = np.empty(len(self.prefixes), dtype=np.float32)
        for start in range(0, len(norms), _CHUNK):
            rows = slice(start, start + _CHUNK)
            part = self.prefixes
            ends, lengths = part.ends[rows], self._lengths[rows]
            total = np.zeros((len(ends), self.item_vectors.shape[1]), dtype=np.float32)
            for age, reaching in enumerate(_reaching(lengths)):
                weight = np.float32(self.decay**age)
                total[reaching] += weight * self.item_vectors[part.values[ends[reaching] - 1 - age] - 1]
            norms[rows] = np.sqrt(np.einsum("pe,pe->p", total, total))
        return np.maximum(norms, np.float32(1e-6))


def _reaching(lengths: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """For each age of an item, 0 the latest, the prefixes that are long enough to have it."""
    return [np.flatnonzero(lengths > age) for age in range(int(lengths.max(initial=0)))]
