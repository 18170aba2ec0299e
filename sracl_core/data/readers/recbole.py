"""RecBole's atomic files: `NAME.inter` and `NAME.item`, with typed headers such as user_id:token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sracl_core.data.readers import table
from sracl_core.data.readers.base import Raw, Reader, ReadOptions
from sracl_core.data.readers.search import named


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """[interactions] or [interactions, items]."""
    found = [named(paths, "*.inter"), named(paths, "*.item")]
    if found[0] is None:
        return None
    return [path for path in found if path is not None]


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """A tab-separated table; the types after the colons are dropped from the items' columns."""
    raw = table.read(files, options, scratch)
    if raw.items is None:
        return raw
    return replace(raw, items=raw.items.rename(lambda name: name.split(":")[0]))


READER = Reader(
    name="recbole",
    about="RecBole atomic files: .inter and .item",
    sign="a file's name ends in .inter",
    find=find,
    read=read,
    takes_columns=True,
)
