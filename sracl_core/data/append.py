"""A prepared dataset with what has happened since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from sracl_core.data.dataset import INTERACTIONS, ITEMS, load_dataset, read_table
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.readers import detect, read_source
from sracl_core.data.reading.base import ReadOptions
from sracl_core.errors import DataError
from sracl_core.files import scratch_folder
from sracl_core.progress import Progress


def append(
    folder: Path,
    new: list[Path],
    out: Path,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write `folder` and the events of `new` as the prepared dataset `out`; returns its manifest.

    Nobody and nothing that was there is filtered away; new items come in with their first event, new users
    with their third. Of an item that both describe, what `new` says holds.

    Raises DataError where the new files cannot be read, for a dataset with a split of its own, and where
    the new times are of another kind than the old ones.
    """
    dataset = load_dataset(folder)
    if dataset.parts is not None:
        raise DataError(f"{folder} has a split of its own; prepare it again from both logs")
    with scratch_folder(out) as scratch:
        form, files = detect(new, None, options)
        raw = read_source(form, files, options or ReadOptions(), scratch)
        old = read_table(folder / INTERACTIONS)
        require_same_kind(old["timestamp"], raw.interactions["timestamp"], folder, new[0])
        columns = ["user_id", "item_id", "timestamp"]
        log = pl.concat([old.select(columns), raw.interactions.select(columns)], how="vertical_relaxed")
        log.write_parquet(scratch / INTERACTIONS)
        items = read_table(folder / ITEMS)
        if raw.items is not None:
            both = pl.concat([raw.items, items], how="diagonal_relaxed")
            items = both.unique("item_id", keep="first", maintain_order=True).select(
                *items.columns, *(name for name in raw.items.columns if name not in items.columns)
            )
        items.write_parquet(scratch / ITEMS)
        kept = PrepareOptions(
            k_core=1,
            name=dataset.name,
            licence=dataset.manifest.get("licence"),
            citation=dataset.manifest.get("citation"),
        )
        return prepare([scratch / INTERACTIONS, scratch / ITEMS], out, kept, progress)


def require_same_kind(old: pl.Series, new: pl.Series, folder: Path, path: Path) -> None:
    """Seconds beside milliseconds, or dates beside positions, would put new events at wrong places.

    Raises DataError.
    """
    ends = [float(times.max() or 0) for times in (old, new)]  # type: ignore[arg-type]
    most, least = max(ends), min(ends)
    if least <= 0 or most / least > 100:
        raise DataError(
            f"the times of {path} end at {ends[1]:.15g}, those of {folder} at {ends[0]:.15g}: they are not "
            "of one kind; write the new ones as the old ones are"
        )
