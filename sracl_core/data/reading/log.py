"""A log of interactions in one table or several: its rows and their times."""

from __future__ import annotations

import shlex
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import polars.selectors as cs

from sracl_core.data.filters import FunnelStep
from sracl_core.data.reading.base import TEST, TRAIN, VALID, ReadOptions, Rows, Taken, counted, refusing
from sracl_core.data.reading.cells import on_lists, on_returns, on_undone, refuse_lists, refuse_records
from sracl_core.data.reading.clean import clean_interactions
from sracl_core.data.reading.columns import guess
from sracl_core.data.reading.dates import check_pattern
from sracl_core.data.reading.day_and_hour import joined_time
from sracl_core.data.reading.events import of_events
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.part import Part
from sracl_core.data.reading.peek import NO_LETTERS
from sracl_core.data.reading.roles import interaction_columns
from sracl_core.data.reading.tabular import Table
from sracl_core.data.reading.units import odd_times, on_single_precision
from sracl_core.errors import DataError

NAMES = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating", "event": "event"}
NEEDED = ("user_id", "item_id", "timestamp", "rating")


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
        notes += [*part.table.notes, *said, *on_returns(part, roles), *on_undone(part, roles)]
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
        notes += on_single_precision(rows.frame["timestamp"])
    if "part" in rows.frame.columns:
        interactions = interactions.with_columns(rows.frame["part"])
    notes += _said_of_time(taken[0].columns, times)
    notes += on_lists(interactions["item_id"])
    notes += odd_times(interactions["timestamp"], times)
    return Log(interactions, rows, times, taken, notes, funnel)


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
