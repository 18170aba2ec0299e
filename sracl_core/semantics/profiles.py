"""What a prefix means: one vector for the taste behind it.

Shapes: P prefixes, N items, D the width of the text vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.prefixes import Prefixes

if TYPE_CHECKING:
    from sracl_core.progress import Progress

_CHUNK = 4096
"""Prefixes at once: 6 MB of float32 at D = 384, which stays in cache."""


def prefix_vectors(
    prefixes: Prefixes,
    item_vectors: NDArray[np.float32],
    decay: float = 1.0,
    *,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """The mean of the items' vectors of each prefix, float32 [P, D], of length 1.

    item_vectors: float32 [N, D], row i is item index i + 1.
    decay: an item has `decay` times the weight of the one after it; 1 weighs all alike.

    An empty prefix, or one whose vectors cancel out, gets zeros. Time and memory grow with the
    number of items in all prefixes; beside the result a few MB are used.
    """
    out = np.empty((len(prefixes), item_vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(prefixes), _CHUNK):
        stop = min(start + _CHUNK, len(prefixes))
        _pool(prefixes, item_vectors, decay, start, out[start:stop])
        if progress is not None:
            progress("embed", stop, len(prefixes))
    return out


def _pool(
    prefixes: Prefixes, items: NDArray[np.float32], decay: float, start: int, out: NDArray[np.float32]
) -> None:
    """Fill `out` with the unit vectors of the prefixes from `start` on, one age of items at a time."""
    ends = prefixes.ends[start : start + len(out)]
    lengths = ends - prefixes.starts[start : start + len(out)]
    longest_first = np.argsort(-lengths, kind="stable")
    ends, lengths = ends[longest_first], lengths[longest_first]
    total = np.zeros_like(out)
    for age in range(int(lengths.max(initial=0))):
        reaching = int(np.searchsorted(-lengths, -age, side="left"))
        vectors = items[prefixes.values[ends[:reaching] - 1 - age] - 1]
        if decay != 1.0:
            vectors *= np.float32(decay**age)
        total[:reaching] += vectors
    norms = np.sqrt(np.einsum("pd,pd->p", total, total))
    total /= np.maximum(norms, np.finfo(np.float32).tiny)[:, None]
    out[longest_first] = total
