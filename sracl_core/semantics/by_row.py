"""Text vectors of prefixes for the rows that a step asks for: those of all need not be held.

Shapes: P prefixes, R rows, N items, E the width of the text vectors.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from sracl_core.data.prefixes import Prefixes
from sracl_core.device import as_tensor


class PrefixVectors(Protocol):
    """What texts say of each prefix."""

    width: int

    def take(self, rows: NDArray[np.integer], device: torch.device) -> Tensor:
        """The vectors of the prefixes `rows`, float32 [R, E] on `device`."""


class StoredVectors:
    """Vectors of texts, each prefix's own: float32 [P, E]."""

    def __init__(self, vectors_PE: NDArray[np.float32]) -> None:
        self._vectors_PE = vectors_PE
        self.width = vectors_PE.shape[1]

    def take(self, rows: NDArray[np.integer], device: torch.device) -> Tensor:
        """See `PrefixVectors`."""
        return torch.from_numpy(self._vectors_PE[rows]).to(device)


class PooledVectors:
    """Means of items' vectors, of length 1, made anew each time they are asked for.

    They equal `profiles.prefix_vectors`, whose arguments these are. A sum of items' rows on the device
    takes the place of a vector for each prefix; the items' vectors move to the device that asks, once.
    """

    def __init__(self, prefixes: Prefixes, item_vectors: NDArray[np.float32], decay: float) -> None:
        self._prefixes = prefixes
        self._decay = decay
        self._items_NE = as_tensor(item_vectors)
        self.width = item_vectors.shape[1]

    def take(self, rows: NDArray[np.integer], device: torch.device) -> Tensor:
        """See `PrefixVectors`."""
        self._items_NE = self._items_NE.to(device)
        items = self._prefixes.take(rows)
        weights = None
        if self._decay != 1.0:
            ages = np.repeat(items.offsets[1:], items.lengths) - 1 - np.arange(len(items.values))
            weights = torch.from_numpy((self._decay**ages).astype(np.float32)).to(device)
        sums_RE = embedding_bag(
            torch.from_numpy(items.values.astype(np.int64) - 1).to(device),
            self._items_NE,
            torch.from_numpy(items.offsets[:-1]).to(device),
            mode="sum",
            per_sample_weights=weights,
        )
        norms_R1 = torch.linalg.vector_norm(sums_RE, dim=1, keepdim=True)
        vectors_RE: Tensor = sums_RE / norms_R1.clamp_min(torch.finfo(torch.float32).tiny)
        return vectors_RE
