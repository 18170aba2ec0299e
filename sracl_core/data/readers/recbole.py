"""RecBole's atomic files: `NAME.inter` and `NAME.item`, with typed headers such as user_id:token."""

from __future__ import annotations

from pathlib import Path

from sracl_core.data.readers import table
from sracl_core.data.readers.base import Raw, ReadOptions
from sracl_core.data.readers.search import named

NAME = "recbole"
ABOUT = "RecBole atomic files: .inter and .item"
TAKES_COLUMNS = True


def find(paths: list[Path]) -> list[Path] | None:
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
    return Raw(raw.interactions, raw.items.rename(lambda name: name.split(":")[0]), raw.notes)
