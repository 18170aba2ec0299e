"""Logs that keep the day in one column and the time of day in another."""

from __future__ import annotations

import re

import polars as pl

from sracl_core.data.readers.base import Locator, Rows, cut, refusing
from sracl_core.data.readers.columns import USUAL, normalized
from sracl_core.data.readers.dates import are_hours, parse, parse_auto
from sracl_core.data.readers.missing import missing
from sracl_core.data.readers.peek import Head
from sracl_core.data.readers.tabular import Table
from sracl_core.data.readers.units import as_seconds
from sracl_core.errors import DataError

HOURS, MINUTES = 24, 2400
"""Numbers below are hours of a day, or hours and minutes such as 1345."""
LEAST_DAY = 1e7
DAY_NUMBER = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")
DAY_WORDS = re.compile(r"\d[-/. ]\w+[-/. ]\d|[A-Za-z]{3} \d{1,2},? \d{4}")


def day_column(table: Table, head: Head, time: str) -> str | None:
    """The column of dates beside a column of times of day; None where the times have dates.

    Raises DataError where times of day stand alone, or where it cannot be told what they are.
    """
    some = _some(table, head, time)
    kind = "hours" if are_hours(some) else _kind_of_numbers(some)
    if not kind:
        return None
    days = {normalized(name) for name in USUAL["day"].split()}
    beside = [column for column in table.columns if column != time and normalized(column) in days]
    beside = [column for column in beside if _dates(_some(table, head, column))]
    if beside and kind == "other":
        raise DataError(
            f"{table.path}: the time could be '{time}' (small numbers) or '{beside[0]}' (dates); say which "
            "with --time-col"
        )
    if beside:
        return beside[0]
    if kind == "hours":
        raise DataError(
            f"{table.path}: column '{time}' holds times of day without a date; name a column that has one "
            "with --time-col"
        )
    return None


def joined_time(rows: Rows, time_format: str | None) -> Rows:
    """`day` and `timestamp` as one column of datetimes; rows where either is missing stay without."""
    frame = rows.frame
    days, hours = frame["day"], frame["timestamp"]
    empty = missing(days) | missing(hours)
    pattern: str | None = None if time_format in (None, "auto") else time_format
    dates = _as_date(days, rows.locate, pattern)
    seconds = seconds_of_day(hours)
    bad = (dates.is_null() | seconds.is_null()) & ~empty
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{rows.locate(row)}: the time '{cut(days[row])} {cut(hours[row])}' is no date and time of day; "
            "correct it"
        )
    times = dates + seconds.cast(pl.Duration("us"))
    return Rows(frame.with_columns(times.alias("timestamp")).drop("day"), rows.locate)


def seconds_of_day(hours: pl.Series) -> pl.Series:
    """Microseconds since midnight, int64: of 13:45, 1:45 PM, 13, 1345 or a time; null where it is none."""
    if hours.dtype == pl.Time:
        return hours.cast(pl.Int64) // 1000
    text = hours.cast(pl.String).str.strip_chars().str.to_uppercase()
    found = text.str.extract_groups(r"^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))? ?([AP]M)?$")
    hour, minute, second, half = (found.struct.field(name) for name in found.struct.fields)
    numbers = text.cast(pl.Float64, strict=False)
    hundreds = (numbers >= HOURS).any()
    frame = pl.DataFrame(
        {
            "h": hour.cast(pl.Float64),
            "m": minute.cast(pl.Float64),
            "s": second.cast(pl.Float64).fill_null(0.0),
            "half": half,
            "n": numbers,
        }
    )
    noon = pl.when(pl.col("half") == "PM").then(12.0).otherwise(0.0)
    h = pl.when(pl.col("half").is_null()).then(pl.col("h")).otherwise(pl.col("h") % 12 + noon)
    clock = h * 3600 + pl.col("m") * 60 + pl.col("s")
    number = pl.col("n") // 100 * 3600 + pl.col("n") % 100 * 60 if hundreds else pl.col("n") * 3600
    seconds = frame.select(pl.coalesce(clock, number)).to_series()
    return (seconds * 1_000_000).round().cast(pl.Int64)


def _some(table: Table, head: Head, column: str) -> pl.Series:
    if head.rows:
        return pl.Series(column, head.cells(column), dtype=pl.String)
    with refusing(table.path):
        return table.frame.select(column).head(1000).collect().to_series()


def _kind_of_numbers(some: pl.Series) -> str:
    """ "clock" for hours (0 to 23) and hours with minutes (0 to 2359), "other" for other small numbers."""
    if some.dtype != pl.String and not some.dtype.is_numeric():
        return ""
    numbers = some.cast(pl.String).str.strip_chars().drop_nulls().cast(pl.Float64, strict=False)
    if not len(numbers) or numbers.null_count() or (numbers >= LEAST_DAY).any():
        return ""
    whole = bool((numbers == numbers.floor()).all() and (numbers >= 0).all())
    if whole and (numbers < HOURS).all():
        return "clock"
    minutes = (numbers < MINUTES).all() and (numbers % 100 < 60).all() and (numbers >= 100).any()
    return "clock" if whole and minutes else "other"


def _as_date(days: pl.Series, locate: Locator, pattern: str | None) -> pl.Series:
    """Datetimes at midnight; null where a cell is no date."""
    if days.dtype == pl.String and pattern is not None:
        return parse(days, pattern)
    numbers = days.cast(pl.Int64, strict=False) if days.dtype == pl.String else days
    if numbers.dtype.is_integer() and numbers.null_count() == days.null_count():
        return (as_seconds(numbers, locate)[0] * 1_000_000).cast(pl.Datetime("us"))
    return parse_auto(days, locate)[0] if days.dtype == pl.String else days.cast(pl.Datetime("us"))


def _dates(some: pl.Series) -> bool:
    if some.dtype in (pl.Date, pl.Datetime):
        return True
    cells = (
        some.cast(pl.String).drop_nulls().to_list()
        if some.dtype.is_integer() or some.dtype == pl.String
        else []
    )
    return bool(cells) and all(DAY_NUMBER.fullmatch(cell) or DAY_WORDS.search(cell) for cell in cells)
