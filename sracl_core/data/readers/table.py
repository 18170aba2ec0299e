"""Anyone's own log: interactions in one table, and items in another if there is one.

CSV, TSV, Parquet and JSON lines, each also as .gz or .zst (Parquet compresses itself).
"""

from __future__ import annotations

from pathlib import Path

from sracl_core.data.readers.base import Raw, ReadOptions, file_kind
from sracl_core.data.readers.clean import clean_interactions, clean_items
from sracl_core.data.readers.columns import find_column, guess, guess_note
from sracl_core.data.readers.tabular import KINDS, Table, open_table
from sracl_core.errors import DataError

NAME = "table"
ABOUT = "CSV, TSV, Parquet or JSON lines: interactions, and items beside them"
TAKES_COLUMNS = True


def find(paths: list[Path]) -> list[Path] | None:
    """The files that this reader would read: [interactions] or [interactions, items]."""
    if len(paths) == 1 and paths[0].is_dir():
        files = sorted(path for path in paths[0].iterdir() if path.is_file() and file_kind(path) in KINDS)
        found = [_named(files, "interactions"), _named(files, "items")]
        if found[0] is None:
            return None
        return [path for path in found if path is not None]
    if paths and all(path.is_file() for path in paths) and len(paths) <= 2:
        return sorted(paths, key=lambda path: path.name.lower().startswith("item"))
    return None


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Read interactions (first file) and items (second, if any); raises DataError."""
    tables = [open_table(path, scratch) for path in files]
    if len(tables) == 2 and guess("user", tables[0].columns) is None and options.user_col is None:
        tables.reverse()
    roles = interaction_columns(tables[0], options)
    interactions, locate = tables[0].select({_NAMES[role]: column for role, column in roles.items()})
    notes = guess_note(tables[0].path, roles)
    raw = clean_interactions(interactions, tables[0].path, locate, options.time_format)
    if len(tables) == 1:
        return Raw(raw, None, notes)
    named, item_notes = item_columns(tables[1], options)
    items = clean_items(*tables[1].select(named))
    return Raw(raw, items, notes + item_notes)


_NAMES = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating"}


def interaction_columns(table: Table, options: ReadOptions) -> dict[str, str]:
    """{role: column} of the interactions; raises DataError where a needed one is not found."""
    given = {"user": options.user_col, "item": options.item_col, "time": options.time_col}
    if options.with_ratings:
        given["rating"] = options.rating_col
    return {role: find_column(role, name, table.columns, table.path) for role, name in given.items()}


def item_columns(table: Table, options: ReadOptions) -> tuple[dict[str, str], list[str]]:
    """{our name: column} of the item table, and notes on what was guessed."""
    known = options.item_col if options.item_col in table.columns else None
    roles = {"item": find_column("item", known, table.columns, table.path)}
    title = options.title_col or guess("title", table.columns)
    if title is not None:
        roles["title"] = find_column("title", title, table.columns, table.path)
    texts = table.columns if options.text_cols is None else list(options.text_cols)
    for column in texts:
        find_column("text", column, table.columns, table.path)
    named = {"item_id" if role == "item" else role: column for role, column in roles.items()}
    taken = set(named.values()) | set(named)
    named |= {column: column for column in texts if column not in taken}
    notes = guess_note(table.path, roles)
    if title is None:
        notes.append(f"{table.path.name}: no title column; name it with --title-col")
    return named, notes


def _named(files: list[Path], stem: str) -> Path | None:
    matches = [path for path in files if path.name.lower().startswith(f"{stem}.")]
    if len(matches) > 1:
        names = ", ".join(path.name for path in matches)
        raise DataError(f"{matches[0].parent} holds several files of {stem} ({names}); name the one to read")
    return matches[0] if matches else None
