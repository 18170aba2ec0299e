"""From the cells of a raw table to ids, times and titles that can be relied upon."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sracl_core.data.readers.base import Locator
from sracl_core.errors import DataError

LONGEST_QUOTE = 60


def clean_interactions(
    frame: pl.DataFrame, path: Path, locate: Locator, time_format: str | None = None
) -> pl.DataFrame:
    """user_id, item_id, timestamp and perhaps rating, each checked.

    Raises DataError at the first empty id, time that is no number, or rating that is none.
    """
    if frame.is_empty():
        raise DataError(f"{path} holds no rows; give a file with interactions")
    columns = [
        clean_ids(frame["user_id"], locate),
        clean_ids(frame["item_id"], locate),
        clean_times(frame["timestamp"], locate, time_format),
    ]
    if "rating" in frame.columns:
        columns.append(clean_numbers(frame["rating"], locate, "rating"))
    return pl.DataFrame(columns)


def clean_ids(column: pl.Series, locate: Locator) -> pl.Series:
    """Ids as strings, exactly as written; raises DataError where one is empty or NaN."""
    if column.dtype.is_float() and (column.is_null() | (column.floor() == column)).all():
        column = column.cast(pl.Int64, strict=False)
    if column.dtype != pl.String:
        column = column.cast(pl.String)
    stripped = column.str.strip_chars()
    bad = column.is_null() | (stripped == "") | (stripped.str.to_lowercase() == "nan")
    row = bad.arg_max() if bad.any() else None
    if row is not None:
        kind = column.name.removesuffix("_id")
        raise DataError(f"{locate(row)}: the {kind} id is empty or NaN; correct or remove it")
    return column


def clean_times(column: pl.Series, locate: Locator, time_format: str | None) -> pl.Series:
    """Times as int64, or float64 where any has a fraction; dates become seconds since 1970 UTC."""
    if column.dtype.is_temporal():
        return _epoch_seconds(column.cast(pl.Datetime("us")), column, locate)
    if time_format is not None and column.dtype == pl.String:
        pattern = None if time_format == "auto" else time_format
        try:
            parsed = column.str.strip_chars().str.to_datetime(pattern, strict=False, time_unit="us")
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{locate(0)}: time '{_cut(column[0])}' does not fit --time-format {time_format}; "
                "give a pattern such as '%Y-%m-%d %H:%M:%S'"
            ) from error
        form = "" if pattern is None else f" of the form {pattern}"
        hint = f"is no date{form}; correct it, or give its form with --time-format"
        return _epoch_seconds(parsed.dt.replace_time_zone(None), column, locate, hint)
    return _whole(clean_numbers(column, locate, "timestamp"))


def clean_numbers(column: pl.Series, locate: Locator, name: str) -> pl.Series:
    """Finite float64, or int64 where the column can be read as such."""
    text = column.str.strip_chars() if column.dtype == pl.String else column
    numbers = text.cast(pl.Int64, strict=False)
    if column.dtype.is_float() or numbers.is_null().any():
        numbers = text.cast(pl.Float64, strict=False)
        numbers = numbers.set(~numbers.is_finite().fill_null(False), None)
    if numbers.is_null().any():
        row = int(numbers.is_null().arg_max() or 0)
        if column[row] is None or column[row] == "":
            raise DataError(f"{locate(row)}: the {name} is missing; correct or remove it")
        hint = "; for dates give --time-format auto" if name == "timestamp" else ""
        raise DataError(f"{locate(row)}: {name} '{_cut(column[row])}' is not a number{hint}")
    return numbers.alias(name)


def clean_items(frame: pl.DataFrame, locate: Locator, repeats: str = "refuse") -> pl.DataFrame:
    """item_id, title and further columns, all strings; empty cells are null.

    Raises DataError at an empty or repeated id; with repeats="first" the first row counts.
    """
    ids = clean_ids(frame["item_id"], locate)
    if ids.is_duplicated().any() and repeats == "refuse":
        second = (~ids.is_first_distinct()).arg_max() or 0
        first = ids.index_of(ids[second]) or 0
        there = " ".join(locate(first).split()[-2:])
        raise DataError(
            f"{locate(second)}: item id '{ids[second]}' is there already ({there}); keep one row an item"
        )
    cells = [_cell(frame[name]) for name in frame.columns if name != "item_id"]
    return pl.DataFrame([ids, *cells]).filter(ids.is_first_distinct())


def _cell(column: pl.Series) -> pl.Series:
    if column.dtype == pl.List(pl.String):
        column = column.list.join(" > ")
    elif isinstance(column.dtype, (pl.Struct, pl.List, pl.Array)):
        column = pl.Series(column.name, [None if cell is None else str(cell) for cell in column.to_list()])
    text = column.cast(pl.String)
    return text.set((text.str.strip_chars() == "").fill_null(False), None)


def _epoch_seconds(times: pl.Series, given: pl.Series, locate: Locator, hint: str = "") -> pl.Series:
    if times.is_null().any():
        row = int(times.is_null().arg_max() or 0)
        missing = given[row] is None or str(given[row]).strip() == ""
        what = "is missing; correct or remove it" if missing else f"'{_cut(given[row])}' {hint}"
        raise DataError(f"{locate(row)}: the time {what}")
    return _whole(times.dt.epoch("us") / 1_000_000).alias("timestamp")


def _cut(cell: object) -> str:
    """A cell as an error quotes it: damaged files hold endless ones."""
    text = str(cell)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def _whole(numbers: pl.Series) -> pl.Series:
    """int64 where no value has a fraction, so that 5 and 5.0 give the same dataset."""
    if numbers.dtype == pl.Float64 and (numbers.floor() == numbers).all() and numbers.abs().max() < 2**53:  # type: ignore[operator]
        return numbers.cast(pl.Int64)
    return numbers
