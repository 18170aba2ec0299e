"""Raw text files: decompressed, checked to be whole and UTF-8, and read line by line."""

from __future__ import annotations

import codecs
import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from sracl_core.errors import DataError

CHUNK = 1 << 20


def plain(path: Path, scratch: Path) -> Path:
    """A file with the text of `path`: itself, or decompressed into the folder `scratch`.

    Raises DataError where it is missing, empty, cut, or not UTF-8 (naming the line).
    """
    if not path.is_file():
        raise DataError(f"{path} is not there; give a file or a folder that exists")
    suffix = path.suffix.lower()
    target = None
    if suffix in (".gz", ".zst"):
        scratch.mkdir(parents=True, exist_ok=True)
        target = scratch / f"{len(list(scratch.iterdir()))}-{path.stem}"
    with refusing_damage(path):
        if target is None:
            _copy_checked(path, decompressed(path), None)
        else:
            with target.open("wb") as out:
                _copy_checked(path, decompressed(path), out)
    return target or path


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Turn what gzip and zstd say about a damaged file into one DataError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise DataError(
            f"{path} is cut or damaged ({str(error).rstrip('.')}); fetch or compress it again"
        ) from error


def decompressed(path: Path) -> IO[bytes]:
    """The bytes of a file, through gzip or zstd where its name says so."""
    suffix = path.suffix.lower()
    if suffix not in (".gz", ".zst"):
        return path.open("rb")
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    # A frame that ends early is no error to zstandard, so the reader below looks for its end.
    return cast(IO[bytes], _ZstdReader(path))


class _ZstdReader:
    """Streams a .zst file and refuses one whose last frame is not complete."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decoder = _zstd()
        self._rest = b""

    def __enter__(self) -> _ZstdReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        while raw := self._rest or self._file.read(size // 16):
            if self._decoder.eof:
                self._decoder = _zstd()
            out = self._decoder.decompress(raw)
            self._rest = self._decoder.unused_data if self._decoder.eof else b""
            if out:
                return out
        if not self._decoder.eof:
            raise EOFError("it ends before its last frame does")
        return b""


def _zstd() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()


def _copy_checked(path: Path, source: IO[bytes], out: IO[bytes] | None) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, size = 1, 0
    with source:
        while True:
            chunk = source.read(CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                raise DataError(
                    f"{path} line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}); "
                    "convert it, for example with: iconv -f latin1 -t utf-8"
                ) from error
            if not chunk:
                break
            lines += chunk.count(b"\n")
            size += len(chunk)
            if out is not None:
                out.write(chunk)
    if not size:
        raise DataError(f"{path} is empty; give a file that holds interactions")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of a plain file; a leading BOM is dropped."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            yield number, line.rstrip("\r\n")


@dataclass(frozen=True)
class CsvText:
    """A CSV file as text, read again to name lines: for messages and for empty lines only.

    shown: the file that a person named, of which `text` may be the decompressed form.
    quoted: whether `"` encloses fields (not so in RecBole's files).
    """

    text: Path
    shown: Path
    separator: str
    quoted: bool = True

    @contextmanager
    def _records(self, strict: bool = False) -> Iterator[Any]:
        with self.text.open(encoding="utf-8-sig", newline="") as file:
            if self.quoted:
                yield csv.reader(file, delimiter=self.separator, strict=strict)
            else:
                yield csv.reader(file, delimiter=self.separator, strict=strict, quoting=csv.QUOTE_NONE)

    def blank_rows(self) -> list[int]:
        """The data rows that are empty lines, unlike rows of empty cells."""
        with self._records() as records:
            try:
                return [row - 1 for row, cells in enumerate(records) if not cells]
            except csv.Error:
                return []

    def locate(self, row: int) -> str:
        """Where data row number `row` stands."""
        with self._records() as records:
            try:
                for index, _ in enumerate(records):
                    if index == row + 1:
                        return f"{self.shown} line {records.line_num}"
            except csv.Error:
                pass
        return f"{self.shown} row {row + 1}"

    def fault(self) -> str | None:
        """The first record that does not fit the header, in words; None where every one does."""
        width, line = 0, 1
        with self._records(strict=True) as records:
            try:
                for cells in records:
                    width = width or len(cells)
                    if len(cells) > width:
                        return (
                            f"{self.shown} line {line} has {len(cells)} fields, the header names {width}; "
                            "correct it"
                        )
                    line = records.line_num + 1
            except csv.Error as error:
                return f"{self.shown} line {line} is not CSV ({error}); close or double the quotes in it"
        return self._stray_quote() if self.quoted else None

    def _stray_quote(self) -> str | None:
        """Python reads `12" disc` as it is written; polars takes the quote for the start of a string."""
        for number, line in lines_of(self.text):
            if any('"' in field and not field.startswith('"') for field in line.split(self.separator)):
                return (
                    f"{self.shown} line {number} has a quote inside a field; "
                    'double it and put the field in quotes, as in "12"" disc"'
                )
        return None
