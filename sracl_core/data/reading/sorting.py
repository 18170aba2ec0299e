"""Tells the log from the table of items, and both from other files, by their columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sracl_core.data.reading import headless
from sracl_core.data.reading.base import ReadOptions
from sracl_core.data.reading.columns import candidates, guess
from sracl_core.data.reading.folders import look_at
from sracl_core.data.reading.peek import Head
from sracl_core.errors import DataError


@dataclass(frozen=True)
class Sorted:
    """Files by what they are: parts of the log, the item table, and what is neither."""

    log: list[Path]
    items: Path | None
    other: list[Path]


def sort_files(files: list[Path], options: ReadOptions, chosen: bool) -> Sorted:
    """Tell the log from the item table by their columns.

    chosen: whether a person named each of the files, so that none may be left out.
    Raises DataError where two different tables look like the log, or two like the item table.
    """
    if chosen and len(files) == 1:
        return Sorted(files, None, [])
    heads = {path: look_at(path, options.header) for path in files}
    log = logs(heads, options)
    rest = _without(files, log)
    items = [path for path in rest if _has_items(heads[path], options)]
    other = _without(rest, items)
    if chosen:
        if not log:  # let the reader of the log say what is missing, of the likelier file
            log = items[:1] if len(items) == len(files) else other[:1] or files[:1]
            items, other = _without(items, log), _without(other, log)
    elif len({frozenset(heads[path].own) for path in log if heads[path].header}) > 1:
        odd = next(path for path in log if set(heads[path].own) != set(heads[log[0]].own))
        raise DataError(
            f"{log[0]} and {odd} both have users and items, in different columns; name the one to read, or "
            "each file where they are parts of one log"
        )
    if len(items) > 1:
        titled = [path for path in items if guess("title", heads[path].columns)]
        if chosen or len(titled) != 1:
            said = " and ".join(str(path) for path in items[:2])
            raise DataError(f"{said} both look like item tables; name the log and one of them")
        items = titled
    return Sorted(log, items[0] if items else None, other)


def _without(files: list[Path], some: list[Path]) -> list[Path]:
    """The files that are not among some; a log may have thousands of parts."""
    gone = set(some)
    return [path for path in files if path not in gone]


def logs(heads: dict[Path, Head], options: ReadOptions) -> list[Path]:
    """The files with users and items; of those without names of columns, the ones that look so.

    Without names a log is told from a table of items by its first column: users come again, and items in
    a table of theirs do not. A part whose users are all different is told by a column of times, which a
    table of items may have too: there its ids are the items of a log.
    """
    found = [path for path, head in heads.items() if head.header and _is_log(head, options)]
    timed = [path for path in found if _has_time(heads[path], options)]
    if timed and options.order != "rows":
        found = timed  # a table of items may say who made each
    bare = [path for path, head in heads.items() if not head.header and len(head.columns) > 1]
    parts = [path for path in bare if not headless.is_list(heads[path])]
    alike = {len(heads[path].columns) for path in found}
    timed = [
        path
        for path in _without(bare, parts)
        if (len(heads[path].columns) in alike if alike else not parts)
        and any(headless.is_time(heads[path].cells(column)) for column in heads[path].columns)
    ]
    items = {path: _items_at(heads[path], options) for path in (*found, *parts, *timed)}
    parts += [
        path
        for path in timed
        if not any(headless.lists_items(heads[path], *items[log]) for log in items if log != path)
    ]
    if not found and not parts:
        parts = bare
    chosen = {*found, *parts}
    return [path for path in heads if path in chosen]


def _items_at(head: Head, options: ReadOptions) -> tuple[int, set[str]]:
    """Where the item stands in a log, and the items of its first rows."""
    if head.header:
        column = (_known(options.item_col, head) or (guess("item", head.columns) or head.columns[0],))[0]
    else:
        column = headless.items_at(head)
    return head.columns.index(column), set(head.cells(column))


def _is_log(head: Head, options: ReadOptions) -> bool:
    return _has(head, "user", options.user_col) and _has(head, "item", options.item_col)


def _has_time(head: Head, options: ReadOptions) -> bool:
    names = options.time_col
    return bool(_known(names, head) or (names is None and candidates("time", head.columns))) or _has(
        head, "time", names
    )


def _has_items(head: Head, options: ReadOptions) -> bool:
    if not head.header:
        return headless.is_list(head)
    return _has(head, "item", options.item_col) or guess_id(head.columns) is not None


def _has(head: Head, role: str, names: tuple[str, ...] | None) -> bool:
    if _known(names, head) is not None:
        return True
    return (names is None or role == "item") and guess(role, head.columns) is not None


def _known(names: tuple[str, ...] | None, head: Head) -> tuple[str, ...] | None:
    return tuple(name for name in names or () if name in head.columns) or None


def guess_id(columns: list[str]) -> str | None:
    """A column called just `id`, which in an item table is the item's."""
    return next((column for column in columns if column.split(":")[0].lower() == "id"), None)
