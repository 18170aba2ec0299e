"""The published SRA-CL text form: a line `user item` for each interaction, oldest first.

Lines `user item item ...` of other code bases are read as well. There are no times in it: an
interaction's time is its position in the user's history, 1, 2, 3 ...
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sracl_core.data.readers.base import Raw, Reader, ReadOptions, Taken
from sracl_core.data.readers.peek import sequence_lines
from sracl_core.data.readers.search import files_in
from sracl_core.data.readers.text import lines_of, plain
from sracl_core.errors import DataError


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """The one .txt file whose lines are whole numbers, or named by itself also words, with spaces between."""
    files = files_in(paths)
    if options.format == READER.name:
        texts = [file for file in files if ".txt" in file.suffixes] or files
        return texts if len(texts) == 1 else None
    alone = len(paths) == 1 and paths[0].is_file()
    found = [file for file in files if ".txt" in file.suffixes and sequence_lines(file, words=alone)]
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
    shape = {"user": "first of a line", "item": "the others"}
    return Raw(
        frame.with_columns(timestamp=position),
        None,
        taken=[Taken(path.name, "log", shape)],
        times="positions in the file",
    )


READER = Reader(
    name="sequences",
    about="text lines: user item, or user item item ...",
    sign="its lines are ids with spaces between: a user and items, oldest first",
    find=find,
    read=read,
    generic=1,
)
