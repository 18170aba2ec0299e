"""One module for each form that raw data comes in; `read_source` finds the one that fits."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from sracl_core.data.readers import table
from sracl_core.data.readers.base import Raw, ReadOptions
from sracl_core.errors import DataError, nearest

READERS: dict[str, ModuleType] = {reader.NAME: reader for reader in (table,)}
"""By name, in the order in which they are asked whether they know the files."""


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
    raw: Raw = READERS[name].read(files, options, scratch)
    return raw
