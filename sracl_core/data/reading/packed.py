"""Compressed files as a stream of bytes: told by their first bytes, or by their names."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from sracl_core.errors import DataError

MOST_GROWTH = 200
"""Text shrinks to a tenth or so; what grows by more than this is no data set."""
LEAST_LIMIT = 1 << 24
BY_NAME = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".bz2": "bzip2",
    ".tbz2": "bzip2",
    ".tbz": "bzip2",
    ".xz": "xz",
    ".lzma": "xz",
}
BY_START = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
NO_TABLE = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save the sheet as CSV",
    b"SQLite format 3": "an SQLite database; write the table out as CSV",
    b"ARROW1": "an Arrow (Feather) file; write it as Parquet",
    b"ORC": "an ORC file; write it as Parquet",
    b"Obj\x01": "an Avro file; write it as Parquet",
    b"%PDF": "a PDF; give a table",
    b"\x89HDF": "an HDF5 file; write the table out as CSV or Parquet",
    **dict.fromkeys(
        (b"\x80\x02c", b"\x80\x02}", b"\x80\x03c", b"\x80\x03}", b"\x80\x04\x95", b"\x80\x05\x95"),
        "a Python pickle, which is never opened; write the table out as CSV or Parquet",
    ),
    b"\x93NUMPY": "a NumPy array; write the table out as CSV or Parquet",
    b"X\n\x00\x00": "an R object; write the table out as CSV",
    b"RDX": "an R workspace; write the table out as CSV",
    b"<stata_dta>": "a Stata file; write the table out as CSV",
    b"$FL2": "an SPSS file; write the table out as CSV",
    b"MATLAB": "a MATLAB file; write the table out as CSV",
    b"{\\rtf": "a text with its layout (RTF); save it as plain text",
    b"\x89PNG": "a picture; give a table",
    b"\xff\xd8\xff": "a picture; give a table",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it, and give the table that it holds",
    b"Rar!": "a RAR archive; unpack it, and give the table that it holds",
    b"\x04\x22\x4d\x18": "compressed with LZ4; unpack it with `lz4 -d`",
    b"\x1f\x9d": "compressed with compress; unpack it with `uncompress`",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; bring it with `git lfs pull`",
    b"<!DOCTYPE": "a web page; fetch the file itself",
    b"<!doctype": "a web page; fetch the file itself",
    b"<html": "a web page; fetch the file itself",
    b"<HTML": "a web page; fetch the file itself",
    b"<?xml": "XML; write the table out as CSV",
}
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstandard.ZstdError)


def start_of(path: Path, size: int = 64) -> bytes:
    """The first bytes of a file, as they lie on disk."""
    with path.open("rb") as file:
        return file.read(size)


def packing(path: Path) -> str | None:
    """How a file is compressed: "gzip", "zstd", "bzip2", "xz", or None.

    What its first bytes show counts more than its name: browsers unpack a .gz and leave it its name.
    """
    start = start_of(path)
    named = BY_NAME.get(path.suffix.lower())
    for mark, name in BY_START.items():
        if start.startswith(mark) and (mark != b"BZh" or named == name):
            return name
    return None if start and _reads_as_text(start) else named


def _reads_as_text(start: bytes) -> bool:
    text = start.decode("utf-8", "ignore")  # without the half of a character at the end
    whole = len(text.encode()) + 3 >= len(start)
    return whole and all(mark.isprintable() or mark in "\ufeff\r\n\t" for mark in text)


def refuse_no_table(path: Path, start: bytes | None = None) -> None:
    """Raises DataError where the first bytes, packed or as they were `start` unpacked, are no table's."""
    inside = start is not None
    start = start_of(path) if start is None else start
    for mark, what in NO_TABLE.items():
        if start.startswith(mark):
            raise DataError(f"{path} {'holds' if inside else 'line 1 shows that it is'} {what}")
    if inside and any(start.startswith(mark) for mark in BY_START if mark != b"BZh"):
        raise DataError(f"{path} is compressed twice; unpack it once")


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Turn what the decoders say about a damaged file into one DataError."""
    try:
        yield
    except DAMAGE as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is not None:  # bz2 reports damage as an OSError without a number
            raise
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is cut or damaged ({str(error).rstrip('.')}); fetch or compress it again")


def decompressed(path: Path) -> IO[bytes]:
    """The bytes of a file, decoded where it is compressed; reading on beyond reason raises DataError."""
    name = packing(path)
    if name is None:
        return path.open("rb")
    if name == "gzip":
        return cast(IO[bytes], _Limited(path, cast(IO[bytes], gzip.open(path))))
    return cast(IO[bytes], _Limited(path, cast(IO[bytes], _Streams(path, DECODERS[name]))))


class _Limited:
    """Refuses to read a file that unpacks to more than any log would."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        self._limit, self._size = max(path.stat().st_size * MOST_GROWTH, LEAST_LIMIT), 0

    def __enter__(self) -> _Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.__exit__(None, None, None)

    def read(self, size: int) -> bytes:
        out = self._stream.read(size)
        self._size += len(out)
        if self._size > self._limit:
            raise DataError(
                f"{self._path} unpacks to over {self._limit:,} bytes, {MOST_GROWTH} times its size, as no "
                "log does; unpack it yourself where that is right"
            )
        return out


class _Streams:
    """The streams (frames) of a compressed file one after the other, each to its end.

    The readers of bz2 and lzma take whatever follows a whole stream and is none for the end of the
    file, so that rows are lost; a zstd frame that ends early is no error to zstandard.
    """

    def __init__(self, path: Path, decoder: Callable[[], Any]) -> None:
        self._file, self._new = path.open("rb"), decoder
        self._decoder = decoder()
        self._rest = b""

    def __enter__(self) -> _Streams:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        # Of 2 kB come 64 MB at most, however much is asked for: 128 kB of each block of four bytes.
        while raw := self._rest or self._file.read(2048):
            self._rest = b""
            if self._decoder.eof:
                raw = raw.lstrip(b"\0")  # what may stand between the streams of xz
                if not raw:
                    continue
                self._decoder = self._new()
            out = self._decoder.decompress(raw)
            self._rest = self._decoder.unused_data if self._decoder.eof else b""
            if out:
                return bytes(out)
        if not self._decoder.eof:
            raise EOFError("it ends before its last stream does")
        return b""


def _zstd() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()


DECODERS: dict[str, Callable[[], Any]] = {
    "zstd": _zstd,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
