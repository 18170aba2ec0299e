"""What rules know of the items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences
from sracl_core.errors import InputError, UnknownIdError, nearest
from sracl_core.rules.prompting import Prompts

PATH = " > "
"""Between the steps of a category in one cell."""


@dataclass(frozen=True)
class Catalogue:
    """N items.

    columns: the item table, each column N cells.
    popularity: int64 [N], interactions of each item.
    repeats: share of the interactions that are with an item the person had taken before.
    vectors: gives the items' text vectors, float32 [N, E] of length 1; or raises InputError.
    encode: gives the vectors of T texts, float32 [T, E] of length 1.
    added: how many of the items, the last ones, came after training.
    """

    ids: Sequence[str]
    columns: dict[str, list[str | None]]
    popularity: NDArray[np.int64]
    repeats: float
    vectors: Callable[[], NDArray[np.float32]]
    encode: Callable[[Sequence[str]], NDArray[np.float32]]
    added: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def said_of_added(self, rows: NDArray[np.int64]) -> list[str]:
        """What to say of a list that holds items which training did not know."""
        count = int((rows >= len(self) - self.added).sum())
        said = f"{count} of these items came after training: what is known of them is their text"
        return [said] if count else []

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def prompts(self) -> Prompts:
        """What steers a list towards a text; it learns the items' names at the first one."""
        return Prompts(self.vectors(), self.encode, self.columns)

    def column(self, name: str) -> list[str | None]:
        """The cells of a column; raises UnknownIdError that names the nearest."""
        if name not in self.columns:
            hint = nearest(name, self.columns) or f"; there is {', '.join(self.columns)}"
            raise UnknownIdError(f"the items have no column '{name}'{hint}")
        return self.columns[name]

    def where(self, condition: str) -> tuple[str, NDArray[np.bool_]]:
        """The column of COLUMN=VALUE, and which items fit, bool [N].

        A cell fits by the whole of it, or by one step of a category written "A > B > C"; case is ignored.
        Raises UnknownIdError for an unknown column or a value that no item has, InputError for another form.
        """
        name, given, value = condition.partition("=")
        name, wanted = name.strip(), value.strip().casefold()
        if not given or not name or not wanted:
            raise InputError(f"the rule '{condition}' is not COLUMN=VALUE, such as brand=Stillpond")
        fits = np.array([wanted in _values(cell) for cell in self.column(name)], dtype=bool)
        if not fits.any():
            known = dict.fromkeys(part for cell in self.columns[name] for part in _values(cell))
            raise UnknownIdError(f"no item has {name} '{value.strip()}'{nearest(wanted, list(known)[:5000])}")
        return name, fits

    def groups(self, name: str) -> NDArray[np.int64]:
        """A number for each distinct cell of a column, int64 [N]; an empty cell has a number of its own."""
        numbers: dict[object, int] = {}
        cells = self.column(name)
        keys = ((row, None) if cell is None else cell for row, cell in enumerate(cells))
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _values(cell: str | None) -> tuple[str, ...]:
    if cell is None:
        return ()
    whole = cell.strip().casefold()
    return (whole, *whole.split(PATH)) if PATH in whole else (whole,)


def popularity(sequences: Sequences, n_items: int) -> NDArray[np.int64]:
    """How many interactions each item has, int64 [N]."""
    return np.bincount(sequences.values, minlength=n_items + 1)[1:].astype(np.int64)


def repeat_share(sequences: Sequences) -> float:
    """The share of interactions with an item that the same person had taken before."""
    if not len(sequences.values):
        return 0.0
    people = np.repeat(np.arange(len(sequences), dtype=np.int64), sequences.lengths)
    pairs = people * (int(sequences.values.max()) + 1) + sequences.values
    return 1.0 - len(np.unique(pairs)) / len(pairs)
