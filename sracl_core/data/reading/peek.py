"""A first look at a file: what kind of table it is, its columns and its first rows."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sracl_core.data.reading.base import file_kind
from sracl_core.data.reading.columns import guess
from sracl_core.data.reading.dialect import PLAIN, UNQUOTED, Dialect, dialect_of
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.packed import DAMAGE, decompressed, start_of
from sracl_core.data.reading.text import marked_encoding, whole_characters, with_line_feeds

SNIFF = 1 << 18
ROWS = 1000
NUMBER = re.compile(r"\s*[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s*")
DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?\s*")
JSON_START = re.compile(r'\s*(?:\{\s*"|\[\s*\{)')
NO_NAME = "column_"
NO_LETTERS = " \t\r\u00a0\u200b\ufeff"
"""What may stand around a name of a column and is no part of it."""
LONG_NUMBER, FEW_VALUES = 8, 11
"""A column of numbers so long beside others is of times; one of so few values beside others, of ratings."""


@dataclass(frozen=True)
class Head:
    """kind: "parquet", "json" or "text"; columns as the file names them, or column_1, column_2 ...

    rows: the first rows as text (for "text" and "json"). dialect, header: for "text".
    folders: the last of the columns, where names of folders say them.
    """

    kind: str
    columns: list[str]
    rows: list[list[str | None]]
    dialect: Dialect = PLAIN
    header: bool = True
    folders: tuple[str, ...] = ()

    @property
    def own(self) -> list[str]:
        """The columns that the file itself has."""
        return self.columns[: len(self.columns) - len(self.folders)]

    def cells(self, column: str) -> list[str]:
        """What the first rows say in a column."""
        at = self.columns.index(column)
        return [cell for row in self.rows if at < len(row) and (cell := row[at]) not in (None, "")]


def text_start(path: Path, size: int = SNIFF) -> str:
    """The beginning of a text file, up to its last whole line; "" where it cannot be read."""
    pieces, found = [], 0
    try:
        with decompressed(path) as file:
            while found < size and (piece := file.read(size - found)):
                pieces.append(piece)
                found += len(piece)
    except (OSError, *DAMAGE):
        pass
    raw = b"".join(pieces)
    text = with_line_feeds(raw.decode(marked_encoding(raw) or "utf-8-sig", "replace"))
    if found >= size and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text


def peek(path: Path, header: bool | None = None, separator: str | None = None) -> Head:
    """Look at a file; a file that cannot be read has no columns.

    header: whether it begins with names of columns; None finds out.
    """
    if is_parquet(path):
        try:
            return Head("parquet", pl.scan_parquet(path.absolute(), glob=False).collect_schema().names(), [])
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            return Head("parquet", [], [])
    text = text_start(path)
    if file_kind(path) in ("json", "jsonl", "ndjson") or JSON_START.match(text):
        return _peek_json(text)
    return _peek_text(text, file_kind(path), header, separator)


def is_parquet(path: Path) -> bool:
    """By its ending or by its first bytes."""
    return file_kind(path) in ("parquet", "pq") or start_of(path).startswith(b"PAR1")


def _peek_json(text: str) -> Head:
    records: list[dict[str, Any]] = []
    array = text.lstrip().startswith("[")
    for record in _elements(text) if array else _json_lines(text):
        if not isinstance(record, dict) or len(records) == ROWS:
            break
        records.append({whole_characters(name): value for name, value in record.items()})
    columns = list(dict.fromkeys(name for record in records for name in record))
    rows = [[_shown(record.get(name)) for name in columns] for record in records]
    return Head("json", columns, rows)


def _json_lines(text: str) -> Iterator[Any]:
    for line in text.split("\n"):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                return


def _elements(text: str) -> Iterator[Any]:
    """The elements of a JSON array, as far as the text goes."""
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value


def unwrapped(value: Any) -> Any:
    """The value alone, where MongoDB writes {"$oid": "5f..."} or {"$date": {"$numberLong": "1"}}."""
    while isinstance(value, dict) and len(value) == 1 and (name := next(iter(value))).startswith("$"):
        value = value[name]
    return value


def _shown(value: Any) -> str | None:
    value = unwrapped(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _peek_text(text: str, kind: str, header: bool | None, separator: str | None) -> Head:
    every = text.replace("\r\n", "\n").split("\n")
    dialect = dialect_of(every[: ROWS + 1], kind, separator)
    lines = [line for line in every[dialect.above : dialect.above + ROWS + 1] if line.strip()]
    if not lines:
        return Head("text", [], [])
    try:
        rows = [cells for cells in dialect.records(lines) if cells]
    except csv.Error:
        rows = [lines[0].split(dialect.separator)]
    if header is None:
        header = kind in UNQUOTED or not _are_data(rows)
    cells: list[list[str | None]] = [[*row] for row in (rows[1:] if header else rows)]
    numbered = [f"{NO_NAME}{count}" for count in range(1, len(rows[0]) + 1)]
    named = [name.strip(NO_LETTERS) or number for name, number in zip(rows[0], numbered, strict=True)]
    return Head("text", named if header else numbered, cells, dialect, header)


def _are_data(rows: list[list[str]]) -> bool:
    """Whether the first row holds values, as those below it, and no names of columns.

    A name is no number and no date, is not empty, and does not come again below it.
    """
    first, below = rows[0], rows[1:]
    if len(first) < 2 or not below or any(guess(role, first) for role in ("user", "item", "time")):
        return False
    numbers = [at for at, cell in enumerate(first) if NUMBER.fullmatch(cell) or DATE.fullmatch(cell)]
    if numbers:
        return all(_mostly_numbers(below, at) for at in numbers)
    again = [sum(at < len(row) and row[at] == cell for row in below) for at, cell in enumerate(first)]
    return len(first) >= 2 and sum(count > 0 for count in again) * 2 >= len(first) and all(first)


def _mostly_numbers(rows: list[list[str]], at: int) -> bool:
    cells = [row[at] for row in rows if at < len(row)]
    said = [cell for cell in cells if not missing(pl.Series([cell]))[0]] if len(cells) < 20 else cells
    fits = sum(bool(NUMBER.fullmatch(cell) or DATE.fullmatch(cell)) for cell in said)
    return fits * 2 >= len(said)


def sequence_lines(path: Path, words: bool) -> bool:
    """Whether the lines of a file are `user item` or `user item item ...`, with spaces between.

    Lines of one width above two whose first token comes back are rows of a table, not sequences.
    words: whether ids may be other than whole numbers; they are then told from prose by items that
    are never users and that come again.
    """
    lines = [line.split() for line in text_start(path).split("\n")[:ROWS]]
    lines = [tokens for tokens in lines if tokens]
    if not lines or any(len(tokens) < 2 for tokens in lines):
        return bool(lines) and len(lines[0]) >= 2 and _whole_numbers(lines[0]) and not _is_table(lines)
    if _is_table(lines):
        return False
    if all(_whole_numbers(tokens) for tokens in lines[:1]):
        return True
    return words and _recurring(lines)


def _whole_numbers(tokens: list[str]) -> bool:
    return all(token.isdigit() for token in tokens)


def _is_table(lines: list[list[str]]) -> bool:
    """Whether lines of one width above two have the same user twice, or columns of kinds of their own."""
    widths = {len(tokens) for tokens in lines}
    if len(widths) > 1 or widths == {2}:
        return False
    if len({tokens[0] for tokens in lines}) < len(lines):
        return True
    columns = [set(column) for column in list(zip(*lines, strict=True))[1:]]
    larger = [all(len(token) >= LONG_NUMBER for token in column) for column in columns]
    kinds = [len(column) <= FEW_VALUES for column in columns]
    return any(larger) != all(larger) or (len(lines) > FEW_VALUES**2 and any(kinds) != all(kinds))


def _recurring(lines: list[list[str]]) -> bool:
    users = {tokens[0] for tokens in lines}
    items = Counter(token for tokens in lines for token in tokens[1:])
    again = sum(count for count in items.values() if count > 1)
    marked = sum(token[-1] in ".,;:!?\"'" or token[0] in "\"'(#" for token in items)
    return not users & items.keys() and again * 2 > items.total() and not marked
