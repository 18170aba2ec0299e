"""Logs that keep the day in one column and the time of day in another."""

from __future__ import annotations

import re

import polars as pl

from sracl_core.data.reading.base import Locator, Rows, cut, refusing
from sracl_core.data.reading.columns import NO_EVENT_TIME, USUAL, normalized, words
from sracl_core.data.reading.dates import are_hours, parse, parse_auto
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.peek import Head
from sracl_core.data.reading.tabular import Table
from sracl_core.data.reading.units import HOURS, as_seconds
from sracl_core.errors import DataError

MINUTES, SECONDS = 2400, 240_000
"""Numbers below these are hours and minutes such as 1345, or with seconds such as 134501."""
LEAST_DAY = 1e7
MOST_OF_MONTH = 31
DAY = 86_400
DAY_NUMBER = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")
DAY_WORDS = re.compile(r"\d[-/. ]\w+[-/. ]\d|[A-Za-z]{3} \d{1,2},? \d{4}")
CLOCK_NAME = re.compile(
    r"(?:.*_)?(?:time|hour|hours|hh|clock|time_of_day|hour_of_day|uhrzeit|zeit|stunde|hora|heure|ora|orario|tijd|"
    r"uur|godzina|saat|время|час|时间|時間|時刻|시간)"
)
CLOCKS = 20
"""So many different numbers that could be times of day, and half as many minutes, are times of day."""
CLOCK_HOURS = 3
"""Of at least so many hours: a counter such as 201 to 240 has one."""


def day_and_clock(table: Table, head: Head, time: str, given: bool = False) -> dict[str, str]:
    """{"day": dates, "time": times of day} where two columns make the time; {} where one does.

    time: the column taken for the time. given: whether a person named it; a column of dates is then all
    that is wanted. Raises DataError where times of day stand alone, or where it cannot be told what they are.
    """
    some = first_cells(table, head, time)
    kind = "hours" if are_hours(some) else _kind_of_numbers(some)
    if not kind:
        clock = None if given or not _days_alone(some) else _clock_beside(table, head, time)
        return {} if clock is None else {"day": time, "time": clock}
    days = {normalized(name) for name in USUAL["day"].split()}
    beside = [
        column
        for column in table.columns
        if column != time and (normalized(column) in days or words(column).endswith("_date"))
    ]
    beside = [column for column in beside if _dates(first_cells(table, head, column), column)]
    if beside and kind == "other":
        raise DataError(
            f"{table.path}: the time could be '{time}' (small numbers) or '{beside[0]}' (dates); say which "
            "with --time-col"
        )
    if beside:
        return {"day": beside[0], "time": time}
    if kind == "hours" or (kind == "clock" and _surely_clocks(some, time)):
        raise DataError(
            f"{table.path}: column '{cut(time)}' holds times of day without a date; name a column that has "
            "one with --time-col, or give --order rows where the rows stand in the order of time"
        )
    return {}


def two_columns(table: Table, head: Head, several: list[str]) -> str | None:
    """Of two columns that could be the time, the one of dates where the other holds times of day."""
    if len(several) != 2:
        return None
    some = {column: first_cells(table, head, column) for column in several}
    days = [column for column in several if _days_alone(some[column])]
    clocks = [column for column in several if are_hours(some[column])]
    return days[0] if len(days) == 1 and len(clocks) == 1 else None


def first_cells(table: Table, head: Head, column: str) -> pl.Series:
    """What the first rows of a table say in a column, whatever the table's form."""
    if head.rows:
        return pl.Series(column, head.cells(column), dtype=pl.String)
    with refusing(table.path):
        return table.frame.select(column).head(1000).collect().to_series()


def _clock_beside(table: Table, head: Head, day: str) -> str | None:
    """The one column beside a column of days whose name and cells are those of times of day."""
    called = {column: words(column) for column in table.columns if column != day}
    named = [
        column
        for column, name in called.items()
        if CLOCK_NAME.fullmatch(name) and not NO_EVENT_TIME.search(name)
    ]
    found = []
    for column in named:
        some = first_cells(table, head, column)
        if are_hours(some) or _kind_of_numbers(some) == "clock":
            found.append(column)
    return found[0] if len(found) == 1 else None


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
    if _counted(days):  # from a day that nobody says, so that the times are no dates
        times = times.dt.epoch("s")
    return Rows(frame.with_columns(times.alias("timestamp")).drop("day"), rows.locate)


def seconds_of_day(hours: pl.Series) -> pl.Series:
    """Microseconds since midnight, int64: of 13:45, 1:45 PM, 13, 1345, 134501 or a time; null where none."""
    if hours.dtype == pl.Time:
        return hours.cast(pl.Int64) // 1000
    text = hours.cast(pl.String).str.strip_chars().str.to_uppercase()
    found = text.str.extract_groups(r"^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))? ?([AP]M)?$")
    hour, minute, second, half = (found.struct.field(name) for name in found.struct.fields)
    numbers = text.cast(pl.Float64, strict=False)
    most = numbers.max()
    scale = 1 if not isinstance(most, float) or most < HOURS else 100 if most < MINUTES else 10_000
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
    below = pl.col("n") % scale
    minute_part, second_part = (below, pl.lit(0)) if scale == 100 else (below // 100, below % 100)
    number = pl.col("n") // scale * 3600 + minute_part * 60 + second_part
    if scale == 1:
        number = pl.col("n") * 3600
    seconds = frame.select(pl.coalesce(clock, number)).to_series()
    return (seconds * 1_000_000).round().cast(pl.Int64)


def _kind_of_numbers(some: pl.Series) -> str:
    """ "clock" for hours (23), with minutes (2359) or seconds (235959), "other" for other small numbers."""
    if some.dtype != pl.String and not some.dtype.is_numeric():
        return ""
    numbers = some.cast(pl.String).str.strip_chars().drop_nulls().cast(pl.Float64, strict=False)
    if not len(numbers) or numbers.null_count() or (numbers >= LEAST_DAY).any():
        return ""
    whole = bool((numbers == numbers.floor()).all() and (numbers >= 0).all())
    if whole and (numbers < HOURS).all():
        return "clock"
    minutes = (numbers < MINUTES).all() and (numbers % 100 < 60).all() and (numbers >= 100).any()
    sexagesimal = (numbers % 100 < 60).all() and (numbers // 100 % 100 < 60).all()
    seconds = (numbers < SECONDS).all() and sexagesimal and (numbers >= MINUTES).any()
    return "clock" if whole and (minutes or seconds) else "other"


def _surely_clocks(some: pl.Series, name: str) -> bool:
    """Whether numbers that could be times of day are: by the column's name, or by how many there are."""
    if words(name).split("_")[0] in ("hour", "hours", "hh") or words(name).endswith("_hour"):
        return True
    numbers = some.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).drop_nulls()
    if not len(numbers) or numbers.n_unique() < CLOCKS:
        return False
    if (numbers >= MINUTES).any():  # 200131 may be a day of 2020, 204559 is none
        return bool((numbers // 100 % 100 > 12).any() and (numbers % 100 > MOST_OF_MONTH).any())
    hours, minutes = (numbers // 100).n_unique(), (numbers % 100).n_unique()
    return hours >= CLOCK_HOURS and minutes * 2 >= CLOCKS


def _days_alone(some: pl.Series) -> bool:
    """Whether cells are dates without a clock."""
    if some.dtype == pl.Date:
        return True
    if some.dtype != pl.String and not some.dtype.is_integer():
        return False
    text = some.cast(pl.String).drop_nulls()
    return bool(len(text)) and not text.str.contains(":").any() and _dates(text, "")


def _as_date(days: pl.Series, locate: Locator, pattern: str | None) -> pl.Series:
    """Datetimes at midnight; null where a cell is no date."""
    if days.dtype == pl.String and pattern is not None:
        return parse(days, pattern)
    numbers = days.cast(pl.Int64, strict=False) if days.dtype == pl.String else days
    if numbers.dtype.is_integer() and numbers.null_count() == days.null_count():
        seconds = numbers * DAY if _counted(days) else as_seconds(numbers, locate)[0]
        return (seconds * 1_000_000).cast(pl.Datetime("us"))
    return parse_auto(days, locate)[0] if days.dtype == pl.String else days.cast(pl.Datetime("us"))


def _counted(days: pl.Series) -> bool:
    """Whether days are numbers counted from a first one, and no dates."""
    numbers = days.cast(pl.Int64, strict=False) if days.dtype == pl.String else days
    most = numbers.max() if numbers.dtype.is_integer() else None
    return isinstance(most, int) and most < LEAST_DAY and numbers.null_count() == days.null_count()


def _dates(some: pl.Series, name: str) -> bool:
    """Whether cells are dates; in a column called a day also days counted beyond any month's."""
    if some.dtype in (pl.Date, pl.Datetime):
        return True
    cells = (
        some.cast(pl.String).drop_nulls().to_list()
        if some.dtype.is_integer() or some.dtype == pl.String
        else []
    )
    if cells and words(name) in ("day", "day_no", "day_nr", "day_number", "day_id"):
        numbers = [int(cell) for cell in cells if cell.strip().isdigit()]
        if len(numbers) == len(cells) and MOST_OF_MONTH < max(numbers) < LEAST_DAY:
            return True
    return bool(cells) and all(DAY_NUMBER.fullmatch(cell) or DAY_WORDS.search(cell) for cell in cells)
