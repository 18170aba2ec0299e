"""How the text of a table is written: what stands between cells, what encloses them, what stands above."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sracl_core.data.reading.columns import guess
from sracl_core.errors import DataError

SEPARATORS = {"tsv": "\t", "tab": "\t", "inter": "\t", "item": "\t", "user": "\t"}
UNQUOTED = ("inter", "item", "user")
USUAL, RARE = ",;\t|", "\x01\x1f^~"
RUNS = "  "
"""Columns that stand one below the other: as many blanks between cells as it takes."""
EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
SEEN = 50
BLOCK = 1 << 24
OUR_MARK = "\x1f"


@dataclass(frozen=True)
class Dialect:
    """separator: one character or more; RUNS for runs of blanks.

    quote: what encloses cells, None where nothing does. escape: what stands before a quote inside them,
    where it is not doubled. spaced: whether blanks behind a separator are no part of a cell.
    loose: whether a quote inside a cell is neither, and ends it before a separator or a line's end alone.
    above: lines before the first that counts: blank ones, and Excel's `sep=;`.
    """

    separator: str = ","
    quote: str | None = '"'
    escape: str | None = None
    spaced: bool = False
    above: int = 0
    loose: bool = False

    @property
    def plain(self) -> bool:
        """Whether polars reads it as it stands."""
        return len(self.separator) == 1 and not (self.escape or self.spaced or self.above or self.loose)

    def records(self, lines: Iterable[str], strict: bool = False) -> Any:
        """The cells of each record, `line_num` lines being read; raises csv.Error."""
        if len(self.separator) > 1:
            return _Split(lines, None if self.separator == RUNS else self.separator)
        if self.loose:
            return _Loose(lines, self)
        return csv.reader(
            lines,
            delimiter=self.separator,
            quotechar=self.quote or '"',
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            skipinitialspace=self.spaced,
            strict=strict,
        )


PLAIN = Dialect()


class _Split:
    """Lines cut at a separator that csv does not know."""

    def __init__(self, lines: Iterable[str], separator: str | None) -> None:
        self._lines, self._separator, self.line_num = iter(lines), separator, 0

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._lines:
            self.line_num += 1
            text = line.rstrip("\r\n")
            yield text.split(self._separator) if text.strip() else []


class _Loose:
    """Lines of cells whose quotes are not doubled, as in "a 12" pan" or 'O'Neil's tea'.

    Such a cell ends where a quote stands before a separator or the end of the line, so that none spans lines.
    """

    def __init__(self, lines: Iterable[str], dialect: Dialect) -> None:
        quote, separator = re.escape(dialect.quote or '"'), re.escape(dialect.separator)
        inside = f"{quote}{quote}|{quote}(?!{quote}|{separator}|$)|[^{quote}]"
        blanks = " *" if dialect.spaced else ""
        self._cell = re.compile(
            f"{blanks}(?:{quote}((?:{inside})*+){quote}|((?!{quote})[^{separator}]*+))(?:{separator}|$)"
        )
        self._lines, self._quote, self.line_num = iter(lines), dialect.quote or '"', 0

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._lines:
            self.line_num += 1
            text = line.rstrip("\r\n")
            yield self._cells(text) if text else []

    def _cells(self, text: str) -> list[str]:
        cells, at = [], 0
        while (found := self._cell.match(text, at)) is not None:
            quoted, bare = found.groups()
            cells.append(bare if quoted is None else quoted.replace(self._quote * 2, self._quote))
            at = found.end()
            if at == len(text) and (found.end(1) + 1 == at or found.end(2) == at):
                return cells
        raise csv.Error(f"no {self._quote} ends the cell that begins with {text[at : at + 20]!r}")


def dialect_of(lines: list[str], kind: str, separator: str | None = None) -> Dialect:
    """The dialect that the first lines of a file are written in; `kind` is its ending."""
    above = next((at for at, line in enumerate(lines) if line.strip()), 0)
    told = EXCEL.fullmatch(lines[above]) if above < len(lines) else None
    if told is not None:
        above, separator = above + 1, told[1]
    if not any(line.strip() == "" and line for line in lines[:above]) and told is None:
        above = 0  # empty lines are none to polars either
    some = [line for line in lines[above : above + SEEN + 1] if line.strip()]
    if not some:
        return Dialect(separator or ",", above=above)
    usual = SEPARATORS.get(kind)
    separator = separator or (usual if usual and usual in some[0] else _separator(some))
    if kind in UNQUOTED:
        return Dialect(separator, None, above=above)
    spaced = len(separator) == 1 and separator in ",;|" and all(_spaced(line, separator) for line in some)
    found = Dialect(separator, spaced=spaced, above=above)
    if _in_single_quotes(some, found):
        found = replace(found, quote="'")
    if len(separator) > 1 or _fits(some, found):
        return found
    ways = [replace(found, escape="\\")] if any('\\"' in line for line in some) else []
    ways += [replace(found, loose=True)]
    return next((way for way in ways if _fits(some, way)), found)


def _separator(lines: list[str]) -> str:
    """The mark that cuts the lines alike and into most cells, first of all into names that are known."""
    first = lines[0]
    if "::" in first and all(line.count("::") == first.count("::") for line in lines):
        return "::"
    usual = [mark for mark in USUAL if mark in first]
    if usual:
        return max(usual, key=lambda mark: _alike(lines, mark))
    rare = [mark for mark in RARE if mark in first and _alike(lines, mark)[1] == 1]
    if rare:
        return rare[0]
    for mark in (" ", None):
        widths = {len(line.split(mark)) for line in lines}
        if len(widths) == 1 and widths != {1}:
            return mark or RUNS
    return ","


def _alike(lines: list[str], mark: str) -> tuple[bool, float, int]:
    """(whether the first line names a column, the share of lines with as many cells, how many that are)."""
    try:
        rows = list(csv.reader(lines, delimiter=mark))
    except csv.Error:
        return False, 0.0, 0
    named = any(guess(role, rows[0]) is not None for role in ("user", "item", "time"))
    return named, sum(len(row) == len(rows[0]) for row in rows) / len(rows), len(rows[0])


def _fits(lines: list[str], dialect: Dialect) -> bool:
    """Whether the first lines have as many cells each, by the letter of the dialect."""
    try:
        return len({len(cells) for cells in dialect.records(lines, strict=True)}) == 1
    except csv.Error:
        return False


def _spaced(line: str, separator: str) -> bool:
    cells = line.split(separator)[1:]
    return bool(cells) and all(cell[:1] in (" ", "") for cell in cells) and any(cells)


def _in_single_quotes(lines: list[str], dialect: Dialect) -> bool:
    """Whether the same cells of every line stand between single quotes, those of the header too."""
    try:
        rows = list(replace(dialect, quote=None).records(lines))
    except csv.Error:
        return False
    shapes = {
        tuple(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells) for cells in rows if cells
    }
    return len(shapes) == 1 and any(next(iter(shapes)))


def quotes_are_regular(text: Path, separator: str, quote: str) -> bool:
    """Whether each quote of a file begins or ends a cell, or is doubled inside one.

    Polars takes any other for the beginning of a cell, and the lines up to the next one for its content.
    """
    # Read in blocks and never mapped: a log that is cut meanwhile would end the process.
    beside = np.zeros(256, dtype=bool)
    beside[[ord(mark) for mark in f"{separator}\r\n{quote}"]] = True
    inside, before = False, b"\n"
    with text.open("rb") as file:
        block = file.read(BLOCK)
        block = block.removeprefix(b"\xef\xbb\xbf")
        while block:
            after = file.read(BLOCK)
            content = np.frombuffer(before + block + (after[:1] or b"\n"), dtype=np.uint8)
            at = np.flatnonzero(content[1:-1] == ord(quote)) + 1
            opening, closing = at[int(inside) :: 2], at[int(not inside) :: 2]
            if not (beside[content[opening - 1]].all() and beside[content[closing + 1]].all()):
                return False
            inside ^= len(at) % 2 == 1
            before, block = block[-1:], after
    return not inside


def rewritten(text: Path, shown: Path, dialect: Dialect, target: Path) -> Dialect:
    """Write a table anew so that polars reads it, and return the dialect that it was read in.

    Tried are quotes that are doubled, that follow a backslash, in text with tabs that mean nothing, and that
    stand inside cells as they are; all but the first fit where every record has as many cells as the first.
    Raises DataError that names the line which does not fit the first way.
    """
    ways = [dialect]
    if len(dialect.separator) == 1 and dialect.quote == '"':
        ways.append(replace(dialect, escape="\\"))
    if dialect.separator == "\t":
        ways.append(replace(dialect, quote=None))
    if len(dialect.separator) == 1 and dialect.quote and not dialect.escape:
        ways.append(replace(dialect, loose=True))
    fault: DataError | None = None
    for way in ways:
        try:
            _write(text, shown, way, target, exact=way is not dialect)
            return way
        except DataError as error:
            fault = fault or error
    raise fault or DataError(f"{shown} cannot be read")


def _write(text: Path, shown: Path, dialect: Dialect, target: Path, exact: bool) -> None:
    width = 0
    with (
        text.open(encoding="utf-8-sig", newline="") as file,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, delimiter=OUR_MARK, lineterminator="\n")
        records = dialect.records(islice(file, dialect.above, None), strict=True)
        line = dialect.above + 1
        try:
            for cells in records:
                width = width or len(cells)
                if len(cells) > width or (exact and cells and len(cells) < width):
                    raise DataError(too_many(shown, line, len(cells), width))
                writer.writerow(cells)
                line = dialect.above + records.line_num + 1
        except csv.Error as error:
            raise DataError(no_csv(shown, line, error)) from error


def too_many(shown: Path, line: int, found: int, width: int, header: bool = True) -> str:
    """What is said of a record that does not fit the first one."""
    first = "header names" if header else "first line has"
    return f"{shown} line {line} has {found} fields, the {first} {width}; correct it"


def no_csv(shown: Path, line: int, error: csv.Error) -> str:
    """What is said of a record whose quotes do not fit."""
    return f"{shown} line {line} is not CSV ({error}); close or double the quotes in it"
