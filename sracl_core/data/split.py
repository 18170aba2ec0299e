"""Which interactions are learned from, and which ones the model is asked to predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences, Times
from sracl_core.errors import ConfigError

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


def temporal(sequences: Sequences, timestamps: Times, valid_share: float, test_share: float) -> Split:
    """Two dates for everybody: what happens from the later one on is test, between them validation.

    The dates are chosen so that the latest `test_share` of all interactions is test, and
    `valid_share` before it validation. A query asks for a user's *first* item of a period, so no
    history and no trained weight knows anything of the time after the date (leave-one-out leaks
    it). Users with nothing before a period are not asked about in it.

    Raises ConfigError where the shares leave nothing to train on.
    """
    total = len(timestamps)
    test_count, valid_count = round(total * test_share), round(total * valid_share)
    if test_count + valid_count >= total:
        raise ConfigError(
            f"dataset.valid_share {valid_share} and dataset.test_share {test_share} leave nothing "
            "to train on; lower them"
        )
    ordered = np.sort(timestamps)
    later = np.append(ordered, np.inf)[total - test_count]
    earlier = np.append(ordered, np.inf)[total - test_count - valid_count]
    starts, stops = sequences.offsets[:-1], sequences.offsets[1:]
    valid_ends = starts + _count_before(earlier, timestamps, sequences)
    test_ends = starts + _count_before(later, timestamps, sequences)
    valid = np.flatnonzero((valid_ends > starts) & (valid_ends < test_ends))
    test = np.flatnonzero((test_ends > starts) & (test_ends < stops))
    return _split(
        "temporal", sequences, valid_ends - starts, (valid, valid_ends[valid]), (test, test_ends[test])
    )


def given(sequences: Sequences, parts: NDArray[np.int8]) -> Split:
    """The split that a person prepared with the log (parts: 0 training, 1 validation, 2 test).

    A query asks for the *first* item that a user has in a part, given all that stands before it. Users
    with nothing before a part are not asked about in it.
    """
    starts = sequences.offsets[:-1]
    valid_ends, test_ends = (starts + _count(parts < part, sequences) for part in (1, 2))
    valid = np.flatnonzero((valid_ends > starts) & (valid_ends < test_ends))
    test = np.flatnonzero((test_ends > starts) & (test_ends < sequences.offsets[1:]))
    return _split(
        "given", sequences, valid_ends - starts, (valid, valid_ends[valid]), (test, test_ends[test])
    )


def _count_before(date: float, timestamps: Times, sequences: Sequences) -> Int64:
    """How many interactions of each user come before the date, int64 [U]."""
    return _count(timestamps < date, sequences)


def _count(chosen: NDArray[np.bool_], sequences: Sequences) -> Int64:
    """How many interactions of each user are chosen, int64 [U]."""
    running = np.concatenate(([0], np.cumsum(chosen)))
    return running[sequences.offsets[1:]] - running[sequences.offsets[:-1]]


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
