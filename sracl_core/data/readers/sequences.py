"""The published SRA-CL text form: a line `user item` for each interaction, oldest first.

Lines `user item item ...` of other code bases are read as well. There are no times in it: an
interaction's time is its position in the user's history, 1, 2, 3 ...
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset, file_name
from sracl_core.data.reading.base import Raw, Reader, ReadOptions, Taken
from sracl_core.data.reading.peek import sequence_lines
from sracl_core.data.reading.search import files_in
from sracl_core.data.reading.text import lines_of, plain
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


def write(dataset: Dataset, folder: Path) -> None:
    """NAME.txt, `user item` with numbers from 1, items by first appearance: the published form."""
    users = np.repeat(np.arange(1, dataset.n_users + 1), dataset.sequences.lengths)
    frame = pl.DataFrame({"user": users, "item": _by_first_appearance(dataset.sequences.values)})
    frame.write_csv(folder / f"{file_name(dataset.name)}.txt", separator=" ", include_header=False)


def _by_first_appearance(items: NDArray[np.int32]) -> NDArray[np.int64]:
    """The same sequence with its distinct values called 1, 2, 3 ... as they come."""
    _, first, inverse = np.unique(items, return_index=True, return_inverse=True)
    return (np.argsort(np.argsort(first)) + 1)[inverse]


READER = Reader(
    name="sequences",
    about="text lines: user item, or user item item ...",
    sign="its lines are ids with spaces between: a user and items, oldest first",
    find=find,
    read=read,
    write=write,
    generic=1,
)
