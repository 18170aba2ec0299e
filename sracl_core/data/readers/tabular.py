"""Opens a table file, whatever its form, as a lazy frame that can name its lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sracl_core.data.readers.base import Locator, file_kind, refusing
from sracl_core.data.readers.text import CsvText, lines_of, plain
from sracl_core.errors import DataError

SEPARATORS = {"tsv": "\t", "tab": "\t", "inter": "\t", "item": "\t", "user": "\t"}
UNQUOTED = ("inter", "item", "user")
KINDS = ("csv", "tsv", "tab", "parquet", "pq", "jsonl", "ndjson", "json")


@dataclass(frozen=True)
class Table:
    """A file's rows; `locate(row)` says where row number `row` stands, for messages.

    `blank_rows()` lists the rows that are empty lines: asked only where a row has no value at all.
    `fault()` says which line cannot be read: asked only where the file cannot be.
    """

    path: Path
    frame: pl.LazyFrame
    columns: list[str]
    locate: Locator
    blank_rows: Callable[[], list[int]] = list
    fault: Callable[[], str | None] = lambda: None

    def select(self, columns: dict[str, str]) -> tuple[pl.DataFrame, Locator]:
        """The columns as {new name: column}, in the file's order, without blank lines."""
        wanted = [pl.col(column).alias(name) for name, column in columns.items()]
        try:
            with refusing(self.path):
                data = self.frame.select(wanted).collect(engine="streaming")
        except DataError as error:
            raise DataError(self.fault() or str(error)) from error
        with refusing(self.path):
            if not data.select(pl.all_horizontal(pl.all().is_null()).any()).item():
                return data, self.locate
        rows = np.setdiff1d(np.arange(data.height), self.blank_rows())
        return data[rows], lambda row: self.locate(int(rows[row]))


def open_table(path: Path, scratch: Path, separator: str | None = None) -> Table:
    """Open CSV, TSV, Parquet or JSON lines, also compressed; raises DataError where it cannot."""
    kind = file_kind(path)
    if kind in ("parquet", "pq"):
        return _open_parquet(path)
    if kind in ("jsonl", "ndjson", "json"):
        return _open_json(path, plain(path, scratch))
    return _open_csv(path, plain(path, scratch), separator or SEPARATORS.get(kind))


def _open_parquet(path: Path) -> Table:
    if not path.is_file():
        raise DataError(f"{path} is not there; give a file or a folder that exists")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; give a file that holds interactions")
    with refusing(path):
        frame = pl.scan_parquet(path, glob=False)
        columns = frame.collect_schema().names()
    return Table(path, frame, columns, lambda row: f"{path} row {row + 1}")


def _open_csv(path: Path, text: Path, separator: str | None) -> Table:
    first = next((line for _, line in lines_of(text)), "")
    separator = separator or max(",;\t|", key=first.count)
    try:
        columns = next(csv.reader([first], delimiter=separator), [])
    except csv.Error as error:
        raise DataError(f"{path} line 1 is no header of column names: {error}") from error
    if not any(name.strip() for name in columns):
        raise DataError(f"{path} line 1 is no header of column names; begin with one")
    repeated = next((name for name in columns if name and columns.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path} line 1 names the column '{repeated}' twice; rename one")
    quoted = file_kind(path) not in UNQUOTED
    again = CsvText(text, path, separator, quoted)
    with refusing(path):
        frame = pl.scan_csv(
            text, infer_schema=False, separator=separator, quote_char='"' if quoted else None, glob=False
        )
        found = frame.collect_schema().names()
    if len(found) != len(columns):
        raise DataError(f"{path} line 1 is no header of column names; quote names that span lines")
    columns = [name or given for name, given in zip(columns, found, strict=True)]
    return Table(
        path,
        frame.rename(dict(zip(found, columns, strict=True))),
        columns,
        again.locate,
        again.blank_rows,
        again.fault,
    )


def json_objects(path: Path, text: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of JSON lines; raises DataError naming a line that is none."""
    for number, line in lines_of(text):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} line {number} is not JSON: {str(error)[:80]}") from error
        if not isinstance(record, dict):
            raise DataError(f"{path} line {number} is not a JSON object; one object a line is needed")
        yield number, record


def as_text(value: Any) -> str | None:
    """A JSON value as the text of a cell; lone surrogates, which UTF-8 has not, become U+FFFD."""
    if value is None or isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        text = " > ".join(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _open_json(path: Path, text: Path, chunk: int = 100_000) -> Table:
    frames: list[pl.DataFrame] = []
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    for number, record in json_objects(path, text):
        numbers.append(number)
        rows.append({str(as_text(name)): as_text(value) for name, value in record.items()})
        if len(rows) == chunk:
            frames.append(_strings(rows))
            rows = []
    frames.append(_strings(rows))
    table = pl.concat(frames, how="diagonal")
    return Table(path, table.lazy(), table.columns, lambda row: f"{path} line {numbers[row]}")


def _strings(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
