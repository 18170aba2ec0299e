"""Which column of a log says who, what and when."""

from __future__ import annotations

from sracl_core.data.reading import headless
from sracl_core.data.reading.base import ReadOptions, cut
from sracl_core.data.reading.cells import of_records
from sracl_core.data.reading.columns import (
    NO_EVENT_TIME,
    candidates,
    find_column,
    guess,
    refuse_shared,
    words,
)
from sracl_core.data.reading.dates import are_dates
from sracl_core.data.reading.day_and_hour import day_and_clock, first_cells, two_columns
from sracl_core.data.reading.events import event_column
from sracl_core.data.reading.part import Part
from sracl_core.errors import DataError


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
            f"{table.path.name}: column '{cut(time)}' is called as times are, and is not read (--order rows)"
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
