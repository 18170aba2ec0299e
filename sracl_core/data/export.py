"""The way out: a prepared dataset in the forms of other tools."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.dataset import INTERACTIONS, Dataset, read_table
from sracl_core.errors import DataError, nearest
from sracl_core.files import whole_folder

MARK = "exported-by-sracl.txt"


def export(dataset: Dataset, out: Path, form: str) -> list[str]:
    """Write the dataset into the folder `out` and return the names of its files.

    csv, parquet: interactions and items. recbole: NAME.inter and NAME.item. sequences: NAME.txt,
    lines `user item` with numbers from 1, items by first appearance (the published SRA-CL form).
    """
    writers = {"csv": _csv, "parquet": _parquet, "recbole": _recbole, "sequences": _sequences}
    if form not in writers:
        raise DataError(f"there is no export format '{form}'{nearest(form, writers)}; correct --format")
    with whole_folder(out, mark=MARK, parents=True) as work:
        writers[form](dataset, work)
        (work / MARK).write_text(f"{dataset.name} {dataset.identity}\n", encoding="utf-8")
        return sorted(path.name for path in work.iterdir() if path.is_file() and path.name != MARK)


def file_name(name: str, most: int = 100) -> str:
    """A dataset's name as a file's: letters, digits and `. _ -` stay, all else becomes `-`.

    >>> file_name("../../tea & cake"), file_name("...")
    ('tea-cake', 'dataset')
    """
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return safe.encode()[:most].decode(errors="ignore") or "dataset"


def _interactions(dataset: Dataset) -> pl.DataFrame:
    return read_table(dataset.folder / INTERACTIONS)


def _csv(dataset: Dataset, work: Path) -> None:
    _interactions(dataset).write_csv(work / "interactions.csv")
    dataset.item_table().write_csv(work / "items.csv")


def _parquet(dataset: Dataset, work: Path) -> None:
    _interactions(dataset).write_parquet(work / "interactions.parquet")
    dataset.item_table().write_parquet(work / "items.parquet")


def _recbole(dataset: Dataset, work: Path) -> None:
    types = {"user_id": "token", "item_id": "token", "timestamp": "float", "part": "token"}
    _atomic(_interactions(dataset), types, work / f"{file_name(dataset.name)}.inter")
    items = dataset.item_table()
    types = {name: "token" if name == "item_id" else "token_seq" for name in items.columns}
    _atomic(items, types, work / f"{file_name(dataset.name)}.item")


def _atomic(frame: pl.DataFrame, types: dict[str, str], path: Path) -> None:
    """RecBole's files know no quotes, so tabs and line ends inside a text become spaces."""
    spaced = frame.with_columns(pl.col(pl.String).str.replace_all(r"[\t\r\n]+", " "))
    named = spaced.rename({name: f"{name}:{types[name]}" for name in frame.columns})
    named.write_csv(path, separator="\t", quote_style="never")


def _sequences(dataset: Dataset, work: Path) -> None:
    users = np.repeat(np.arange(1, dataset.n_users + 1), dataset.sequences.lengths)
    frame = pl.DataFrame({"user": users, "item": _by_first_appearance(dataset.sequences.values)})
    frame.write_csv(work / f"{file_name(dataset.name)}.txt", separator=" ", include_header=False)


def _by_first_appearance(items: NDArray[np.int32]) -> NDArray[np.int64]:
    """The same sequence with its distinct values called 1, 2, 3 ... as they come."""
    _, first, inverse = np.unique(items, return_index=True, return_inverse=True)
    return (np.argsort(np.argsort(first)) + 1)[inverse]
