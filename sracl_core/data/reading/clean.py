"""From the cells of a raw table to ids, times and titles that can be relied upon."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sracl_core.data.reading.base import Locator, Rows, cut
from sracl_core.data.reading.dates import are_hours, check_pattern, parse, parse_auto
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.units import as_seconds, in_unit, without_commas
from sracl_core.errors import DataError

SEEN = 1000
SCIENTIFIC = r"^\s*[-+]?\d(?:[.,](\d+))?[eE]\+(\d{2,})\s*$"
"""A number such as 1.23E+12, as Excel and R write long ones; digits are lost where fewer than 12 follow."""


def clean_interactions(
    rows: Rows,
    path: Path,
    time_format: str | None = None,
    unit: int | None = None,
    hint: str = "",
) -> tuple[pl.DataFrame, str]:
    """(user_id, item_id, timestamp and perhaps rating, each checked; what the times are).

    unit: how many parts of a second a time is, where the form says so; else told by size.
    hint: what a person may do about a missing user, said with it.
    Raises DataError at the first missing id, time that is none, or rating that is none.
    """
    frame, locate = rows.frame, rows.locate
    if frame.is_empty():
        raise DataError(f"{path} holds no rows; give a file with interactions")
    users = clean_ids(frame["user_id"], locate, hint)
    items = clean_ids(frame["item_id"], locate)
    times, said = clean_times(frame["timestamp"], locate, time_format, unit)
    columns = [users, items, times]
    if "rating" in frame.columns:
        columns.append(clean_numbers(frame["rating"], locate, "rating"))
    return pl.DataFrame(columns), said


def clean_ids(column: pl.Series, locate: Locator, hint: str = "") -> pl.Series:
    """Ids as strings, exactly as written; raises DataError where one is missing."""
    kind = column.name.removesuffix("_id")
    if isinstance(column.dtype, pl.List | pl.Array | pl.Struct):
        raise DataError(
            f"{locate(0)}: the {kind} is a list or a record, not one id; give one row an interaction"
        )
    if column.dtype.is_float() and (column.is_null() | (column.floor() == column)).all():
        exact = 2**24 if column.dtype == pl.Float32 else 2**53
        inexact = (column.abs() >= exact) & column.is_finite()
        if inexact.any():
            raise DataError(
                f"{locate(int(inexact.arg_max() or 0))}: the {kind} ids are fractional numbers of so many "
                "digits that ids beside each other have become one; write them as whole numbers or as text"
            )
        column = column.cast(pl.Int64, strict=False)
    bad = missing(column)
    _refuse_rounded(column, bad, locate, f"{kind} id")
    column = _bare(column) if column.dtype == pl.String else _as_text(column)
    if bad.any():
        row = int(bad.arg_max() or 0)
        word = "" if column[row] is None or not column[row].strip() else f" ('{cut(column[row].strip())}')"
        count = int(bad.sum())
        how_many = f", as in {count:,} of {len(bad):,} rows" if count > 1 else ""
        if count < len(bad):
            advice = f"{hint or 'correct it'}, or leave such rows out with --drop-empty"
        else:
            advice = hint or f"name another column with --{kind}-col"
        raise DataError(f"{locate(row)}: the {kind} id is empty or NaN{word}{how_many}; {advice}")
    return column


def _refuse_rounded(
    column: pl.Series, empty: pl.Series, locate: Locator, what: str, most: bool = False
) -> None:
    """Raises DataError where numbers are written as 1.23E+12: one of them, or (`most`) every one."""
    if column.dtype != pl.String or not column.str.contains("+", literal=True).any():
        return
    places, exponent = (column.str.extract(SCIENTIFIC, group) for group in (1, 2))
    rounded = (places.fill_null("").str.len_chars() < exponent.cast(pl.Int32, strict=False)).fill_null(False)
    if not rounded.any() or (most and not (rounded | empty).all()):
        return
    if (rounded | empty | column.str.contains(r"^\s*[-+]?[\d.,]+\s*$").fill_null(False)).all():
        row = int(rounded.arg_max() or 0)
        raise DataError(
            f"{locate(row)}: the {what} '{cut(column[row].strip())}' was rounded when it was written, so "
            "that different ones have become one; write the column as whole numbers or as text (R: "
            "options(scipen=99))"
        )


def _as_text(cells: pl.Series) -> pl.Series:
    """Text of cells of another kind; bytes that are no text as hexadecimal digits."""
    try:
        return cells.cast(pl.String)
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError):
        if cells.dtype == pl.Binary:
            return cells.bin.encode("hex")
        return pl.Series(cells.name, [None if cell is None else str(cell) for cell in cells], pl.String)


def _bare(ids: pl.Series) -> pl.Series:
    """Ids without what stands around every one of them: blanks, line ends, Excel's `="..."`."""
    for around, mark in (("^\\s+", "^\\s"), ("\\s+$", "\\s$"), ('^="|"$', '^="[^"]*"$')):
        if ids.head(SEEN).str.contains(mark).all() and ids.str.contains(mark).fill_null(True).all():
            ids = ids.str.replace_all(around, "")
    return ids


def clean_times(
    column: pl.Series, locate: Locator, time_format: str | None = None, unit: int | None = None
) -> tuple[pl.Series, str]:
    """(seconds since 1970 UTC, or plain numbers where they are no dates; what was found, in words).

    int64, or float64 where any has a fraction.
    """
    if isinstance(column.dtype, pl.Duration | pl.Time):
        what = "durations" if isinstance(column.dtype, pl.Duration) else "times of day"
        raise DataError(f"{locate(0)}: the times are {what} without a date; name another with --time-col")
    if column.dtype != pl.String and not column.dtype.is_numeric() and not column.dtype.is_temporal():
        what = str(column.dtype).split("(", 1)[0].lower()
        raise DataError(f"{locate(0)}: the times are of the kind {what}; name another column with --time-col")
    if column.dtype == pl.String:
        column = without_commas(column)
    if column.dtype.is_temporal():
        return _epoch_seconds(column.cast(pl.Datetime("us")), column, locate), "dates"
    if time_format not in (None, "auto"):
        return _by_pattern(_as_written(column, str(time_format)), locate, str(time_format))
    if column.dtype == pl.String and _are_dates(column):
        if are_hours(column):
            raise DataError(
                f"{locate(0)}: the time '{cut(column[0])}' has no date; name a column that has one with "
                "--time-col"
            )
        times, pattern = parse_auto(column, locate)
        form = f" of the form {pattern}" if pattern else ""
        hint = f"is no date{form}; correct it, or give its form with --time-format"
        return _epoch_seconds(times, column, locate, hint), f"dates {pattern}"
    _refuse_rounded(column, missing(column), locate, "time", most=True)
    numbers = clean_numbers(column, locate, "timestamp")
    if unit is None:
        numbers, said = as_seconds(numbers, locate)
    else:
        numbers, said = in_unit(numbers, unit)
    return _whole(numbers), said


def _by_pattern(column: pl.Series, locate: Locator, pattern: str) -> tuple[pl.Series, str]:
    check_pattern(pattern)
    try:
        times = parse(column, pattern)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{locate(0)}: time '{cut(column[0])}' does not fit --time-format {pattern}; "
            "give a pattern such as '%Y-%m-%d %H:%M:%S'"
        ) from error
    hint = f"is no date of the form {pattern}; correct it, or give its form with --time-format"
    return _epoch_seconds(times, column, locate, hint), f"dates '{pattern}'"


def _as_written(column: pl.Series, pattern: str) -> pl.Series:
    """Text of a column; a number of seven digits has lost the zero of a date that begins with its day."""
    text = column.cast(pl.String)
    return text.str.strip_chars().str.zfill(8) if pattern in ("%d%m%Y", "%m%d%Y") else text


def _are_dates(column: pl.Series) -> bool:
    """Whether most of the first cells that say something are no numbers."""
    some = column.head(1000)
    some = some.filter(~missing(some))
    numbers = some.str.strip_chars().cast(pl.Float64, strict=False)
    return numbers.null_count() * 2 > len(some)


def clean_numbers(column: pl.Series, locate: Locator, name: str) -> pl.Series:
    """Finite float64, or int64 where the column can be read as such."""
    text = without_commas(column.str.strip_chars()) if column.dtype == pl.String else column
    numbers = text.cast(pl.Int64, strict=False)
    fractions = column.dtype.is_float() or (isinstance(column.dtype, pl.Decimal) and column.dtype.scale)
    if fractions or numbers.is_null().any():
        numbers = text.cast(pl.Float64, strict=False)
        numbers = numbers.set(~numbers.is_finite().fill_null(False), None)
    if numbers.is_null().any():
        row = int(numbers.is_null().arg_max() or 0)
        if missing(column.slice(row, 1))[0]:
            advice = "correct it, or leave such rows out with --drop-empty"
            raise DataError(f"{locate(row)}: the {name} is missing; {advice}")
        raise DataError(f"{locate(row)}: {name} '{cut(column[row])}' is not a number; correct it")
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
    text = _as_text(column)
    return text.set(missing(text), None)


def _epoch_seconds(times: pl.Series, given: pl.Series, locate: Locator, hint: str = "") -> pl.Series:
    if times.is_null().any():
        row = int(times.is_null().arg_max() or 0)
        nothing = missing(given.slice(row, 1))[0]
        advice = "is missing; correct it, or leave such rows out with --drop-empty"
        what = advice if nothing else f"'{cut(given[row])}' {hint}"
        raise DataError(f"{locate(row)}: the time {what}")
    return _whole(times.dt.epoch("us") / 1_000_000).alias("timestamp")


def _whole(numbers: pl.Series) -> pl.Series:
    """int64 where no value has a fraction, so that 5 and 5.0 give the same dataset."""
    if numbers.dtype == pl.Float64 and (numbers.floor() == numbers).all() and numbers.abs().max() < 2**53:  # type: ignore[operator]
        return numbers.cast(pl.Int64)
    return numbers
