"""The way out: a prepared dataset in the forms of other tools."""

from __future__ import annotations

from pathlib import Path

from sracl_core.data.dataset import Dataset
from sracl_core.data.readers import READERS
from sracl_core.errors import DataError, nearest
from sracl_core.files import whole_folder

MARK = "exported-by-sracl.txt"


def export(dataset: Dataset, out: Path, form: str) -> list[str]:
    """Write the dataset into the folder `out` and return the names of its files.

    form: csv or parquet (interactions and items), or that of a reader which also writes.
    """
    own = {name: reader.write for name, reader in READERS.items() if reader.write is not None}
    writers = {"csv": _csv, "parquet": _parquet, **own}
    if form not in writers:
        raise DataError(f"there is no export format '{form}'{nearest(form, writers)}; correct --format")
    with whole_folder(out, mark=MARK, parents=True) as work:
        writers[form](dataset, work)
        (work / MARK).write_text(f"{dataset.name} {dataset.identity}\n", encoding="utf-8")
        return sorted(path.name for path in work.iterdir() if path.is_file() and path.name != MARK)


def _csv(dataset: Dataset, work: Path) -> None:
    dataset.interaction_table().write_csv(work / "interactions.csv")
    dataset.item_table().write_csv(work / "items.csv")


def _parquet(dataset: Dataset, work: Path) -> None:
    dataset.interaction_table().write_parquet(work / "interactions.parquet")
    dataset.item_table().write_parquet(work / "items.parquet")
