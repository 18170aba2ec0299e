"""Tables without a header: which column is the user, the item, the time and the rating."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sracl_core.data.reading.base import ReadOptions
from sracl_core.data.reading.columns import find_column
from sracl_core.data.reading.peek import DATE, NUMBER, Head
from sracl_core.errors import DataError

LEAST_TIME = 1e7
"""Numbers from here on are dates in seconds, or written as 20200131; ratings and counts are less."""


def columns(head: Head, given: dict[str, tuple[str, ...] | None], path: Path) -> dict[str, str]:
    """{role: column} by position: the user, the item, then the time and a rating, told by their values.

    given: the roles that are needed, with names (column_1, ...) where a person said them. Raises
    DataError where two columns could be the time, or none.
    """
    roles = {
        role: find_column(role, _numbered(names), head.columns, path)
        for role, names in given.items()
        if names is not None
    }
    free = [column for column in head.columns if column not in roles.values()]
    if "time" in given and "time" not in roles:
        times = [column for column in free if is_time(head.cells(column))]
        dates = [column for column in times if not all(map(NUMBER.fullmatch, head.cells(column)))]
        times = dates if len(dates) == 1 else times
        if len(times) != 1:
            what = "several columns that look" if times else "no column that looks"
            other = times[-1] if times else free[-1] if len(free) > 2 else None
            name = "" if other is None else f"name it, such as --time-col {other}, or "
            raise DataError(
                f"{path} line 1 is no header of column names, and {what} like times; {name}give --order rows "
                "where the rows stand in the order of time"
            )
        roles["time"] = times[0]
        free.remove(times[0])
    whole = [column for column in free if not _is_fraction(head.cells(column))]
    free = whole if len(whole) >= sum(role not in roles for role in ("user", "item")) else free
    for role in ("user", "item"):
        if role not in roles:
            if not free:
                raise DataError(
                    f"{path} line 1 is no header and has too few columns; 'user,item,time' is needed"
                )
            roles[role] = free.pop(0)
    if "rating" in given and "rating" not in roles:
        numbers = [column for column in free if all(NUMBER.fullmatch(cell) for cell in head.cells(column))]
        if len(numbers) != 1:
            raise DataError(
                f"{path} line 1 is no header, and no one column looks like ratings; name it with --rating-col"
            )
        roles["rating"] = numbers[0]
    return {role: roles[role] for role in given}


def is_list(head: Head) -> bool:
    """Whether no two of the first rows begin alike, as in a table of items."""
    first = [row[0] for row in head.rows if row]
    return len(first) > 1 and len(set(first)) == len(first)


def items_at(head: Head) -> str:
    """The column of the items in a log: the second of those that are no times."""
    others = [column for column in head.columns if not is_time(head.cells(column))]
    return (others + head.columns)[min(1, len(head.columns) - 1)]


def lists_items(head: Head, at: int, items: set[str]) -> bool:
    """Whether rows that might be of a log are a table of items: what stands where a log has its item, at
    `at`, is none of `items` but words, or another column has the items.
    """
    shares = [sum(cell in items for cell in head.cells(column)) for column in head.columns]
    if at < len(shares) and shares[at]:
        return False
    words = [" " in cell.strip() for cell in head.cells(head.columns[min(at, len(shares) - 1)])]
    spaced = any(" " in item.strip() for item in items)
    return any(shares) or (not spaced and sum(words) * 2 > len(words))


def items_told(head: Head, options: ReadOptions, known: set[str]) -> ReadOptions:
    """The options with the item and title columns of a table of items without names.

    The item's is the column whose cells are `known`, the items of the log, most often; the title's is the
    one other that holds no numbers.
    """
    if options.item_col is None or not set(options.item_col) & set(head.columns):
        shares = {column: sum(cell in known for cell in head.cells(column)) for column in head.columns}
        best = max(shares, key=lambda column: shares[column])
        options = replace(options, item_col=(best if shares[best] else head.columns[0],))
    if options.title_col is None:
        texts = [
            column
            for column in head.columns
            if column not in (options.item_col or ())
            and not all(NUMBER.fullmatch(cell) for cell in head.cells(column))
        ]
        options = replace(options, title_col=(texts[0],)) if len(texts) == 1 else options
    return options


def is_time(cells: list[str]) -> bool:
    """Whether cells are dates, or numbers as large as dates are."""
    if not cells:
        return False
    fits = sum(
        bool(DATE.fullmatch(cell)) or (bool(NUMBER.fullmatch(cell)) and _number(cell) >= LEAST_TIME)
        for cell in cells
    )
    return fits * 10 > len(cells) * 9


def _is_fraction(cells: list[str]) -> bool:
    """Whether cells are numbers with decimals, such as degrees and prices."""
    numbers = [float(cell.replace(",", ".")) for cell in cells if NUMBER.fullmatch(cell)]
    return len(numbers) == len(cells) > 0 and any(number % 1 for number in numbers)


def _number(cell: str) -> float:
    return float(cell.strip().replace(",", "."))


def _numbered(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """A bare number names a column by its position."""
    return None if names is None else tuple(f"column_{name}" if name.isdigit() else name for name in names)
