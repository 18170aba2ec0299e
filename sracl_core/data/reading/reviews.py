"""What review files in JSON lines have in common."""

from __future__ import annotations

import html
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from sracl_core.data.filters import FunnelStep
from sracl_core.data.reading.base import Raw, ReadOptions, Rows, fixed
from sracl_core.data.reading.clean import clean_interactions, clean_items
from sracl_core.data.reading.log import without_empty
from sracl_core.data.reading.search import json_with, named
from sracl_core.data.reading.tabular import as_text, json_objects
from sracl_core.data.reading.text import plain
from sracl_core.errors import DataError

CHUNK = 200_000


def find_reviews(paths: list[Path], keys: set[str], metadata: str) -> list[Path] | None:
    """The file whose records have `keys`, and the one of the name `metadata`, where there is one.

    Raises DataError where two files hold reviews.
    """
    reviews = json_with(paths, keys)
    if not reviews:
        return None
    if len(reviews) > 1:
        raise DataError(f"{reviews[0]} and {reviews[1]} are both reviews; name the one to read")
    meta = named(paths, metadata)
    return [reviews[0]] if meta is None else [reviews[0], meta]


def read_reviews(
    path: Path, scratch: Path, keys: dict[str, str], options: ReadOptions, unit: int | None = None
) -> Raw:
    """Interactions from JSON lines; `keys` is {our column: theirs}. Reviews with no time are left out.

    unit: how many parts of a second a time is; None where times are dates.
    """
    wanted = {ours: theirs for ours, theirs in keys.items() if ours != "rating" or options.with_ratings}
    numbers, timeless = array("q"), 0
    frames: list[pl.DataFrame] = []
    cells: dict[str, list[str | None]] = {ours: [] for ours in wanted}
    for number, record in json_objects(path, plain(path, scratch)):
        if record.get(keys["timestamp"]) is None:
            timeless += 1
            continue
        numbers.append(number)
        for ours, theirs in wanted.items():
            cells[ours].append(as_text(record.get(theirs)))
        if len(cells["user_id"]) == CHUNK:
            frames.append(_frame(cells))
            cells = {ours: [] for ours in wanted}
    table = pl.concat([*frames, _frame(cells)])
    if table.is_empty():
        raise DataError(f"{path} holds no review with a time; give a file of reviews")
    funnel: list[FunnelStep] = []
    rows = without_empty(Rows(table, lambda row: f"{path} line {numbers[row]}"), options, funnel)
    clean, times = clean_interactions(rows, path, None if unit else "auto", unit)
    notes = [f"{path.name}: {timeless:,} reviews without a time left out"] if timeless else []
    return Raw(clean, None, notes, [fixed(path, wanted)], times, funnel=funnel)


def item_table(
    path: Path,
    records: Iterable[tuple[int, dict[str, Any]]],
    key: str,
    columns: Callable[[dict[str, Any]], dict[str, Any]],
) -> pl.DataFrame:
    """item_id and what `columns` takes from each record, as text; an item's first record counts."""
    rows: list[dict[str, str | None]] = []
    numbers = array("q")
    for number, record in records:
        numbers.append(number)
        cells = {name: flat_text(value) for name, value in columns(record).items()}
        rows.append({"item_id": as_text(record.get(key)), **cells})
    names = list(columns({}))
    schema = dict.fromkeys(["item_id", *names], pl.String())
    frame = pl.DataFrame(rows, schema=schema, infer_schema_length=None)
    return clean_items(frame, lambda row: f"{path} line {numbers[row]}", repeats="first")


def flat_text(value: Any) -> str | None:
    """Nested text as a line: [["A", "B"], ["C"]] -> "A > B; C", HTML entities resolved.

    >>> flat_text([["Hair &amp; Nails", "Wigs"], ["Gifts"]])
    'Hair & Nails > Wigs; Gifts'
    """
    if isinstance(value, list):
        nested = any(isinstance(part, list) for part in value)
        parts = [text for part in value if (text := flat_text(part))]
        return ("; " if nested else " > ").join(parts) or None
    if isinstance(value, dict):
        return "; ".join(f"{as_text(name)}: {flat_text(part)}" for name, part in value.items()) or None
    text = as_text(value)
    return None if text is None else html.unescape(text).strip() or None


def _frame(cells: dict[str, list[str | None]]) -> pl.DataFrame:
    return pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String()))
