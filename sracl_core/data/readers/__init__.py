"""One module for each form that raw data comes in; `read_source` finds the one that fits."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from sracl_core.data.readers import amazon2014, amazon2023, movielens, recbole, sequences, table, yelp
from sracl_core.data.readers.base import Raw, ReadOptions
from sracl_core.errors import DataError, nearest

READERS: dict[str, ModuleType] = {
    reader.NAME: reader for reader in (amazon2014, amazon2023, yelp, movielens, recbole, sequences, table)
}
"""By name, in the order in which they are asked whether they know the files."""


TABLE_OPTIONS = ("user_col", "item_col", "time_col", "rating_col", "title_col", "text_cols", "time_format")


def detect(paths: list[Path], form: str | None = None) -> tuple[str, list[Path]]:
    """(name of the reader, the files it will read); raises DataError where none fits."""
    for path in paths:
        if not path.exists():
            raise DataError(f"{path} is not there; give a file or a folder that exists")
    if form is not None and form not in READERS:
        raise DataError(f"there is no format '{form}'{nearest(form, READERS)}; correct --format")
    for name, reader in READERS.items():
        files = reader.find(paths) if form in (None, name) else None
        if files:
            return name, list(files)
    shown = ", ".join(str(path) for path in paths)
    raise DataError(
        f"{shown} holds no data of a known form; needed: interactions.csv (user_id,item_id,timestamp) "
        f"and items.csv (item_id,title,...), or one of: {', '.join(READERS)}"
    )


def read_source(name: str, files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Read the files with the named reader; compressed text is unpacked into `scratch`."""
    reader = READERS[name]
    if not getattr(reader, "TAKES_COLUMNS", False):
        for flag in TABLE_OPTIONS:
            if getattr(options, flag) is not None:
                raise DataError(
                    f"--{flag.replace('_', '-')} is for tables, and {files[0]} is read as {name}; "
                    "leave it out or give --format table"
                )
    raw: Raw = reader.read(files, options, scratch)
    return raw
