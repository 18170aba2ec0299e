"""One file of a log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sracl_core.data.reading.peek import Head
from sracl_core.data.reading.tabular import Table


@dataclass(frozen=True)
class Part:
    """One file of a log and what a first look at it showed.

    split: which part of an own split it is. borrowed: whether its columns' names are another part's.
    """

    table: Table
    head: Head
    split: int | None = None
    borrowed: bool = False

    def called(self, columns: list[str]) -> Part:
        """The part with other names of columns, which a file without any takes from the one beside it."""
        frame = self.table.frame.rename(dict(zip(self.table.columns, columns, strict=True)))
        table = replace(self.table, frame=frame, columns=columns, header=True)
        return replace(self, table=table, head=replace(self.head, columns=columns), borrowed=True)

    @property
    def path(self) -> Path:
        return self.table.path
