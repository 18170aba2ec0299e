"""Ids that a person lists in a file: one a line, or in a column of a table."""

from __future__ import annotations

import tempfile
from collections.abc import Container
from pathlib import Path

from sracl_core.data.reading.base import cut, file_kind
from sracl_core.data.reading.clean import clean_ids
from sracl_core.data.reading.columns import USUAL, alike, guess
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.peek import peek
from sracl_core.data.reading.tabular import open_table
from sracl_core.data.reading.text import plain
from sracl_core.errors import DataError, nearest

LINES = ("txt", "")
"""Endings of files that are no table, whatever stands in their lines."""


def read_ids(path: Path, role: str, known: Container[str] | None = None) -> tuple[list[str], list[str]]:
    """(ids of the role "user" or "item", notes).

    known: the ids there are, which decide whether the first line of a single column names it, and whether
    blanks around an id belong to it; None leaves all as it stands. Raises DataError.
    """
    if not path.is_file() or not path.stat().st_size:
        what = "empty" if path.is_file() else "not there"
        if path.is_dir():
            what = "a folder"
        elif path.exists():
            what = "a pipe or a device, which is read more than once"
        raise DataError(f"{path} is {what}; give a file of {role} ids, one a line")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if file_kind(path) in LINES:
            text = plain(path, scratch).read_text(encoding="utf-8-sig")
            ids, alone = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()], True
        else:
            head = peek(path)
            alone = head.kind == "text" and len(head.columns) == 1
            table = open_table(path, scratch, header=False if alone else None)
            alone_too = alone or len(table.columns) == 1
            column = table.columns[0] if alone_too else column_of(path, table.columns, role, table.header)
            rows = table.select({f"{role}_id": column})
            ids = clean_ids(
                rows.keep(~missing(rows.frame[f"{role}_id"])).frame[f"{role}_id"], rows.locate
            ).to_list()
    named, notes = _named(path, role, ids[0], known) if ids and alone and known is not None else (False, [])
    ids = ids[named:]
    if not ids:
        raise DataError(f"{path} holds no {role} ids; give one a line")
    return (ids if known is None else [name if name in known else name.strip() for name in ids]), notes


def _named(path: Path, role: str, first: str, known: Container[str]) -> tuple[bool, list[str]]:
    """Whether the first line of a single column is its name, and what is said of it."""
    name = first.strip()
    if first in known or name in known:
        return False, []
    if guess(role, [name]) is not None:
        return True, []
    if file_kind(path) in LINES:
        return False, []
    return True, [f"{path.name}: line 1 ('{cut(name)}') is no {role} of the run, and is read as a name"]


def column_of(path: Path, columns: list[str], role: str, header: bool = True) -> str:
    """The column of a role in a file that nobody names columns of; raises DataError."""
    found = guess(role, columns)
    if found is None:
        usual = USUAL[role].split()[0]
        if not header:
            raise DataError(f"{path} line 1 names no columns; begin with names such as '{usual}'")
        raise DataError(
            f"{path} has no column '{usual}'{nearest(usual, columns)}; rename the column of {role}s"
        )
    if len(several := alike(found, columns)) > 1:
        both = f"'{several[0]}' and '{several[1]}'"
        raise DataError(f"{path}: {both} could both be the column of {role}s; rename one")
    return found
