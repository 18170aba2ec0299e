"""Which interactions are learned from, and which ones the model is asked to predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset
from sracl_core.data.sequences import Sequences
from sracl_core.settings.stages import DatasetConfig

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The training part of every user, and the evaluation queries.

    Query q asks for item `targets[q]` of user `users[q]`, given the user's history up to (not
    including) position `ends[q]` of the *whole* dataset's `sequences.values`.
    """

    name: str
    train: Sequences
    valid_users: Int32
    valid_ends: Int64
    test_users: Int32
    test_targets: Int32
    test_ends: Int64


@dataclass(frozen=True)
class Splitter:
    """A way to split a dataset.

    about: what it does, for people.
    split: raises ConfigError where the dataset or the settings do not allow it.
    reads: names of settings of `dataset` that it reads, beside the split's own name.
    """

    about: str
    split: Callable[[Dataset, DatasetConfig], Split]
    reads: tuple[str, ...] = ()


def count_chosen(chosen: NDArray[np.bool_], sequences: Sequences) -> Int64:
    """How many interactions of each user are chosen, int64 [U]."""
    running = np.concatenate(([0], np.cumsum(chosen)))
    return running[sequences.offsets[1:]] - running[sequences.offsets[:-1]]


def split_at(
    name: str,
    sequences: Sequences,
    kept: Int64,
    valid: tuple[Int64, Int64],
    test: tuple[Int64, Int64],
) -> Split:
    """The `kept` leading interactions of each user train; the queries are (users, ends)."""
    return Split(
        name=name,
        train=sequences.heads(kept),
        valid_users=valid[0].astype(np.int32),
        valid_ends=valid[1],
        test_users=test[0].astype(np.int32),
        test_targets=sequences.values[test[1]],
        test_ends=test[1],
    )
