"""What a floor is counted from, and what it answers.

A floor is a folder with `Settings` in its ``__init__`` and a class `Floor` in ``floor.py``, found by its
name like any other method. Shape suffixes: R rows, N items, E text dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sracl_core.data.sequences import Sequences

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Counts:
    """The training part of a split, and nothing of what is asked.

    item_vectors_NE: float32, row i is item i + 1; None where the floor did not ask for them.
    """

    n_items: int
    train: Sequences
    item_vectors_NE: NDArray[np.float32] | None = None

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """Each item's share of the training interactions, float64 [N]."""
        counted = np.bincount(self.train.values - 1, minlength=self.n_items)
        return counted / max(len(self.train.values), 1)


class ScoringFloor(ABC):
    """Scores of all items after a history, as an encoder gives them."""

    @abstractmethod
    def score(self, rows: Sequences) -> Floats:
        """Scores [R, N] after each row of at least one item; column j is item j + 1."""


def histories_matrix(rows: Sequences, n_items: int, decay: float = 1.0) -> sparse.csr_array:
    """float64 [R, N]: what stands in each history, an item weighing `decay` of the one after it."""
    lengths = rows.lengths
    age = np.repeat(rows.offsets[1:], lengths) - 1 - np.arange(len(rows.values))
    row = np.repeat(np.arange(len(rows)), lengths)
    found = sparse.coo_array((decay ** age.astype(np.float64), (row, rows.values - 1)), (len(rows), n_items))
    return found.tocsr()


def then_popular(scores_RN: sparse.csr_array, popularity_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [R, N]: positive scores as they are, and every other item below them, by popularity.

    Without it nearly all items would tie at 0, and a tie counts against the held-out item. The large matrix
    is written once; going over it again takes longer than what stands in it took to count.
    """
    found = np.tile(popularity_N - 1.0, (scores_RN.shape[0], 1))
    row, some = np.repeat(np.arange(len(found)), np.diff(scores_RN.indptr)), scores_RN.data > 0
    found[row[some], scores_RN.indices[some]] = scores_RN.data[some]
    return found
