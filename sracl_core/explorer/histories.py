"""Whose history is read, where it ends, and what lies behind its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.base import Split
from sracl_core.errors import InputError
from sracl_core.explorer.answers import Part, Until


@dataclass(frozen=True)
class Query:
    """A history to ask about.

    user: its index, or -1 for a raw history.
    items: int32 [L], oldest first, at least one.
    held_out: for each item behind the history's end, the part of the split that it belongs to.
    next_held_out: the first such item of each part.
    """

    user: int
    items: NDArray[np.int32]
    until: Until | None
    held_out: dict[int, Part]
    next_held_out: dict[Part, int]


class Histories:
    """Cuts each user's sequence where the split cuts it."""

    def __init__(self, dataset: Dataset, split: Split) -> None:
        self.dataset = dataset
        offsets = dataset.sequences.offsets
        self._train_ends = offsets[:-1] + split.train.lengths
        self._test_starts = offsets[1:].copy()
        np.minimum.at(self._test_starts, split.test_users, split.test_ends)

    def parts(self, user: int) -> list[Part]:
        """The part of the split of each interaction of a user, oldest first."""
        start, end = self.dataset.sequences.offsets[user : user + 2]
        train, test = int(self._train_ends[user] - start), int(self._test_starts[user] - start)
        whole = int(end - start)
        counts: dict[Part, int] = {"train": train, "valid": test - train, "test": whole - test}
        return [part for part, count in counts.items() for _ in range(count)]

    def cut(self, until: str) -> Sequences:
        """Every user's history up to `until`; empty for a user whose first interaction is behind it."""
        require_until(until)
        if until == "test":
            return self.dataset.sequences
        ends = self._train_ends if until == "train" else self._test_starts
        return self.dataset.sequences.heads(ends - self.dataset.sequences.offsets[:-1])

    def of_user(self, name: str, until: str) -> Query:
        """A user's history up to `until`. Raises UnknownIdError, InputError for an empty history."""
        require_until(until)
        user = self.dataset.users.index(name)
        items, parts = self.dataset.sequences.of(user), self.parts(user)
        ends = {"train": parts.count("train"), "valid": len(parts) - parts.count("test"), "test": len(parts)}
        end = ends[until]
        if end == 0:
            raise InputError(f"user '{name}' has no interaction before the {parts[0]} part; use until=test")
        behind: dict[int, Part] = {}
        first: dict[Part, int] = {}
        for item, part in zip(items[end:].tolist(), parts[end:], strict=True):
            behind.setdefault(item, part)
            first.setdefault(part, item)
        return Query(user, items[:end], until, behind, first)  # type: ignore[arg-type]

    def raw(self, names: Sequence[str]) -> Query:
        """A history of item ids, oldest first. Raises UnknownIdError, InputError when it is empty."""
        if isinstance(names, str) or not names:
            raise InputError("the history is empty; give item ids, oldest first")
        items = np.array([self.dataset.items.index(str(name)) for name in names], dtype=np.int32)
        return Query(-1, items, None, {}, {})


def require_until(until: str) -> None:
    """Raise InputError for an unknown end of a history."""
    if until not in get_args(Until):
        raise InputError(f"until '{until}' is none of {', '.join(get_args(Until))}")
