"""The split that a log was prepared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.base import Split, Splitter, count_chosen, split_at
from sracl_core.errors import ConfigError
from sracl_core.settings.stages import DatasetConfig


def given(sequences: Sequences, parts: NDArray[np.int8]) -> Split:
    """The split that a person prepared with the log (parts: 0 training, 1 validation, 2 test).

    A query asks for the *first* item that a user has in a part, given all that stands before it. Users
    with nothing before a part are not asked about in it.
    """
    starts = sequences.offsets[:-1]
    valid_ends, test_ends = (starts + count_chosen(parts < part, sequences) for part in (1, 2))
    valid = np.flatnonzero((valid_ends > starts) & (valid_ends < test_ends))
    test = np.flatnonzero((test_ends > starts) & (test_ends < sequences.offsets[1:]))
    return split_at(
        "given", sequences, valid_ends - starts, (valid, valid_ends[valid]), (test, test_ends[test])
    )


def _of_dataset(dataset: Dataset, settings: DatasetConfig) -> Split:
    if dataset.parts is None:
        raise ConfigError(
            f"dataset.split=given, and {settings.path} has no split of its own; prepare it with "
            "validation and test files, or take dataset.split=leave_one_out"
        )
    return given(dataset.sequences, dataset.parts)


SPLIT = Splitter("the split that the log was prepared with (--valid, --test)", _of_dataset)
