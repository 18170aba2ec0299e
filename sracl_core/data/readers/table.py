"""Anyone's own log: interactions in one table or several parts, and items in another if there is one.

CSV, TSV, Parquet and JSON, the text ones also compressed. Which file is the log and which the item
table is seen from the columns: a log has users and items, an item table has items and no users.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from sracl_core.data.readers.base import TEST, TRAIN, VALID, Raw, Reader, ReadOptions, Taken, file_kind
from sracl_core.data.readers.clean import clean_items
from sracl_core.data.readers.columns import find_column, guess, refuse_shared
from sracl_core.data.readers.log import Log, Part, read_log, texts_of_log
from sracl_core.data.readers.missing import missing, null_words
from sracl_core.data.readers.peek import Head, peek
from sracl_core.data.readers.search import files_in
from sracl_core.data.readers.tabular import KINDS, Table, open_table
from sracl_core.errors import DataError


@dataclass(frozen=True)
class Sorted:
    """Files by what they are: parts of the log, the item table, and what is neither."""

    log: list[Path]
    items: Path | None
    other: list[Path]


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """The files that this reader would read: the log's, then the item table.

    Files that are named are all read; of a folder, those that are a log or an item table.
    """
    named = [path for path in paths if path.is_file()]
    if len(named) == len(paths):
        return named or None
    files = sorted({*named, *(file for file in files_in(paths) if file_kind(file) in KINDS)})
    usual = [_stem(files, "interactions"), _stem(files, "items")]
    if usual[0] is not None:
        own = [path for path in named if path not in usual]
        return [path for path in (usual[0], *own, usual[1]) if path is not None]
    found = sort_files(files, options, chosen=False)
    return [*found.log, *([found.items] if found.items else [])] if found.log else None


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Read the log and the item table; raises DataError."""
    found = sort_files(files, options, chosen=True)
    for path in found.other:
        table = open_table(path, scratch, header=options.header)  # this may say what is wrong with it
        find_column("item", None, table.columns, path)
    split = _own_split(options)
    parts = [
        Part(
            open_table(path, scratch, header=options.header),
            peek(path, options.header),
            split.get(path, TRAIN) if split else None,
        )
        for path in found.log
    ]
    if split and all(part.split != TRAIN for part in parts):
        raise DataError(f"{parts[0].path} is no training part; name the log itself before --valid and --test")
    if found.items is None:
        return _log_alone(parts, options)
    table = open_table(found.items, scratch, header=options.header)
    log = read_log(parts, _of_log(options, parts, table))
    columns, notes = item_columns(table, options, log.taken[0].columns["item"])
    rows = table.select(columns)
    if options.drop_empty:
        rows = rows.keep(~missing(rows.frame["item_id"]))
    notes += [note for name in rows.frame.columns for note in _of_null_words(found.items, rows.frame[name])]
    items = clean_items(rows.frame, rows.locate)
    taken = _taken_items(table, columns)
    return _raw(log, items, [*_of_parts(parts), *log.notes, *notes], [*log.taken, taken])


def _own_split(options: ReadOptions) -> dict[Path, int]:
    """Which part each file of a person's own split is."""
    if options.valid is None or options.test is None:
        return {}
    both = set(options.valid) & set(options.test)
    if both:
        raise DataError(f"{both.pop()} is given for --valid and for --test; a file is one part")
    return dict.fromkeys(options.valid, VALID) | dict.fromkeys(options.test, TEST)


def _of_log(options: ReadOptions, parts: list[Part], items: Table) -> ReadOptions:
    """The options without names of item columns that only the item table has."""
    if options.item_col is None:
        return options
    of_log = {column for part in parts for column in part.table.columns}
    names = tuple(name for name in options.item_col if name in of_log or name not in items.columns)
    return replace(options, item_col=names or None)


def sort_files(files: list[Path], options: ReadOptions, chosen: bool) -> Sorted:
    """Tell the log from the item table by their columns.

    chosen: whether a person named each of the files, so that none may be left out.
    Raises DataError where two different tables look like the log, or two like the item table.
    """
    if chosen and len(files) == 1:
        return Sorted(files, None, [])
    heads = {path: peek(path, options.header) for path in files}
    log = [path for path in files if _is_log(heads[path], options)]
    items = [path for path in files if path not in log and _has_items(heads[path], options)]
    other = [path for path in files if path not in log and path not in items]
    if chosen:
        if not log:  # let the reader of the log say what is missing, of the likelier file
            log = items[:1] if len(items) == len(files) else other[:1] or files[:1]
            items = [path for path in items if path not in log]
            other = [path for path in other if path not in log]
    elif len(log) > 1 and any(set(heads[path].columns) != set(heads[log[0]].columns) for path in log):
        odd = next(path for path in log if set(heads[path].columns) != set(heads[log[0]].columns))
        raise DataError(
            f"{log[0]} and {odd} both have users and items, in different columns; name the one to read"
        )
    if len(items) > 1:
        titled = [path for path in items if guess("title", heads[path].columns)]
        if chosen or len(titled) != 1:
            said = " and ".join(str(path) for path in items[:2])
            raise DataError(f"{said} both look like item tables; name the log and one of them")
        items = titled
    return Sorted(log, items[0] if items else None, other)


def _is_log(head: Head, options: ReadOptions) -> bool:
    if not head.header:
        return len(head.columns) > 1
    return _has(head, "user", options.user_col) and _has(head, "item", options.item_col)


def _has_items(head: Head, options: ReadOptions) -> bool:
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


def _log_alone(parts: list[Part], options: ReadOptions) -> Raw:
    """A log without an item table; titles and texts may stand in the log itself."""
    columns = parts[0].table.columns
    texts: dict[str, str] = {}
    if options.title_col is not None:
        texts["title"] = find_column("title", options.title_col, columns, parts[0].path)
    for name in options.text_cols or ():
        texts[name] = find_column("text", (name,), columns, parts[0].path)
    own = {f"text {name}": column for name, column in texts.items()}
    log = read_log(parts, options, own)
    refuse_shared(log.taken[0].columns | texts, parts[0].path)
    notes = [*_of_parts(parts), *log.notes]
    if not texts:
        found = guess("title", columns)
        if found is not None:
            notes.append(
                f"{parts[0].path.name}: column '{found}' is not read; where it is the items' title, give "
                f"--title-col {shlex.quote(found)}"
            )
        return _raw(log, None, notes, log.taken)
    ids = log.interactions["item_id"]
    items = texts_of_log(log, ids, own).rename({named: named.removeprefix("text ") for named in own})
    title = {"title": texts["title"]} if "title" in texts else {}
    others = [name for name in texts if name != "title"]
    taken = [replace(part, columns=part.columns | title, texts=others) for part in log.taken]
    return _raw(log, items, notes, taken)


def _raw(log: Log, items: pl.DataFrame | None, notes: list[str], taken: list[Taken]) -> Raw:
    return Raw(log.interactions, items, notes, taken, log.times, log.funnel)


def _taken_items(table: Table, columns: dict[str, str]) -> Taken:
    roles = {"item": columns["item_id"]} | ({"title": columns["title"]} if "title" in columns else {})
    texts = [name for name in columns if name not in ("item_id", "title")]
    unread = [column for column in table.columns if column not in columns.values()]
    return Taken(table.path.name, "items", roles, texts, unread)


def _of_parts(parts: list[Part]) -> list[str]:
    if len(parts) == 1 or parts[0].split is not None:
        return []
    names = ", ".join(part.path.name for part in parts[:5]) + (", ..." if len(parts) > 5 else "")
    return [
        f"{names}: each has users and items, so they are {len(parts)} parts of one log, joined (a split of "
        "your own is given with --valid and --test)"
    ]


def item_columns(table: Table, options: ReadOptions, of_log: str) -> tuple[dict[str, str], list[str]]:
    """{our name: column} of the item table, and notes on what was guessed.

    of_log: the log's item column, which the item table may have as well.
    """
    columns = table.columns
    given = tuple(name for name in options.item_col or () if name in columns)
    alike = next((column for column in columns if column.split(":")[0] == of_log.split(":")[0]), None)
    item = (given[0] if given else None) or alike or guess("item", columns) or guess_id(columns)
    roles = {"item": item or find_column("item", None, columns, table.path)}
    if options.title_col is not None:
        roles["title"] = find_column("title", options.title_col, columns, table.path)
    elif title := guess("title", [column for column in columns if column != roles["item"]]):
        roles["title"] = title
    refuse_shared(roles, table.path)
    texts = columns if options.text_cols is None else list(options.text_cols)
    for column in texts:
        find_column("text", (column,), columns, table.path)
    named = {"item_id" if role == "item" else role: column for role, column in roles.items()}
    taken = set(named.values()) | set(named)
    named |= {column: column for column in texts if column not in taken}
    if "title" not in roles:
        return named, [f"{table.path.name}: no column is the title; --title-col names one"]
    return named, []


def _of_null_words(path: Path, column: pl.Series) -> list[str]:
    words = null_words(column) if column.name != "item_id" else []
    if not words:
        return []
    return [f"{path.name}: '{words[0]}' in column '{column.name}' counts as missing"]


def _stem(files: list[Path], stem: str) -> Path | None:
    matches = [path for path in files if path.name.lower().startswith(f"{stem}.")]
    if len(matches) > 1:
        names = ", ".join(path.name for path in matches)
        raise DataError(f"{matches[0].parent} holds several files of {stem} ({names}); name the one to read")
    return matches[0] if matches else None


READER = Reader(
    name="table",
    about="CSV, TSV, Parquet or JSON lines: interactions, and items beside them",
    sign="users, items and times are seen from the columns",
    find=find,
    read=read,
    takes_columns=True,
    generic=2,
)
