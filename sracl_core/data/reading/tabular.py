"""Opens a table file, whatever its form, as a lazy frame that can name its lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sracl_core.data.reading.base import Locator, Rows, cut, refusing
from sracl_core.data.reading.dialect import OUR_MARK, Dialect, quotes_are_regular, rewritten
from sracl_core.data.reading.packed import refuse_no_table
from sracl_core.data.reading.peek import NO_NAME, Head, is_parquet, peek, unwrapped
from sracl_core.data.reading.text import CsvText, lines_of, new_file, plain, whole_characters
from sracl_core.errors import DataError
from sracl_core.json_values import RepeatedNameError, loads_once, once

KINDS = ("csv", "tsv", "tab", "parquet", "pq", "jsonl", "ndjson", "json")


@dataclass(frozen=True)
class Table:
    """A file's rows; `locate(row)` says where row number `row` stands, for messages.

    `blank_rows()` lists the rows that are empty lines: asked only where a row has no value at all.
    `fault()` says which line cannot be read: asked only where the file cannot be.
    header: whether the columns have names of their own, and are not numbered.
    notes: what a person should know of how the file was read.
    nested: of JSON, {column: (first row that holds a record or a list, what it holds)}.
    """

    path: Path
    frame: pl.LazyFrame
    columns: list[str]
    locate: Locator
    blank_rows: Callable[[], list[int]] = list
    fault: Callable[[], str | None] = lambda: None
    header: bool = True
    notes: tuple[str, ...] = ()
    nested: dict[str, tuple[int, str]] = field(default_factory=dict)

    def select(self, columns: dict[str, str]) -> Rows:
        """The columns as {new name: column}, in the file's order, without blank lines."""
        wanted = [pl.col(column).alias(name) for name, column in columns.items()]
        try:
            with refusing(self.path):
                data = self.frame.select(wanted).collect(engine="streaming")
        except DataError as error:
            raise DataError(self.fault() or str(error)) from error
        with refusing(self.path):
            if not data.select(pl.all_horizontal(pl.all().is_null()).any()).item():
                return Rows(data, self.locate)
        rows = np.setdiff1d(np.arange(data.height), self.blank_rows())
        return Rows(data[rows], lambda row: self.locate(int(rows[row])))


def open_table(
    path: Path,
    scratch: Path,
    separator: str | None = None,
    header: bool | None = None,
    head: Head | None = None,
) -> Table:
    """Open CSV, TSV, Parquet or JSON lines, also compressed; raises DataError where it cannot.

    header: whether text begins with names of columns; None finds out. head: what a first look showed,
    where there was one.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there; give a file or a folder that exists")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; give a file that holds interactions")
    if is_parquet(path):
        return _open_parquet(path)
    text, head = plain(path, scratch), head or peek(path, header, separator)
    return _open_json(path, text) if head.kind == "json" else _open_csv(path, text, head, scratch)


def _open_parquet(path: Path) -> Table:
    refuse_no_table(path)
    with refusing(path):
        frame = pl.scan_parquet(path.absolute(), glob=False)
        columns = frame.collect_schema().names()
    return Table(path, frame, columns, lambda row: f"{path} row {row + 1}")


def _open_csv(path: Path, text: Path, head: Head, scratch: Path) -> Table:
    columns, dialect = head.columns, head.dialect
    if not columns:
        raise DataError(f"{path} line 1 is no header of column names; begin with one")
    _refuse_what_stands_above(path, head)
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path} line 1 names the column '{cut(repeated)}' twice; rename one")
    plain_text, separator, quote = text, dialect.separator, dialect.quote
    notes: tuple[str, ...] = ()
    if not dialect.plain or (quote and not quotes_are_regular(text, separator, quote)):
        text = new_file(scratch)
        dialect = rewritten(plain_text, path, dialect, text)
        notes = _on_quotes(path, head.dialect, dialect)
        separator, quote = OUR_MARK, '"'
    again = CsvText(plain_text, path, dialect, head.header)
    with refusing(path):
        frame = pl.scan_csv(
            text.absolute(),
            has_header=head.header,
            infer_schema=False,
            separator=separator,
            quote_char=quote,
            glob=False,
        )
        found = frame.collect_schema().names()
    if len(found) != len(columns):
        raise DataError(f"{path} line 1 is no header of column names; quote names that span lines")
    renamed = frame.rename(dict(zip(found, columns, strict=True)))
    return Table(path, renamed, columns, again.locate, again.blank_rows, again.fault, head.header, notes)


def _on_quotes(path: Path, first: Dialect, taken: Dialect) -> tuple[str, ...]:
    """A line where quotes are neither doubled nor around cells, on how they were read."""
    if taken.escape is not None:
        return (f"{path.name}: quotes in it follow a backslash, and are read so",)
    if taken.loose:
        return (f"{path.name}: quotes inside its cells are not doubled, and are read as part of the text",)
    if taken.quote is None and first.quote is not None:
        return (f"{path.name}: quotes in it enclose no cells, and are part of the text",)
    return ()


def _refuse_what_stands_above(path: Path, head: Head) -> None:
    """Raises DataError where line 1 is a title or a remark, and the names of columns come later."""
    if not head.header or not head.rows:
        return
    wide = [row for row in head.rows if len(row) > len(head.columns)]
    nameless = sum(name.startswith(NO_NAME) for name in head.columns)
    if len(wide) * 2 > len(head.rows):
        what = f"has {len(head.columns)} fields and the lines below have {len(wide[0])}"
    elif len(head.columns) > 2 and nameless * 2 > len(head.columns):
        what = "leaves most columns without a name"
    else:
        return
    raise DataError(
        f"{path} line 1 {what}, so it is no header of column names; remove what stands above the header, or "
        "name every column"
    )


def json_objects(path: Path, text: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of JSON lines, or of one array of objects; raises DataError at a line that
    is neither.
    """
    with text.open(encoding="utf-8-sig") as file:
        array = file.read(64).lstrip().startswith("[")
    for number, record in _array(path, text) if array else _lines(path, text):
        if not isinstance(record, dict):
            raise DataError(f"{path} line {number} is not a JSON object; one object a line is needed")
        yield number, record


def _lines(path: Path, text: Path) -> Iterator[tuple[int, Any]]:
    for number, line in lines_of(text):
        if not line.strip():
            continue
        try:
            yield number, loads_once(line)
        except RepeatedNameError as error:
            raise DataError(f"{path} line {number}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path} line {number} is not JSON ({str(error)[:80]}); one object a line, or one array of "
                "objects, is needed"
            ) from error


def _array(path: Path, text: Path) -> Iterator[tuple[int, Any]]:
    """(line on which it begins, element) of a JSON array."""
    content = text.read_text(encoding="utf-8-sig")
    decoder = json.JSONDecoder(object_pairs_hook=once)
    at, line = content.index("[") + 1, 1
    line += content.count("\n", 0, at)
    while True:
        begin = at
        while at < len(content) and content[at] in " \t\r\n,":
            at += 1
        line += content.count("\n", begin, at)
        if content[at : at + 1] == "]":
            if content[at + 1 :].strip():
                raise DataError(
                    f"{path} line {line} ends the array, and more stands behind it; give one array, or one "
                    "object a line"
                )
            return
        try:
            value, end = decoder.raw_decode(content, at)
        except RepeatedNameError as error:
            raise DataError(f"{path} line {line}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} line {line} is not JSON: {str(error)[:80]}") from error
        yield line, value
        line += content.count("\n", at, end)
        at = end


def as_text(value: Any) -> str | None:
    """A JSON value as the text of a cell; lone surrogates, which UTF-8 has not, become U+FFFD."""
    value = unwrapped(value)
    if value is None or isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        text = " > ".join(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return None if text is None else whole_characters(text)


def _open_json(path: Path, text: Path, chunk: int = 100_000) -> Table:
    frames: list[pl.DataFrame] = []
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    nested: dict[str, tuple[int, str]] = {}
    for number, record in json_objects(path, text):
        for name, value in record.items():
            if isinstance(value, dict | list) and isinstance(value := unwrapped(value), dict | list):
                nested.setdefault(str(as_text(name)), (len(numbers), json.dumps(value, ensure_ascii=False)))
        numbers.append(number)
        rows.append({str(as_text(name)): as_text(value) for name, value in record.items()})
        if len(rows) == chunk:
            frames.append(_strings(rows))
            rows = []
    frames.append(_strings(rows))
    table = pl.concat(frames, how="diagonal")
    if table.height == 1:
        _refuse_one_object(f"{path} line {numbers[0]}", table.columns, nested)

    def locate(row: int) -> str:
        return f"{path} line {numbers[row]}"

    return Table(path, table.lazy(), table.columns, locate, nested=nested)


def _refuse_one_object(where: str, columns: list[str], nested: dict[str, tuple[int, str]]) -> None:
    """Raises DataError where the one object of a file holds a whole table."""
    wrapped = [name for name in columns if nested.get(name, (0, ""))[1].startswith("[{")]
    if len(wrapped) == 1:
        raise DataError(
            f"{where} is one object, whose '{wrapped[0]}' holds the rows; give that list alone, or one "
            "object a line"
        )
    if wrapped:
        raise DataError(
            f"{where} is one object, whose '{wrapped[0]}', '{wrapped[1]}' and so on hold rows each; give one "
            "object a row, with these names as a column"
        )
    if len(columns) > 1 and len(nested) == len(columns):
        raise DataError(
            f"{where} is one object that holds whole columns; give one object a row (pandas writes them with "
            "orient='records', lines=True)"
        )


def _strings(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
