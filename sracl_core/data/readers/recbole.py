"""RecBole's atomic files: `NAME.inter` and `NAME.item`, with typed headers such as user_id:token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from sracl_core.data.dataset import Dataset, file_name
from sracl_core.data.readers import table
from sracl_core.data.reading.base import Raw, Reader, ReadOptions
from sracl_core.data.reading.search import named
from sracl_core.errors import DataError

SEPARATING = r"[\t\r\n]"


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


def write(dataset: Dataset, folder: Path) -> None:
    """NAME.inter and NAME.item; these files know no quotes, so tabs and line ends in a text become spaces.

    Raises DataError for an id that holds one: with a space in its place it would be another.
    """
    log, items = dataset.interaction_table(), dataset.item_table()
    for ids in (log["user_id"], log["item_id"], items["item_id"]):
        if (torn := ids.filter(ids.str.contains(SEPARATING)).first()) is not None:
            raise DataError(
                f"the id {torn!r} holds a tab or a line end, which files without quotes cannot hold; give "
                "--format csv or parquet"
            )
    types = {"user_id": "token", "item_id": "token", "timestamp": "float", "part": "token"}
    _write(log, types, folder / f"{file_name(dataset.name)}.inter")
    types = {name: "token" if name == "item_id" else "token_seq" for name in items.columns}
    _write(items, types, folder / f"{file_name(dataset.name)}.item")


def _write(frame: pl.DataFrame, types: dict[str, str], path: Path) -> None:
    spaced = frame.with_columns(pl.col(pl.String).str.replace_all(f"{SEPARATING}+", " "))
    named = spaced.rename({name: f"{name}:{types[name]}" for name in frame.columns})
    named.write_csv(path, separator="\t", quote_style="never")


READER = Reader(
    name="recbole",
    about="RecBole atomic files: .inter and .item",
    sign="a file's name ends in .inter",
    find=find,
    read=read,
    takes_columns=True,
    write=write,
)
