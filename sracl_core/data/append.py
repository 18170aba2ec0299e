"""A prepared dataset with what has happened since."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sracl_core.data.dataset import INTERACTIONS, ITEMS, NAMES, Dataset, load_dataset, read_table
from sracl_core.data.later_times import on_later_times, require_same_kind
from sracl_core.data.object_store import here, placed
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.readers import READERS, detect, read_source, unchanged
from sracl_core.data.reading.base import Raw, ReadOptions
from sracl_core.data.reading.columns import guess
from sracl_core.data.reading.folders import look_at
from sracl_core.data.times import LEAST_DATE
from sracl_core.errors import DataError
from sracl_core.files import scratch_folder
from sracl_core.progress import Progress

CHOSEN = ("event_col", "events", "min_rating", "rating_col")
"""What a dataset keeps of its log and of what is appended to it, by name in its manifest."""


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
    folder, new = dataset.folder, [here(path, progress) for path in new]
    if dataset.parts is not None:
        raise DataError(f"{folder} has a split of its own; prepare it again from both logs")
    with placed(out, NAMES, progress) as place, scratch_folder(place) as scratch:
        raw = read_later(dataset, new, options, scratch)
        old = read_table(folder / INTERACTIONS)
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
            earlier={name: _choices(dataset).get(name) for name in CHOSEN},
        )
        manifest = prepare([scratch / INTERACTIONS, scratch / ITEMS], place, kept, progress)
    times = raw.interactions["timestamp"]
    added = {
        "format": raw.form,
        "why": READERS[raw.form].sign,
        "taken": [asdict(taken) for taken in raw.taken],
        "times": {"are": raw.times, "first": times.min(), "last": times.max()},
        "notes": [*raw.notes, *_on_new(dataset, raw, manifest)],
    }
    return manifest | {"added": added}


def _on_new(dataset: Dataset, raw: Raw, manifest: dict[str, Any]) -> list[str]:
    """What became of the new events and items, and what is said of the dataset now and was not before."""
    times, notes = raw.interactions["timestamp"], []
    for before, step in pairwise(manifest["funnel"]):
        if dropped := before["interactions"] - step["interactions"]:
            notes.append(f"{step['step']}: {dropped:,} of the {len(times):,} new interactions")
    if early := int((times < np.max(dataset.timestamps, initial=0)).sum()):
        notes.append(
            f"{early:,} of the {len(times):,} new interactions are of times before the latest that was there"
            "; they stand where their times put them"
        )
    known = pl.concat([pl.Series(dataset.items.ids), raw.interactions["item_id"]])
    if raw.items is not None and not raw.items["item_id"].is_in(known.implode()).any():
        notes.append(
            f"warning: none of the {raw.items.height:,} items of the table is in the dataset; see that the "
            "ids are written alike"
        )
    said = set(dataset.manifest.get("notes") or [])
    return notes + [note for note in manifest["notes"] if note not in said and "parquet" not in note]


def read_later(dataset: Dataset, paths: list[Path], options: ReadOptions | None, scratch: Path) -> Raw:
    """A log of what came after a dataset's, with what the dataset keeps of its own log.

    Positions in a file stand behind all that the dataset has. Raises DataError, also where the times are of
    another kind than the dataset's.
    """
    options, choices = options or ReadOptions(), _choices(dataset)
    form, files = detect(paths, options.format, options)
    notes = []
    if options.events is None and choices.get("events") and _has_events(files, choices):
        options = replace(
            options, events=tuple(choices["events"]), event_col=options.event_col or choices.get("event_col")
        )
        notes.append(f"kept are the events {', '.join(choices['events'])}, as in {dataset.folder}")
    least = choices.get("min_rating")
    if least is not None:
        rating = options.rating_col or choices.get("rating_col")
        options = replace(options, with_ratings=True, rating_col=None if rating is None else tuple(rating))
        notes.append(f"kept are interactions rated {least:g} or more, as in {dataset.folder}")
    elif options.rating_col:
        raise DataError(f"{dataset.folder} keeps interactions of any rating; leave --rating-col out")
    with unchanged(files):
        raw = read_source(form, files, options, scratch)
    new = raw.interactions if least is None else raw.interactions.filter(pl.col("rating") >= least)
    old = pl.Series(dataset.timestamps)
    latest = np.max(dataset.timestamps, initial=0)
    if raw.times == "positions in the file" and latest < LEAST_DATE:
        new = new.with_columns(pl.col("timestamp") + int(latest))
    are = str((dataset.manifest["source"].get("times") or {}).get("are") or "")
    require_same_kind(old, new["timestamp"], dataset.folder, paths[0], (are, raw.times))
    notes += on_later_times(old, new["timestamp"], raw.times)
    return replace(raw, interactions=new, notes=[*notes, *raw.notes], form=form)


def _choices(dataset: Dataset) -> dict[str, Any]:
    return dict(dataset.manifest.get("filters") or {})


def _has_events(files: list[Path], choices: dict[str, Any]) -> bool:
    columns = [look_at(path).columns for path in files]
    return any(choices.get("event_col") in some or guess("event", some) is not None for some in columns)
