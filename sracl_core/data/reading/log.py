"""A log of interactions in one table or several: its columns, its rows, its times."""

from __future__ import annotations

import shlex
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from sracl_core.data.filters import FunnelStep
from sracl_core.data.reading import headless
from sracl_core.data.reading.base import TEST, TRAIN, VALID, ReadOptions, Rows, Taken, counted, refusing
from sracl_core.data.reading.cells import of_records, on_lists, on_returns, refuse_lists, refuse_records
from sracl_core.data.reading.clean import clean_interactions
from sracl_core.data.reading.columns import (
    NO_EVENT_TIME,
    candidates,
    find_column,
    guess,
    refuse_shared,
    words,
)
from sracl_core.data.reading.dates import are_dates, check_pattern
from sracl_core.data.reading.day_and_hour import day_and_clock, first_cells, joined_time, two_columns
from sracl_core.data.reading.events import event_column, of_events
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.peek import NO_LETTERS, Head
from sracl_core.data.reading.tabular import Table
from sracl_core.data.reading.units import odd_times
from sracl_core.errors import DataError

NAMES = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating", "event": "event"}
NEEDED = ("user_id", "item_id", "timestamp", "rating")


@dataclass(frozen=True)
class Part:
    """One file of a log and what a first look at it showed.

    split: which part of an own split it is. borrowed: whether its columns' names are another part's.
    """

    table: Table
    head: Head
    split: int | None = None
    borrowed: bool = False

    def called(self, columns: list[str]) -> Part:
        """The part with other names of columns, which a file without any takes from the one beside it."""
        frame = self.table.frame.rename(dict(zip(self.table.columns, columns, strict=True)))
        table = replace(self.table, frame=frame, columns=columns, header=True)
        return replace(self, table=table, head=replace(self.head, columns=columns), borrowed=True)

    @property
    def path(self) -> Path:
        return self.table.path


@dataclass
class Log:
    """A log as it was read, before and after cleaning.

    rows: the chosen rows with further columns (titles), which stand beside `interactions`.
    """

    interactions: pl.DataFrame
    rows: Rows
    times: str
    taken: list[Taken]
    notes: list[str] = field(default_factory=list)
    funnel: list[FunnelStep] = field(default_factory=list)


def read_log(parts: list[Part], options: ReadOptions, texts: dict[str, str] | None = None) -> Log:
    """Read the parts as one log.

    texts: {our name: column} of item texts that stand in the log itself.
    Raises DataError at a missing column, cell or date.
    """
    if options.time_format is not None:
        check_pattern(options.time_format)
    taken, notes, pieces = [], [], []
    for part in parts:
        roles, said = interaction_columns(part, options)
        used = {*roles.values(), *(texts or {}).values()}
        unread = [column for column in part.table.columns if column not in used]
        name = {VALID: "valid", TEST: "test"}.get(part.split or TRAIN, "log")
        taken.append(Taken(part.path.name, name, roles, unread=unread))
        notes += [*part.table.notes, *said, *on_returns(part, roles)]
        wanted = {NAMES.get(role, role): column for role, column in roles.items()} | (texts or {})
        if part.split is None and has_part(part.table):
            wanted["part"] = "part"
        rows, repeated = without_headers(part.table.select(wanted), wanted)
        if repeated:
            notes.append(
                f"{part.path.name}: rows left out that repeat the names of the columns, as where files are "
                f"joined with their headers: {repeated:,}"
            )
        if part.split is not None:
            rows = Rows(rows.frame.with_columns(part=pl.lit(part.split, pl.Int8)), rows.locate)
        pieces.append(rows)
        refuse_records(part, roles)
        refuse_lists(part, roles["item"])
    rows = _one(parts, pieces)
    path = parts[0].path
    if rows.frame.is_empty():
        raise DataError(f"{path} holds no rows; give a file with interactions")
    funnel: list[FunnelStep] = []
    if "event" in rows.frame.columns:
        rows = of_events(rows, options, path, funnel)
    if "day" in rows.frame.columns:
        rows = joined_time(rows, options.time_format)
    rows = without_empty(rows, options, funnel)
    if options.order == "rows":
        position = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user_id")
        frame, times = rows.frame.with_columns(timestamp=pl.lit(0, pl.Int64)), "positions in the file"
        interactions, _ = clean_interactions(Rows(frame, rows.locate), path, unit=1, hint=_session(parts[0]))
        interactions = interactions.with_columns(timestamp=position)
    else:
        interactions, times = clean_interactions(rows, path, options.time_format, hint=_session(parts[0]))
    if "part" in rows.frame.columns:
        interactions = interactions.with_columns(rows.frame["part"])
    notes += _said_of_time(taken[0].columns, times)
    notes += on_lists(interactions["item_id"])
    notes += odd_times(interactions["timestamp"], times)
    return Log(interactions, rows, times, taken, notes, funnel)


def interaction_columns(part: Part, options: ReadOptions) -> tuple[dict[str, str], list[str]]:
    """({role: column} of a log, notes); raises DataError where a needed one is not found."""
    table, notes = part.table, []
    given = {"user": options.user_col, "item": options.item_col}
    if options.order != "rows":
        given["time"] = options.time_col
    elif options.time_col is not None or options.time_format is not None:
        flag = "--time-format" if options.time_col is None else "--time-col"
        raise DataError(f"--order rows takes no times; leave {flag} out, or --order rows")
    elif time := guess("time", table.columns):
        notes.append(
            f"{table.path.name}: column '{time}' is called as times are, and is not read (--order rows)"
        )
    if options.with_ratings:
        given["rating"] = options.rating_col
    if table.header:
        roles = {role: _found(role, names, part) for role, names in given.items()}
    else:
        roles = headless.columns(part.head, given, table.path)
        notes.append(
            f"{table.path.name}: line 1 holds values, not names of columns, so the columns are numbered "
            "(--header says otherwise)"
        )
    if "time" in roles:
        roles |= day_and_clock(table, part.head, roles["time"], options.time_col is not None)
    event, said = event_column(table, part.head, roles, options)
    roles |= event
    notes += said
    refuse_shared(roles, table.path)
    return roles, notes


def _found(role: str, names: tuple[str, ...] | None, part: Part) -> str:
    table = part.table
    known = None if names is None else tuple(name for name in names if name in table.columns)
    try:
        return find_column(role, known or names, table.columns, table.path)
    except DataError as error:
        held = next((column for column in table.columns if of_records(part.head, column)), None)
        if held is not None and names is None:
            raise DataError(
                f"{table.path} has no {role} column, and '{held}' holds records; write what they hold as "
                f"columns of their own (pandas: json_normalize), and name the {role} with --{role}-col"
            ) from error
        if role != "time" or names is not None:
            raise
        day = two_columns(table, part.head, candidates("time", table.columns))
        day = day or dated(part)
        if day is not None:
            return day
        advice = ", or give --order rows where the rows stand in the order of time"
        raise DataError(str(error) + advice) from error


def dated(part: Part) -> str | None:
    """The one column of dates, where no column is named like times; None where several are, or none."""
    columns = [column for column in part.table.columns if not NO_EVENT_TIME.search(words(column))]
    if candidates("time", columns):
        return None
    found = [column for column in columns if are_dates(first_cells(part.table, part.head, column))]
    return found[0] if len(found) == 1 else None


def has_part(table: Table) -> bool:
    """Whether a table is that of a prepared dataset with a split of its own."""
    return "part" in table.columns and table.frame.collect_schema()["part"] == pl.Int8


def without_headers(rows: Rows, wanted: dict[str, str]) -> tuple[Rows, int]:
    """(the rows without those in which every cell is the name of its column, how many those are)."""
    frame = rows.frame
    if any(frame[name].dtype != pl.String for name in wanted):
        return rows, 0
    again = pl.Series([True]).new_from_index(0, frame.height)
    for name, column in wanted.items():
        again &= (frame[name].str.strip_chars(NO_LETTERS) == column).fill_null(False)
        if not again.any():
            return rows, 0
    return rows.keep(~again), int(again.sum())


def _one(parts: list[Part], pieces: list[Rows]) -> Rows:
    if len(pieces) == 1:
        return pieces[0]
    same = cs.datetime().cast(pl.Datetime("us"))  # of any unit and zone
    frames = [piece.frame.with_columns(same) for piece in pieces]
    for name in frames[0].columns:
        if len({str(frame[name].dtype) for frame in frames}) > 1 and any(
            frame[name].dtype == pl.String for frame in frames
        ):
            frames = [frame.with_columns(pl.col(name).cast(pl.String)) for frame in frames]
    with refusing(parts[-1].path):
        frame = pl.concat(frames, how="vertical_relaxed")
    starts = np.cumsum([0, *(piece.height for piece in frames)]).tolist()

    def locate(row: int) -> str:
        at = bisect_right(starts, row) - 1
        return pieces[at].locate(row - starts[at])

    return Rows(frame, locate)


def without_empty(rows: Rows, options: ReadOptions, funnel: list[FunnelStep]) -> Rows:
    """The rows without a missing cell, where that is asked for; how many went is in the funnel."""
    if not options.drop_empty:
        return rows
    if not funnel:
        funnel.append(counted("read", rows.frame))
    names = [name for name in NEEDED if name in rows.frame.columns]
    empty = pl.Series([False]).new_from_index(0, rows.frame.height)
    for name in names:
        empty |= missing(rows.frame[name])
    kept = rows.keep(~empty)
    funnel.append(counted("rows with an empty cell dropped", kept.frame))
    if kept.frame.is_empty():
        worst = max(names, key=lambda name: int(missing(rows.frame[name]).sum()))
        flag = {"user_id": "--user-col", "item_id": "--item-col", "timestamp": "--time-col"}.get(worst)
        advice = f"name another column with {flag or '--rating-col'}"
        raise DataError(
            f"{rows.locate(0)}: no row is left without an empty cell; '{worst}' is missing most: {advice}"
        )
    return kept


def _session(part: Part) -> str:
    """What a person may do about missing users where a column of sessions stands beside."""
    session = guess("session", part.table.columns)
    if session is None:
        return ""
    name = shlex.quote(session)
    return f"take the sessions as users with --user-col {name}"


def _said_of_time(columns: dict[str, str], times: str) -> list[str]:
    if "day" in columns:
        return [f"time = '{columns['day']}' and '{columns['time']}' joined ({times})"]
    if len({"%#z" in pattern for pattern in times.split(" or ")}) > 1:
        return ["some times name their zone and others none; those without are read as UTC"]
    return []


def texts_of_log(log: Log, ids: pl.Series, names: Iterable[str]) -> pl.DataFrame:
    """An item table from the log itself: of each text, the first that an item's rows hold."""
    frame = pl.DataFrame([ids, *(log.rows.frame[name].cast(pl.String) for name in names)])
    cleaned = frame.with_columns(
        pl.when(~pl.Series(missing(frame[name]))).then(pl.col(name)).alias(name) for name in names
    )
    return cleaned.group_by("item_id", maintain_order=True).agg(pl.col(list(names)).drop_nulls().first())
