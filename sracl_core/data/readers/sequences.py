"""The published SRA-CL text form: a line `user item` for each interaction, oldest first.

Lines `user item item ...` of other code bases are read as well. There are no times in it: an
interaction's time is its position in the user's history, 1, 2, 3 ...
"""

from __future__ import annotations

import codecs
from pathlib import Path

import polars as pl

from sracl_core.data.readers.base import Raw, ReadOptions
from sracl_core.data.readers.search import files_in
from sracl_core.data.readers.text import lines_of, plain
from sracl_core.errors import DataError

NAME = "sequences"
ABOUT = "text lines: user item, or user item item ..."


def find(paths: list[Path]) -> list[Path] | None:
    """The one .txt file whose first line is whole numbers with spaces between."""
    found = [file for file in files_in(paths) if ".txt" in file.suffixes and _looks_like(file)]
    return found if len(found) == 1 else None


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Positions become times; raises DataError where a rating is wanted or a line has no item."""
    path = files[0]
    if options.with_ratings:
        raise DataError(f"{path} has no ratings in this form; leave --min-rating out")
    users: list[str] = []
    items: list[str] = []
    for number, line in lines_of(plain(path, scratch)):
        user, *row = line.split() or [""]
        if not user:
            continue
        if not row:
            raise DataError(f"{path} line {number} has a user and no item; 'user item' is needed")
        users += [user] * len(row)
        items += row
    if not users:
        raise DataError(f"{path} holds no lines 'user item'; give a file that does")
    frame = pl.DataFrame({"user_id": users, "item_id": items})
    position = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user_id")
    return Raw(frame.with_columns(timestamp=position), None)


def _looks_like(path: Path) -> bool:
    if path.suffix.lower() != ".txt":
        return True  # compressed: the name has to do
    with path.open("rb") as file:
        tokens = file.readline(1 << 16).removeprefix(codecs.BOM_UTF8).split()
    return len(tokens) >= 2 and all(token.isdigit() for token in tokens)
