"""Ids as a person writes them, and the numbers that models work with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sracl_core.errors import UnknownIdError, nearest


@dataclass(frozen=True)
class Vocabulary:
    """A two-way map between ids and consecutive indices.

    `ids[i]` has the index `first + i`: users start at 0, items at 1, because 0 is padding.

    >>> items = Vocabulary(["lamp", "chair"], first=1)
    >>> items.index("chair"), items.id_of(1), len(items)
    (2, 'lamp', 2)
    """

    ids: list[str]
    first: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, name: object) -> bool:
        return name in self._positions

    @property
    def kind(self) -> str:
        """What the ids stand for, in messages: "user" or "item"."""
        return "item" if self.first else "user"

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.ids, start=self.first)}

    def index(self, name: str) -> int:
        """The index of an id; raises UnknownIdError, naming the nearest id there is."""
        try:
            return self._positions[name]
        except KeyError:
            there = f"the dataset's {len(self.ids):,} {self.kind}s"
            raise UnknownIdError(f"{self.kind} '{name}' is not among {there}{self.hint(name)}") from None

    def hint(self, name: str) -> str:
        """The nearest id to one that is not there, as `errors.nearest` says it."""
        return nearest(name, self._candidates(name))

    def id_of(self, index: int) -> str:
        """The id at an index; raises UnknownIdError outside `first .. first + len - 1`."""
        position = int(index) - self.first
        if not 0 <= position < len(self.ids):
            raise UnknownIdError(
                f"{self.kind} index {index} is outside {self.first}..{self.first + len(self.ids) - 1}"
            )
        return self.ids[position]

    def _candidates(self, name: str, most: int = 2000) -> list[str]:
        """Ids worth comparing: difflib over a million of them would take half a minute."""
        written = name.strip().casefold()
        if same := [known for known in self.ids if known.strip().casefold() == written]:
            return same
        alike = (known for known in self.ids if abs(len(known) - len(name)) <= 2 and known[:2] == name[:2])
        return [known for known, _ in zip(alike, range(most), strict=False)]
