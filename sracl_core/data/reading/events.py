"""Kinds of events in a log: which column says them, and which of them are asked for."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sracl_core.data.filters import FunnelStep
from sracl_core.data.reading.base import ReadOptions, Rows, counted
from sracl_core.data.reading.columns import find_column, guess, normalized
from sracl_core.data.reading.day_and_hour import first_cells
from sracl_core.data.reading.peek import Head
from sracl_core.data.reading.tabular import Table
from sracl_core.errors import DataError, nearest

WORDS = "view click cart addtocart order purchase buy like play rating impression wishlist fav"
EVENT_WORDS = frozenset(f"{word}{ending}" for word in WORDS.split() for ending in ("", "s", "ed"))
MOST_EVENTS = 20


def event_column(
    table: Table, head: Head, roles: dict[str, str], options: ReadOptions
) -> tuple[dict[str, str], list[str]]:
    """({"event": column} where events are chosen, notes where there are several and all count)."""
    named = guess("event", table.columns)
    event = named or _by_its_words(table, head, roles, options)
    if options.events:
        if options.event_col is None and event is not None and named is None:
            return {"event": event}, []
        names = None if options.event_col is None else (options.event_col,)
        return {"event": find_column("event", names, table.columns, table.path)}, []
    values = [] if event is None else _values(table, head, event)[:4]
    if len(values) < 2:
        return {}, []
    said = f"every kind of '{event}' counts as an interaction ({', '.join(values)}); choose with --events"
    return {}, [f"{table.path.name}: {said}"]


def kinds_of_events(table: Table, head: Head, options: ReadOptions) -> list[str]:
    """The kinds of events in the first rows; [] where no column says them."""
    event = options.event_col or guess("event", table.columns) or _by_its_words(table, head, {}, options)
    return [] if event not in table.columns else _values(table, head, event)[:MOST_EVENTS]


def _values(table: Table, head: Head, column: str) -> list[str]:
    cells = first_cells(table, head, column).cast(pl.String).str.strip_chars()
    return list(dict.fromkeys(cells.drop_nulls().to_list()))


def _by_its_words(table: Table, head: Head, roles: dict[str, str], options: ReadOptions) -> str | None:
    """The one other column whose cells are words for what people do to items."""
    if not table.header:
        return None
    schema, found = table.frame.collect_schema(), []
    used = {*roles.values(), *(options.title_col or ()), *(options.text_cols or ())}
    for column in table.columns:
        if column in used or schema[column] not in (pl.String, pl.Categorical):
            continue
        values = {normalized(value) for value in _values(table, head, column)}
        if 1 < len(values) <= MOST_EVENTS and len(values & EVENT_WORDS) * 2 >= len(values):
            found.append(column)
    return found[0] if len(found) == 1 else None


def of_events(rows: Rows, options: ReadOptions, path: Path, funnel: list[FunnelStep]) -> Rows:
    """The rows whose event is one of those asked for."""
    wanted = list(options.events or ())
    events = rows.frame["event"].cast(pl.String).str.strip_chars()
    known = events.unique().drop_nulls().sort().to_list()
    if ",".join(wanted) in known:  # one event whose name has a comma
        wanted = [",".join(wanted)]
    for name in wanted:
        if name not in known:
            hint = nearest(name, known) or f"; there is {', '.join(known[:8])}, ..."
            raise DataError(f"{path} has no event '{name}'{hint}; correct --events")
    funnel.append(counted("read", rows.frame))
    kept = rows.keep(events.is_in(pl.Series(wanted).implode()).fill_null(False))
    funnel.append(counted(f"events {', '.join(wanted)}", kept.frame))
    return kept
