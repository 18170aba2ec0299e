"""Columns that stand in the names of folders, as user_id=7/part-0.csv: Hive and Spark write logs so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from sracl_core.data.reading.base import Taken
from sracl_core.data.reading.columns import candidates, guess
from sracl_core.data.reading.part import Part
from sracl_core.data.reading.peek import Head, peek
from sracl_core.data.reading.tabular import open_table
from sracl_core.errors import DataError

EMPTY = "__HIVE_DEFAULT_PARTITION__"
DATE = ("year", "month", "day")
ROLES = ("user", "item", "time", "rating", "event", "session", "title")


def in_folders(path: Path) -> dict[str, str | None]:
    """{name: value} of the folders around a file, as far as each is called name=value; outermost first."""
    found: dict[str, str | None] = {}
    for folder in path.parents:
        name, mark, value = folder.name.partition("=")
        if not (mark and name):
            break
        found = {unquote(name): None if value == EMPTY else unquote(value)} | found
    return found


def beside(path: Path, columns: list[str]) -> dict[str, str | None]:
    """The columns that the folders around a file add to its own, `columns`.

    None of them takes a role from one of the file's own. A year, a month and a day make a date.
    """
    found = in_folders(path)
    if all(found.get(part) for part in DATE) and guess("time", columns) is None:
        year, month, day = (str(found.pop(part)) for part in DATE)
        found["date"] = f"{year}-{month:0>2}-{day:0>2}"
    return {
        name: value
        for name, value in found.items()
        if name not in columns and not any(_competes(role, name, columns) for role in ROLES)
    }


def _competes(role: str, name: str, columns: list[str]) -> bool:
    own = guess(role, columns)
    if own is None and not candidates(role, columns):
        return False
    return guess(role, [*columns, name]) != own


def look_at(path: Path, header: bool | None = None) -> Head:
    """`peek` at a file and at the names of its folders."""
    return _in_its_folders(path, peek(path, header))


def _in_its_folders(path: Path, head: Head) -> Head:
    more = beside(path, head.columns) if head.header and head.columns else {}
    if not more:
        return head
    width = len(head.columns)
    rows = [[*row[:width], *[None] * (width - len(row)), *more.values()] for row in head.rows]
    return replace(head, columns=[*head.columns, *more], rows=rows, folders=tuple(more))


def _refuse_nameless(path: Path) -> None:
    role = next((name for name in in_folders(path) if guess("user", [name]) or guess("item", [name])), None)
    if role is not None:
        raise DataError(
            f"{path} has no line of column names, so that '{role}' of its folder cannot stand beside them; "
            "begin each file with one"
        )


def open_part(
    path: Path,
    scratch: Path,
    header: bool | None = None,
    copy: Path | None = None,
    split: int | None = None,
) -> Part:
    """A file of a log, with what the names of its folders say; `copy` is read in its place."""
    head = peek(path, header)
    table = open_table(copy or path, scratch, header=header, head=None if copy else head)
    part = Part(table, _in_its_folders(path, head), split)
    if not table.header:
        _refuse_nameless(path)
    more = beside(path, table.columns) if table.header else {}
    if not more:
        return part
    frame = table.frame.with_columns(pl.lit(value, pl.String).alias(name) for name, value in more.items())
    return replace(part, table=replace(table, frame=frame, columns=[*table.columns, *more]))


def on_folders(parts: Sequence[Part], log: Sequence[Taken]) -> list[str]:
    """A line for each column that names of folders alone have: whether it was taken, or where it could be.

    log: what was taken for what in the parts.
    """
    values: dict[str, dict[str, None]] = {}
    for part in parts:
        for name, value in beside(part.path, part.head.own).items():
            values.setdefault(name, {})[value or "none"] = None
    taken = {column for one in log for column in one.columns.values()}
    said = []
    for name, some in values.items():
        shown = ", ".join([*some][:3]) + ", ..." * (len(some) > 3)
        told = f"'{name}' ({shown}) stands in names of folders alone"
        if name in taken:
            said.append(f"{told}, and is read from there")
        elif len(some) > 1:
            event = guess("event", [name]) is not None
            advice = "every kind counts; choose with --events" if event else "name it where it has a role"
            said.append(f"{told} and is not read; {advice}")
    return said
