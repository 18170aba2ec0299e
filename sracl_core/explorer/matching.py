"""What was typed, found in ids and titles; and how many of something are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import InputError


def count(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InputError(f"k is {k!r}; it must be a whole number of at least 1")
    return k


def matches(
    keys: Sequence[str], typed: str, limit: int, rows: NDArray[np.int64] | None = None
) -> tuple[list[int], int]:
    """Rows whose key is what was typed, starts with it, contains it; and how many in all.

    With `rows`, those whose key contains it, in the order of these.
    """
    if limit < 0:
        raise InputError(f"limit is {limit}; it must be at least 0")
    needle = typed.strip().lower()
    if not needle:
        return list(range(min(limit, len(keys)))) if rows is None else rows[:limit].tolist(), len(keys)
    inside = [row for row, key in enumerate(keys) if needle in key]
    if rows is not None:
        kept = np.zeros(len(keys), dtype=bool)
        kept[inside] = True
        return rows[kept[rows]][:limit].tolist(), len(inside)
    inside.sort(key=lambda row: (keys[row] != needle, not keys[row].startswith(needle)))
    return inside[:limit], len(inside)
