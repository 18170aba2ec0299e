"""Times written as dates: which pattern they follow, and their seconds since 1970 (UTC)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from sracl_core.data.reading.base import Locator, cut
from sracl_core.data.reading.missing import missing
from sracl_core.errors import DataError

DAY = re.compile(r"%[-_0^#]?[dejFDcxsv+]|(?=.*%[VUW]).*%[uwaA]")
COARSE = re.compile(r"(?=.*%[-_0^#]?[Yy])(?:[^%]|%[-_0^#]?[YymbBh])+")
"""Patterns of years and months alone, each of which stands for its first day."""
CLOCK = re.compile(
    r"(?P<join>[T :-]|, ?)(?P<hour>\d{1,2})(?P<mark>[:.])\d\d(?P<seconds>(?P=mark)\d\d)?"
    r"(?P<fraction>[.,]\d+)?(?P<half> ?[AaPp][Mm])?(?P<gap> ?)"
    r"(?P<zone>Z|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|UTC|GMT)?"
)
ZONE_NAME = r"(Z|[+-]\d\d:?\d\d) ?(?:\([^()]*\)|\[[^\[\]]*\])$"
"""What JavaScript and Java write behind a zone that is told already: (Central European Standard Time)."""
NUMBERS = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
HOURS = r"^\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?\s*$"
NAMED = (
    (r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"\d{1,2}/[A-Za-z]{3}/\d{4}", "%d/%b/%Y"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}", "%d-%b-%y"),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", "%b %d, %Y"),
    (r"[A-Za-z]{3} \d{1,2} \d{4}", "%b %d %Y"),
    (r"\d{1,2} [A-Za-z]{4,} \d{4}", "%d %B %Y"),
    (r"[A-Za-z]{4,} \d{1,2}, \d{4}", "%B %d, %Y"),
    (r"[A-Za-z]{3}, \d{1,2} [A-Za-z]{3} \d{4}", "%a, %d %b %Y"),
    (r"[A-Za-z]{3} [A-Za-z]{3} \d{1,2} \d{4}", "%a %b %d %Y"),
    (r"\d{8}", "%Y%m%d"),
)
WHOLE = (
    (r"[A-Za-z]{3} [A-Za-z]{3} +\d{1,2} \d\d:\d\d:\d\d \d{4}", "%a %b %e %H:%M:%S %Y"),
    (r"[A-Za-z]{3} [A-Za-z]{3} +\d{1,2} \d\d:\d\d:\d\d [+-]\d{4} \d{4}", "%a %b %e %H:%M:%S %z %Y"),
    (r"\d{8}T\d{6}", "%Y%m%dT%H%M%S"),
    (r"\d{8}T\d{6}Z", "%Y%m%dT%H%M%SZ"),
)
EARLIEST = pl.datetime(1000, 1, 1, time_unit="us")
MOST_FORMS = 12


@dataclass
class _Reading:
    """One way to read a column: the date's form, the times read so far, the patterns used."""

    form: str
    times: pl.Series
    patterns: list[str] = field(default_factory=list)


def are_hours(column: pl.Series) -> bool:
    """Whether the first cells of a text column are times of day without a date, such as 13:45."""
    if column.dtype == pl.Time:
        return True
    if column.dtype != pl.String:
        return False
    some = column.head(1000)
    some = some.filter(~missing(some))
    return bool(len(some)) and bool(some.str.contains(HOURS).all())


def are_dates(column: pl.Series) -> bool:
    """Whether the first cells of a column are all dates with a year; numbers such as 20240131 are none."""
    if column.dtype.is_temporal():
        return column.dtype in (pl.Date, pl.Datetime)
    if column.dtype != pl.String:
        return False
    some = column.head(100)
    some = some.filter(~missing(some)).str.strip_chars().str.replace(ZONE_NAME, "$1")
    return bool(len(some)) and all(
        not cell.isdigit() and any("Y" in form or "y" in form for form, _ in _patterns(cell)) for cell in some
    )


def check_pattern(pattern: str) -> None:
    """Raises DataError where a pattern has a time of day and no day, so that all days would be one."""
    if pattern != "auto" and not DAY.search(pattern) and not COARSE.fullmatch(pattern):
        raise DataError(
            f"--time-format '{pattern}' has no day, so that all days would be one; "
            "give a pattern with one, such as '%Y-%m-%d %H:%M:%S', or where the times have none, give "
            "--order rows in place of it, the rows in the order of time"
        )


def parse(column: pl.Series, pattern: str) -> pl.Series:
    """Datetimes (UTC) of a text column by one pattern, null where it does not fit."""
    text = column.str.strip_chars()
    if ",%f" in pattern:
        text, pattern = text.str.replace(r"(:\d\d),(\d)", "$1.$2"), pattern.replace(",%f", "%.f")
    pattern = pattern.replace(".%f", "%.f")  # of any length, as Python reads it
    if COARSE.fullmatch(pattern):
        first = ("01", "%d") if re.search("%[-_0^#]?[mbBh]", pattern) else ("01-01", "%m-%d")
        text, pattern = text + f" {first[0]}", f"{pattern} {first[1]}"
    times = text.str.to_datetime(pattern, strict=False, time_unit="us")
    times = times.dt.replace_time_zone(None)
    return pl.select(pl.when(times >= EARLIEST).then(times)).to_series().alias(column.name)


def parse_auto(column: pl.Series, locate: Locator) -> tuple[pl.Series, str]:
    """(datetimes, the pattern that was found); cells that fit no pattern are null.

    Rows may differ in the clock behind the date, not in the date's form. Raises DataError where day
    and month could be either: where two forms fit every row and give different dates.
    """
    column = column.str.strip_chars().str.replace(ZONE_NAME, "$1")
    readings: list[_Reading] = []
    tried: set[str] = set()
    for _ in range(MOST_FORMS):
        left = min((reading.times.is_null() for reading in readings), key=_count, default=~missing(column))
        row = left.arg_max() if left.any() else None
        found = list(_patterns(str(column[row]))) if row is not None else []
        found = [(form, rest) for form, rest in found if form + rest not in tried]
        if not found:
            break
        tried |= {form + rest for form, rest in found}
        if not readings:
            readings = [_Reading(form, _nothing(column)) for form, _ in found]
        for reading in readings:
            _read_more(reading, column, [rest for form, rest in found if form == reading.form])
    best = min((_count(reading.times.is_null()) for reading in readings), default=0)
    readings = [reading for reading in readings if _count(reading.times.is_null()) == best]
    if not readings:
        return _nothing(column), ""
    first = readings[0]
    for other in readings[1:]:
        differs = (first.times != other.times).fill_null(False)
        if differs.any():
            row = int(differs.arg_max() or 0)
            raise DataError(
                f"{locate(row)}: the time '{cut(column[row])}' fits '{first.patterns[0]}' and "
                f"'{other.patterns[0]}', as all others do; say which with --time-format"
            )
    return first.times, " or ".join(f"'{pattern}'" for pattern in first.patterns)


def _read_more(reading: _Reading, column: pl.Series, rests: list[str]) -> None:
    for rest in rests:
        pattern = reading.form + rest
        empty = reading.times.is_null()
        try:
            more = parse(column.filter(empty), pattern)
        except pl.exceptions.PolarsError:
            continue
        if more.null_count() < len(more):
            reading.times = reading.times.scatter(empty.arg_true(), more)
            reading.patterns.append(pattern)


def _patterns(text: str) -> Iterator[tuple[str, str]]:
    """(form of the date, pattern of what follows) for each way to read one cell."""
    for shape, pattern in WHOLE:
        if re.fullmatch(shape, text):
            yield pattern, ""
            return
    clock = re.search(rf"(?:{CLOCK.pattern})$", text)
    date, rest = (text[: clock.start()], _clock_pattern(clock)) if clock else (text, "")
    for shape, pattern in NAMED:
        if re.fullmatch(shape, date):
            yield pattern, rest
    match = NUMBERS.fullmatch(date)
    if match is None:
        return
    first, mark, _, last = match.groups()
    if len(first) == 4:
        orders = ["%Y{0}%m{0}%d"]
    elif len(last) == 4:
        orders = ["%d{0}%m{0}%Y", "%m{0}%d{0}%Y"]
    else:
        orders = ["%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d"]
    for order in orders:
        yield order.format(mark), rest


def _clock_pattern(clock: re.Match[str]) -> str:
    half = clock["half"] or ""
    zone = clock["zone"] or ""
    signed = re.match(r"(?:UTC|GMT)?(?=[+-])", zone)
    written = f"{signed[0]}%#z" if signed else zone
    seconds = f"{clock['mark']}%S" if clock["seconds"] else ""
    comma = (clock["fraction"] or "").startswith(",")
    fraction = (",%f" if comma else "%.f") if clock["seconds"] else ""  # reads cells without one as well
    hours = "%I" if half else "%H"
    noon = f"{half[:-2]}%p" if half else ""
    return f"{clock['join']}{hours}{clock['mark']}%M{seconds}{fraction}{noon}{clock['gap']}{written}"


def _nothing(column: pl.Series) -> pl.Series:
    return pl.Series(column.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(column))


def _count(mask: pl.Series) -> int:
    return int(mask.sum())
