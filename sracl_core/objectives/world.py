"""What objectives are built from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.splits.base import Split
from sracl_core.semantics.by_row import PrefixVectors


@dataclass(frozen=True)
class World:
    """A dataset's training part, and what texts say of it; None where no method of the run asked for it.

    seed: of the run; draws of an objective's start come from names under it.
    hidden_size: of the encoder's states.
    prefixes: the training prefixes, P of them, at most as long as the encoder reads.
    item_vectors_NE: float32, row i is item i + 1.   prefix_vectors: made for the rows that are asked for.
    item_neighbors_NK, prefix_neighbors_PK: int32 row numbers, nearest first, -1 where there are fewer.
    vectors_per_state: how many vectors of the item space, end to end, a state is.
    sharded: whether processes share the item embeddings out.
    """

    seed: int
    n_items: int
    hidden_size: int
    split: Split
    prefixes: Prefixes
    item_vectors_NE: np.ndarray | None = None
    item_neighbors_NK: np.ndarray | None = None
    prefix_vectors: PrefixVectors | None = None
    prefix_neighbors_PK: np.ndarray | None = None
    vectors_per_state: int = 1
    sharded: bool = False

    @property
    def item_size(self) -> int:
        """D of the item embeddings."""
        return self.hidden_size // self.vectors_per_state

    @property
    def item_counts_N(self) -> np.ndarray:
        """How often each item is a training target, int64 [N]."""
        return np.bincount(self.prefixes.targets, minlength=self.n_items + 1)[1:]
