"""Anyone's own log: interactions in one table or several parts, and items in another if there is one.

CSV, TSV, Parquet and JSON, the text ones also compressed. Which file is the log and which the item
table is seen from the columns: a log has users and items, an item table has items and no users.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import polars as pl

from sracl_core.data.reading import headless
from sracl_core.data.reading.base import (
    MOST_NAMED,
    TEST,
    TRAIN,
    VALID,
    Raw,
    Reader,
    ReadOptions,
    Taken,
    file_kind,
)
from sracl_core.data.reading.clean import clean_items
from sracl_core.data.reading.columns import find_column, guess, refuse_shared
from sracl_core.data.reading.folders import on_folders, open_part
from sracl_core.data.reading.log import Log, read_log, texts_of_log
from sracl_core.data.reading.missing import missing, null_words
from sracl_core.data.reading.part import Part
from sracl_core.data.reading.peek import peek
from sracl_core.data.reading.search import distinct, files_in
from sracl_core.data.reading.sorting import guess_id, sort_files
from sracl_core.data.reading.tabular import KINDS, Table, open_table
from sracl_core.errors import DataError, nearest


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """The files that this reader would read: the log's, then the item table.

    Files that are named are all read; of a folder, those that are a log or an item table.
    """
    named = [path for path in paths if path.is_file()]
    if len(named) == len(paths):
        return distinct(named) or None
    files = sorted(distinct([*named, *(file for file in files_in(paths) if _may_be_table(file))]))
    usual = [_stem(files, "interactions"), _stem(files, "items")]
    if usual[0] is not None:
        own = [path for path in named if path not in usual]
        return distinct(path for path in (usual[0], *own, usual[1]) if path is not None)
    found = sort_files(files, options, chosen=False)
    return [*found.log, *([found.items] if found.items else [])] if found.log else None


def _may_be_table(path: Path) -> bool:
    """By its name: parts of a log are often called part-00000, without an ending."""
    return file_kind(path) in KINDS or path.name.startswith("part-")


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Read the log and the item table; raises DataError."""
    found = sort_files(files, options, chosen=True)
    unknown = [open_table(path, scratch, header=options.header) for path in found.other]
    if unknown and (found.items is not None or len(unknown) > 1 or options.header is not None):
        raise _neither(unknown[0])
    parts = with_names(
        [open_part(path, scratch, options.header, split=split) for path, split in _splits(found.log, options)]
    )
    if found.items is None and not unknown:
        _require_named([part.table for part in parts], options)
        return _log_alone(parts, options)
    path = found.items or unknown[0].path
    table = open_table(path, scratch, header=options.header)
    _require_named([*(part.table for part in parts), table], options)
    log = read_log(parts, _of_log(options, parts, table))
    ids = log.interactions["item_id"].unique()
    if table.header and options.header is None and pl.Series(table.columns).is_in(ids.implode()).any():
        table = open_table(path, scratch, header=False)
    elif unknown:
        raise _neither(table)
    columns, notes = item_columns(table, options, log.taken[0].columns["item"], ids)
    rows = table.select(columns)
    if rows.frame.is_empty():
        raise DataError(f"{path} holds no rows; leave it out, or give a table with a row an item")
    if options.drop_empty:
        rows = rows.keep(~missing(rows.frame["item_id"]))
    notes += [note for name in rows.frame.columns for note in _of_null_words(path, rows.frame[name])]
    items = clean_items(rows.frame, rows.locate)
    taken = _taken_items(table, columns)
    return _raw(log, items, [*_of_parts(parts, log), *log.notes, *notes], [*log.taken, taken])


def _require_named(tables: list[Table], options: ReadOptions) -> None:
    """Raises DataError for one of several names that no file has as a column: a slip would go unseen."""
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    for role in ("user", "item", "time", "rating", "title"):
        names: tuple[str, ...] = getattr(options, f"{role}_col") or ()
        if len(names) > 1 and (unknown := next((name for name in names if name not in columns), None)):
            hint = nearest(unknown, columns)
            raise DataError(f"no file has a column '{unknown}'{hint}; correct {role}_col, or leave it out")


def _neither(table: Table) -> DataError:
    there = ", ".join(column[:40] for column in table.columns[:MOST_NAMED])
    return DataError(
        f"{table.path} has no item column such as 'item_id' (there is {there}), so it is neither a log nor "
        "an item table; leave it out, or name its column with --item-col"
    )


def _splits(files: list[Path], options: ReadOptions) -> list[tuple[Path, int | None]]:
    """The files with the part of a person's own split that each is; None where there is no such split."""
    split = _own_split(options)
    if not split:
        return [(path, None) for path in files]
    found: list[tuple[Path, int | None]] = [(path, split.get(path.resolve(), TRAIN)) for path in files]
    if all(part != TRAIN for _, part in found):
        raise DataError(f"{files[0]} is no training part; name the log itself before --valid and --test")
    return found


def _own_split(options: ReadOptions) -> dict[Path, int]:
    """Which part each file of a person's own split is."""
    if options.valid is None or options.test is None:
        return {}
    valid, test = ({path.resolve() for path in part} for part in (options.valid, options.test))
    if valid & test:
        path = next(path for path in options.valid if path.resolve() in test)
        raise DataError(f"{path} is given for --valid and for --test; a file is one part")
    return dict.fromkeys(valid, VALID) | dict.fromkeys(test, TEST)


def _of_log(options: ReadOptions, parts: list[Part], items: Table) -> ReadOptions:
    """The options without names of item columns that only the item table has."""
    if options.item_col is None:
        return options
    of_log = {column for part in parts for column in part.table.columns}
    names = tuple(name for name in options.item_col if name in of_log or name not in items.columns)
    return replace(options, item_col=names or None)


def with_names(parts: list[Part]) -> list[Part]:
    """The parts, where those without names of columns take them from the one that has some, by position."""
    named = next((part for part in parts if part.table.header), None)
    if named is None:
        return parts
    columns = named.table.columns
    return [
        part if part.table.header or len(part.table.columns) != len(columns) else part.called(columns)
        for part in parts
    ]


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
    notes = [*_of_parts(parts, log), *log.notes]
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
    return Raw(log.interactions, items, notes, taken, log.times, funnel=log.funnel)


def _taken_items(table: Table, columns: dict[str, str]) -> Taken:
    roles = {"item": columns["item_id"]} | ({"title": columns["title"]} if "title" in columns else {})
    texts = [name for name in columns if name not in ("item_id", "title")]
    unread = [column for column in table.columns if column not in columns.values()]
    return Taken(table.path.name, "items", roles, texts, unread)


def _of_parts(parts: list[Part], log: Log) -> list[str]:
    bare = [part.path.name for part in parts if part.borrowed]
    said = (
        [f"{', '.join(bare[:5])}: line 1 holds values; the columns are called as in the other part"]
        if bare
        else []
    )
    said += on_folders(parts, log.taken)
    if len(parts) == 1 or parts[0].split is not None:
        return said
    names = ", ".join(part.path.name for part in parts[:5]) + (", ..." if len(parts) > 5 else "")
    return [
        f"{names}: each has users and items, so they are {len(parts)} parts of one log, joined (a split of "
        "your own is given with --valid and --test)",
        *said,
    ]


def item_columns(
    table: Table, options: ReadOptions, of_log: str, ids: pl.Series | None = None
) -> tuple[dict[str, str], list[str]]:
    """{our name: column} of the item table, and notes on what was guessed.

    of_log: the log's item column, which the item table may have as well. ids: the items of the log,
    where there is one.
    """
    columns, notes = table.columns, [*table.notes]
    if not table.header:
        known = set() if ids is None else set(ids)
        options = headless.items_told(peek(table.path, header=False), options, known)
        notes.append(
            f"{table.path.name}: line 1 holds values, not names of columns, so the columns are numbered "
            "(--header says otherwise)"
        )
    given = tuple(name for name in options.item_col or () if name in columns)
    alike = next((column for column in columns if column.split(":")[0] == of_log.split(":")[0]), None)
    item = (given[0] if given else None) or alike
    if item is None and guess("item", columns) is None:
        item = guess_id(columns)
    roles = {"item": item or find_column("item", None, columns, table.path)}
    if options.title_col is not None:
        roles["title"] = find_column("title", options.title_col, columns, table.path)
    elif title := guess("title", [column for column in columns if column != roles["item"]]):
        roles["title"] = title
    refuse_shared(roles, table.path)
    schema = table.frame.collect_schema()
    texts = [column for column in columns if not _is_no_text(schema[column])]
    if options.text_cols is not None:
        texts = list(options.text_cols)
    for column in texts:
        find_column("text", (column,), columns, table.path)
    named = {"item_id" if role == "item" else role: column for role, column in roles.items()}
    taken = set(named.values()) | set(named)
    named |= {column: column for column in texts if column not in taken}
    if "title" not in roles:
        notes.append(f"{table.path.name}: no column is the title; --title-col names one")
    return named, notes


def _is_no_text(kind: pl.DataType) -> bool:
    """Pictures and vectors, which say nothing when they are read as a text."""
    inner = kind.inner if isinstance(kind, pl.List | pl.Array) else kind
    return kind == pl.Binary or (inner is not kind and inner.is_float())


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
