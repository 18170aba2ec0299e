"""Names for content: equal content gives the equal hash, on any machine and in any version."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences, Times


def identity(
    users: list[str],
    sequences: Sequences,
    timestamps: Times,
    items: pl.DataFrame,
    parts: NDArray[np.int8] | None = None,
) -> str:
    """The identity of a dataset: of its users, sequences, times and item table (row i is item i + 1).

    It covers the order of interactions of a user at one time, which only the raw file decides: this
    order makes sequences, targets and results. Of columns only the names count, not their order.
    parts: of a split that was given.
    """
    digest = sha256()
    columns = sorted(items.columns)
    for lines in (users, columns, *items.select(columns).iter_rows()):
        digest.update(json.dumps(lines).encode())
    digest.update(sequences.offsets.astype("<i8").tobytes())
    digest.update(timestamps.astype("<i8" if timestamps.dtype.kind == "i" else "<f8").tobytes())
    digest.update(sequences.values.astype("<i4").tobytes())
    if parts is not None:
        digest.update(parts.tobytes())
    return digest.hexdigest()


def tied(sequences: Sequences, timestamps: Times) -> NDArray[np.bool_]:
    """bool [n - 1]: whether positions p and p + 1 are of one user at one time."""
    same: NDArray[np.bool_] = timestamps[1:] == timestamps[:-1]
    same[sequences.offsets[1:-1] - 1] = False
    return same
