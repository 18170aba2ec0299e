"""Tables without a header: which column is the user, the item, the time and the rating."""

from __future__ import annotations

from pathlib import Path

from sracl_core.data.readers.columns import find_column
from sracl_core.data.readers.peek import DATE, NUMBER, Head
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
        if len(times) != 1:
            what = "several columns that look" if times else "no column that looks"
            raise DataError(
                f"{path} line 1 is no header of column names, and {what} like times; name it, such as "
                "--time-col column_3, or give --order rows where the rows stand in the order of time"
            )
        roles["time"] = times[0]
        free.remove(times[0])
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


def is_time(cells: list[str]) -> bool:
    """Whether cells are dates, or numbers as large as dates are."""
    if not cells:
        return False
    fits = sum(
        bool(DATE.fullmatch(cell)) or (bool(NUMBER.fullmatch(cell)) and _number(cell) >= LEAST_TIME)
        for cell in cells
    )
    return fits * 10 > len(cells) * 9


def _number(cell: str) -> float:
    return float(cell.strip().replace(",", "."))


def _numbered(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """A bare number names a column by its position."""
    return None if names is None else tuple(f"column_{name}" if name.isdigit() else name for name in names)
