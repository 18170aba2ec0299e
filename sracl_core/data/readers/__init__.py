"""One module for each form that raw data comes in; `read_source` finds the one that fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sracl_core.data.reading.base import Raw, Reader, ReadOptions
from sracl_core.errors import DataError, nearest
from sracl_core.methods import READERS as OWN
from sracl_core.methods import values

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in sorted(
        values(*OWN, "READER").values(),
        key=lambda reader: (reader.generic, reader.name),
    )
}
"""By name, in the order in which they are asked whether they know the files: the particular ones first."""

Stamp = tuple[int, int, int]
TABLE_OPTIONS = (
    "user_col",
    "item_col",
    "time_col",
    "rating_col",
    "title_col",
    "text_cols",
    "time_format",
    "event_col",
    "events",
    "order",
    "header",
    "valid",
    "test",
)


def detect(
    paths: list[Path], form: str | None = None, options: ReadOptions | None = None
) -> tuple[str, list[Path]]:
    """(name of the reader, the files it will read); raises DataError where none fits."""
    for path in paths:
        if not path.exists():
            raise DataError(f"{path} is not there; give a file or a folder that exists")
        if not (path.is_file() or path.is_dir()):
            raise DataError(
                f"{path} is a pipe or a device, and files are read more than once; write what comes from it "
                "into a file, and give that"
            )
    options = options or ReadOptions(format=form)
    if form is not None and form not in READERS:
        raise DataError(f"there is no format '{form}'{nearest(form, READERS)}; correct --format")
    for name, reader in READERS.items():
        files = reader.find(paths, options) if form in (None, name) else None
        if files:
            return name, list(files)
    shown = ", ".join(str(path) for path in paths)
    wanted = f"no files of the form {form}" if form else "no data of a known form"
    raise DataError(
        f"{shown} holds {wanted}; needed: interactions.csv or another table with a user, an item and a time "
        f"column, perhaps a table of items beside it (item_id,title,...), or one of: {', '.join(READERS)}"
    )


@contextmanager
def unchanged(files: list[Path]) -> Iterator[None]:
    """Raises DataError where a file is another one at the end: it is read more than once, and what is
    written to meanwhile ends in half a row.
    """
    before = {path: _stamp(path) for path in files}
    try:
        yield
    except (OSError, DataError):
        _require_same(before)
        raise
    _require_same(before)


def _require_same(stamps: dict[Path, Stamp | None]) -> None:
    for path, stamp in stamps.items():
        if _stamp(path) != stamp:
            raise DataError(f"{path} has changed while it was read; copy it, and give the copy")


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_source(name: str, files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Read the files with the named reader; compressed text is unpacked into `scratch`."""
    reader = READERS[name]
    if not reader.takes_columns:
        for option in TABLE_OPTIONS:
            if getattr(options, option) is not None:
                raise DataError(
                    f"--{option.replace('_', '-')} is for tables, and {files[0]} is read as {name}; "
                    "leave it out or give --format table"
                )
    return reader.read(files, options, scratch)
