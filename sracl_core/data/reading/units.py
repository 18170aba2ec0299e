"""Times that are numbers: in which unit, told by their size."""

from __future__ import annotations

import math

import polars as pl

from sracl_core.data.reading.base import Locator
from sracl_core.data.reading.missing import missing
from sracl_core.data.times import LEAST_DATE
from sracl_core.errors import DataError

UNITS = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9))
EPOCHS = (
    ("hundreds of nanoseconds since 1601", 10**7, 11_644_473_600),
    ("microseconds since 1601", 10**6, 11_644_473_600),
    ("hundreds of nanoseconds since the year 1", 10**7, 62_135_596_800),
)
"""What Windows, Chrome and .NET count, the parts of a second, and the seconds from then to 1970."""
MODERN = (631_152_000, 4_102_444_800)
"""1990 to 2100 in seconds since 1970: counted from another year, such times have a size of their own."""
EARLIEST = -2_208_988_800
"""1900: no log is older."""
CALENDAR = (
    ("%Y%m%d%H%M%S", 10**10),
    ("%Y%m%d%H%M", 10**8),
    ("%Y%m%d%H", 10**6),
    ("%Y%m%d", 10**4),
)
"""Patterns of dates written as one number, and what a year is in it."""
COARSE = (("years", "%Y", 1), ("months", "%Y%m", 100))
"""Numbers such as 1998 and 199812: what they are, their pattern, and what a year is in them."""
YEAR_LAST = (("%d%m%Y", 10**6, 10**4), ("%m%d%Y", 10**4, 10**6))
"""Patterns whose numbers stand in no order, and what a day and a month are in them."""
EXACT_SINGLE = 2.0**24
"""From here on not every whole number is one of 32 bits."""
LEAST_DIFFERENT = 3
HOURS = 24
SEEN = 1000
DECIMAL_COMMA = r"^[-+]?\d+(?:,\d+)?$"
THOUSANDS = r"^[-+]?\d{1,3}(?:,\d{3})*(?:\.\d+)?$"
STEP = 1000
"""A unit's times lie in [LEAST_DATE, LEAST_DATE * STEP) times its part of a second: 1973 to 5138."""


def as_seconds(numbers: pl.Series, locate: Locator) -> tuple[pl.Series, str]:
    """(seconds since 1970, or the numbers as they are where they are no dates; what they are, in words).

    Raises DataError where some are of a larger unit than most: their order would be wrong.
    """
    middle = numbers.median()
    _refuse_year_last(numbers, locate)
    if (said := coarse(numbers)) is not None:
        return numbers, said
    if not isinstance(middle, int | float) or middle < LEAST_DATE / 10:
        return numbers, "numbers that are no dates"
    calendar = _calendar(numbers)
    if calendar is not None:
        return calendar
    if middle < LEAST_DATE:
        return numbers, "numbers that are no dates"
    other = _of_another_epoch(numbers)
    if other is not None:
        return other
    name, parts = _unit(float(middle))
    smaller = (numbers >= LEAST_DATE) & (numbers < LEAST_DATE * parts)  # a date in a smaller unit
    odd = (numbers >= LEAST_DATE * STEP * parts) | smaller
    if odd.any():
        row = int(odd.arg_max() or 0)
        raise DataError(
            f"{locate(row)}: the time {numbers[row]} is of another size than most, which are {name} since "
            "1970; correct it"
        )
    return in_unit(numbers, parts)


def without_commas(text: pl.Series) -> pl.Series:
    """Numbers such as 4,5 and 1,578,218,400 as 4.5 and 1578218400; any other text as it is.

    One group of three digits behind a comma could be either, unless other cells tell.
    """
    if not text.head(SEEN).str.contains(",", literal=True).any():
        return text
    said = text.filter(~missing(text)).str.strip_chars()
    if said.str.contains(DECIMAL_COMMA).all() and said.str.contains(r",(?:\d{1,2}|\d{4,})$").any():
        return text.str.replace(",", ".", literal=True)
    if said.str.contains(THOUSANDS).all() and said.str.contains(r",\d{3}[,.]").any():
        return text.str.replace_all(",", "", literal=True)
    return text


def in_unit(numbers: pl.Series, parts: int) -> tuple[pl.Series, str]:
    """(seconds of numbers that count so many parts of a second since 1970, what they are in words)."""
    name = next(name for name, size in UNITS if size == parts)
    if parts == 1:
        return numbers, "seconds since 1970"
    if numbers.dtype.is_integer() and (numbers % parts == 0).all():
        seconds = numbers // parts
    else:
        seconds = numbers / parts
    return seconds, f"{name} since 1970, kept as seconds"


def one_as_seconds(number: float) -> float:
    """A bound such as 1546300800000 or 20190101 in seconds since 1970, as `as_seconds` reads it."""
    whole = number == int(number)
    series = pl.Series("bound", [int(number) if whole else number])
    return float(as_seconds(series, lambda _: "the bound")[0][0])


def _unit(number: float) -> tuple[str, int]:
    for name, parts in UNITS:
        if number < LEAST_DATE * STEP * parts:
            return name, parts
    return UNITS[-1]


def _of_another_epoch(numbers: pl.Series) -> tuple[pl.Series, str] | None:
    """Times that are not counted from 1970, where every one is of 1990 to 2100."""
    if not numbers.dtype.is_integer():
        return None
    for name, parts, before in EPOCHS:
        first, last = ((before + bound) * parts for bound in MODERN)
        if numbers.is_between(first, last).all():
            whole = (numbers % parts == 0).all()
            seconds = (numbers // parts - before) if whole else (numbers - before * parts) / parts
            return seconds.alias(numbers.name), f"{name}, kept as seconds since 1970"
    return None


def _refuse_year_last(numbers: pl.Series, locate: Locator) -> None:
    """Raises DataError where every number is a date such as 31012020: as numbers they stand in no order."""
    if not numbers.dtype.is_integer() or not numbers.is_between(10**6, 10**8).all():
        return
    if not (numbers % 10**4).is_between(1900, 2100).all() or numbers.n_unique() < LEAST_DIFFERENT:
        return
    fits = [
        pattern
        for pattern, day, month in YEAR_LAST
        if (numbers // day % 100).is_between(1, 31).all() and (numbers // month % 100).is_between(1, 12).all()
    ]
    if fits:
        said = "' or '".join(fits)
        raise DataError(
            f"{locate(0)}: the time {numbers[0]:08} is a date whose year stands last; say which with "
            f"--time-format '{said}'"
        )


def _calendar(numbers: pl.Series) -> tuple[pl.Series, str] | None:
    """Dates written as numbers, such as 20200131: where every one is a date of 1900 to 2100."""
    if not numbers.dtype.is_integer():
        return None
    for pattern, year in CALENDAR:
        if not numbers.is_between(1900 * year, 2101 * year).all():
            continue
        hours = pattern.endswith("%H")  # polars reads no hour without its minutes
        text = numbers.cast(pl.String) + ("00" if hours else "")
        form = pattern + ("%M" if hours else "")
        times = text.str.to_datetime(form, strict=False, time_unit="us")
        if not times.is_null().any():
            return times.dt.epoch("s").alias(numbers.name), f"dates '{pattern}'"
    return None


def coarse(numbers: pl.Series) -> str | None:
    """What numbers are that look like years or months, which stand in order as they are."""
    if not numbers.dtype.is_integer() or numbers.n_unique() < LEAST_DIFFERENT:
        return None
    for name, _, year in COARSE:
        months = year == 1 or (numbers % year).is_between(1, 12).all()
        if months and numbers.is_between(1900 * year, 2101 * year - 1).all():
            return f"numbers that look like {name}"
    return None


def on_single_precision(times: pl.Series) -> list[str]:
    """A line about times of 32 bits, which many programs keep floats in: nearer ones have become one."""
    most = times.cast(pl.Float64).abs().max() if times.dtype == pl.Float32 else 0
    if not isinstance(most, float) or not EXACT_SINGLE <= most < math.inf:
        return []
    apart = 2 ** (math.frexp(most)[1] - math.frexp(EXACT_SINGLE)[1] + 1)
    return [
        f"warning: the times are fractional numbers of 32 bits, which are {apart:,} apart: what a user did "
        "within that stands in the order of the source's rows; write them as whole numbers"
    ]


def odd_times(times: pl.Series, what: str) -> list[str]:
    """Lines about times that may be none: hours of the day, and zeros among dates.

    what: what the times are, as `clean_times` says it.
    """
    if what == "numbers that are no dates":
        if times.min() == 0 and times.max() == HOURS - 1 and times.n_unique() * 2 > HOURS:
            return [
                "times are whole numbers from 0 to 23: hours of the day put nothing in order; name a column "
                "of dates with --time-col, or give --order rows"
            ]
        return []
    if what == "positions in the file":
        return []
    for name, pattern, _ in COARSE:
        if what == f"numbers that look like {name}":
            return [
                f"times are {name} alone, so that nothing orders what a user did within one; where another "
                f"column has days, name it with --time-col; --time-format '{pattern}' makes dates of these"
            ]
    none, never = int((times <= 0).sum()), int((times >= MODERN[1]).sum())
    notes = []
    if none and none * 2 <= len(times):
        notes.append(
            f"{none:,} of {len(times):,} times are 0 or less, which is 1970 or before; where they stand for "
            "a missing time, --since 1970-01-02 leaves them out"
        )
    early = int((times < EARLIEST).sum())
    if (other := max(never, early)) * 2 > len(times):
        when = "of 2100 or later" if never > early else "before 1900"
        notes.append(
            f"warning: {other:,} of {len(times):,} times are {when}; where years are counted from "
            "another beginning, the order is right and --since and --until count as they are written"
        )
    elif never:
        notes.append(
            f"{never:,} of {len(times):,} times are of 2100 or later; where they stand "
            "for a missing time, --until 2100-01-01 leaves them out"
        )
    return notes
