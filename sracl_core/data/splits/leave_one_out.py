"""Leave one out: each user's last item is test, the one before validation."""

from __future__ import annotations

import numpy as np

from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.base import Split, Splitter, split_at


def leave_one_out(sequences: Sequences) -> Split:
    """Each user's last item is test, the one before validation, the rest training.

    A user with fewer than 3 interactions is trained on and never asked about.
    """
    asked = np.flatnonzero(sequences.lengths >= 3)
    test_ends = sequences.offsets[asked + 1] - 1
    kept = sequences.lengths.copy()
    kept[asked] -= 2
    return split_at("leave_one_out", sequences, kept, (asked, test_ends - 1), (asked, test_ends))


SPLIT = Splitter(
    "each user's last item is test, the one before validation",
    lambda dataset, settings: leave_one_out(dataset.sequences),
)
