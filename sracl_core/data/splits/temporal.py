"""By time: what happens after two dates is validation and test."""

from __future__ import annotations

import numpy as np

from sracl_core.data.sequences import Sequences, Times
from sracl_core.data.splits.base import Int64, Split, Splitter, count_chosen, split_at
from sracl_core.errors import ConfigError


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
    return split_at(
        "temporal", sequences, valid_ends - starts, (valid, valid_ends[valid]), (test, test_ends[test])
    )


def _count_before(date: float, timestamps: Times, sequences: Sequences) -> Int64:
    """How many interactions of each user come before the date, int64 [U]."""
    return count_chosen(timestamps < date, sequences)


SPLIT = Splitter(
    "what happens after two dates is validation and test",
    lambda dataset, settings: temporal(
        dataset.sequences, dataset.timestamps, settings.valid_share, settings.test_share
    ),
    reads=("valid_share", "test_share"),
)
