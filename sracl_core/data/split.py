"""Which interactions are learned from, and which ones the model is asked to predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences

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
    valid_targets: Int32
    valid_ends: Int64
    test_users: Int32
    test_targets: Int32
    test_ends: Int64


def leave_one_out(sequences: Sequences) -> Split:
    """Each user's last item is test, the one before validation, the rest training.

    A user with fewer than 3 interactions is trained on and never asked about.
    """
    asked = np.flatnonzero(sequences.lengths >= 3)
    test_ends = sequences.offsets[asked + 1] - 1
    kept = sequences.lengths.copy()
    kept[asked] -= 2
    return _split("leave_one_out", sequences, kept, (asked, test_ends - 1), (asked, test_ends))


def _split(
    name: str,
    sequences: Sequences,
    kept: Int64,
    valid: tuple[Int64, Int64],
    test: tuple[Int64, Int64],
) -> Split:
    """`kept` leading interactions of each user train; the queries are (users, ends)."""
    return Split(
        name=name,
        train=sequences.heads(kept),
        valid_users=valid[0].astype(np.int32),
        valid_targets=sequences.values[valid[1]],
        valid_ends=valid[1],
        test_users=test[0].astype(np.int32),
        test_targets=sequences.values[test[1]],
        test_ends=test[1],
    )
