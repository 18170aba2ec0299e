"""Raw text files: decompressed, checked to be whole and UTF-8, and read line by line."""

from __future__ import annotations

import codecs
import csv
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sracl_core.data.reading.dialect import Dialect, no_csv, too_many
from sracl_core.data.reading.packed import decompressed, packing, refuse_no_table, refusing_damage
from sracl_core.errors import DataError

CHUNK = 1 << 20
MOST_CONTROLS = 50
"""One control character in so many bytes that are no UTF-8 is that of a file that is no text."""
MARK = "\ufeff"
"""The byte order mark of any encoding, as a character."""
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Marks at the beginning of a text that name its encoding, longer ones first."""


def plain(path: Path, scratch: Path) -> Path:
    """A file with the text of `path`: itself, or decompressed and as UTF-8 in the folder `scratch`.

    Raises DataError where it is missing, empty, cut, no text, or neither UTF-8 nor UTF-16 with a
    byte order mark (naming the line).
    """
    if not path.is_file():
        raise DataError(f"{path} is not there; give a file or a folder that exists")
    refuse_no_table(path)
    with refusing_damage(path):
        with decompressed(path) as file:
            start = file.read(CHUNK)
            encoding = marked_encoding(start)
        if packing(path) is not None:
            refuse_no_table(path, start)
        returns = _has_returns_alone(start.decode(encoding or "utf-8", "replace"))
        as_it_is = packing(path) is None and encoding is None and not returns
        if as_it_is and not _copy_checked(path, decompressed(path), None):
            return path
        target = new_file(scratch)
        with target.open("wb") as out:
            _copy_checked(path, decompressed(path), out, encoding, returns)
    return target


def new_file(folder: Path) -> Path:
    """An empty file in a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    return Path(name)


def marked_encoding(start: bytes) -> str | None:
    """The encoding that a byte order mark other than UTF-8's names; None without one."""
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), None)


def with_line_feeds(text: str) -> str:
    """The beginning of a text whose lines end as on old Macs, "\\r" alone, with "\\n" in their place."""
    return text.replace("\r", "\n") if _has_returns_alone(text) else text


def _has_returns_alone(start: str) -> bool:
    return "\r" in start and "\n" not in start


def _copy_checked(
    path: Path,
    source: IO[bytes],
    out: IO[bytes] | None,
    encoding: str | None = None,
    returns: bool = False,
) -> bool:
    """Copy a text as UTF-8; returns whether byte order marks begin lines in it, which `out` is without.

    Files that were joined have such marks in the middle, where they would be a part of the first id.
    """
    decoder = codecs.getincrementaldecoder(encoding or "utf-8-sig")()
    lines, size, marked, before = 1, 0, False, "\n"
    with source:
        while True:
            chunk = raw = source.read(CHUNK)
            if not size and raw[:4096].count(b"\0") * 4 > len(raw[:4096]) and encoding is None:
                if raw[257:262] == b"ustar":
                    raise DataError(f"{path} is a tar archive; unpack it, and give the table that it holds")
                raise DataError(
                    f"{path} line 1 has zero bytes: it is no text, or UTF-16 without its mark (convert it "
                    "with: iconv -f utf-16le -t utf-8)"
                )
            try:
                text = decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                raise DataError(f"{path} line {line} is {_wrong_text(error)}") from error
            bare = (before + text).replace(f"\n{MARK}", "\n")[1:] if MARK in text else text
            if encoding is not None or bare != text:
                chunk = bare.encode()
            marked, before = marked or bare != text, text[-1:] or before
            if returns:
                chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if not raw:
                break
            lines += chunk.count(b"\n")
            size += len(chunk)
            if out is not None:
                out.write(chunk)
    if not size:
        raise DataError(f"{path} is empty; give a file that holds interactions")
    return marked


def _wrong_text(error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    if error.encoding.startswith(("utf-16", "utf-32")):
        return f"not {error.encoding[:6].upper()}, which its first bytes promise; save it as UTF-8"
    controls = sum(at < 32 and at not in b"\t\n\r\f\x1a\x1b" for at in error.object[:4096])
    if controls * MOST_CONTROLS > len(error.object[:4096]):
        return "no text, but bytes of another form; give CSV, JSON or Parquet"
    return (
        f"not UTF-8 (byte 0x{byte:02x}); convert it from its encoding, for example from Western European "
        "with: iconv -f windows-1252 -t utf-8"
    )


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of a plain file; a leading BOM is dropped."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            yield number, line.rstrip("\r\n")


@dataclass(frozen=True)
class CsvText:
    """A table as text, read again to name lines: for messages and for empty lines only.

    shown: the file that a person named, of which `text` may be the decompressed form.
    header: whether the first record names the columns.
    """

    text: Path
    shown: Path
    dialect: Dialect
    header: bool = True

    @contextmanager
    def _records(self, strict: bool = False) -> Iterator[Any]:
        with self.text.open(encoding="utf-8-sig", newline="") as file:
            yield self.dialect.records(islice(file, self.dialect.above, None), strict)

    def blank_rows(self) -> list[int]:
        """The data rows that are empty lines, unlike rows of empty cells."""
        with self._records() as records:
            try:
                return [row - self.header for row, cells in enumerate(records) if not cells]
            except csv.Error:
                return []

    def locate(self, row: int) -> str:
        """Where data row number `row` stands."""
        with self._records() as records:
            try:
                for index, _ in enumerate(records):
                    if index == row + self.header:
                        return f"{self.shown} line {self.dialect.above + records.line_num}"
            except csv.Error:
                pass
        return f"{self.shown} row {row + 1}"

    def fault(self) -> str | None:
        """The first record that does not fit the header, in words; None where every one does."""
        width, line = 0, self.dialect.above + 1
        with self._records(strict=True) as records:
            try:
                for cells in records:
                    width = width or len(cells)
                    if len(cells) > width:
                        return too_many(self.shown, line, len(cells), width, self.header)
                    line = self.dialect.above + records.line_num + 1
            except csv.Error as error:
                return no_csv(self.shown, line, error)
        return None


def whole_characters(text: str) -> str:
    """`text` with U+FFFD for lone surrogates, which UTF-8 has not."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
