"""Names for content: equal content gives the equal hash, on any machine and in any version."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences, Times


def content_hashes(
    users: list[str],
    sequences: Sequences,
    timestamps: Times,
    items: pl.DataFrame,
) -> tuple[str, str]:
    """(hash, order hash) of a dataset whose item table's row i is item i + 1.

    The first does not depend on the raw file's order: interactions of a user at the same time
    count as a set, items are taken by id. The second covers the order in which they stand.
    """
    ranks = items["item_id"].rank("ordinal").to_numpy().astype(np.int32)
    values = ranks[sequences.values - 1]
    base = sha256()
    for part in (users, sorted(items.columns)):
        _add_lines(base, part)
    for row in items.sort("item_id").select(sorted(items.columns)).iter_rows():
        _add_lines(base, list(row))
    base.update(sequences.offsets.astype("<i8").tobytes())
    base.update(timestamps.astype("<i8" if timestamps.dtype.kind == "i" else "<f8").tobytes())
    content, order = base.copy(), base
    content.update(_ties_sorted(values, sequences, timestamps).astype("<i4").tobytes())
    order.update(values.astype("<i4").tobytes())
    return content.hexdigest(), order.hexdigest()


def tied(sequences: Sequences, timestamps: Times) -> NDArray[np.bool_]:
    """bool [n - 1]: whether positions p and p + 1 are of one user at one time."""
    same: NDArray[np.bool_] = timestamps[1:] == timestamps[:-1]
    same[sequences.offsets[1:-1] - 1] = False
    return same


def _ties_sorted(
    values: NDArray[np.int32],
    sequences: Sequences,
    timestamps: Times,
) -> NDArray[np.int32]:
    same = tied(sequences, timestamps)
    involved = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    groups = np.concatenate(([0], np.cumsum(~same)))[involved]
    result = values.copy()
    result[involved] = values[involved][np.lexsort((values[involved], groups))]
    return result


def _add_lines(digest: object, part: list[str] | list[str | None]) -> None:
    digest.update(json.dumps(part).encode())  # type: ignore[attr-defined]
