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
BY_NAME = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".tbz2": "bzip2", ".tbz": "bzip2", ".xz": "xz"}
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
    b"\x80\x04\x95": "a Python pickle, which is never opened; write the table out as CSV or Parquet",
    b"\x80\x05\x95": "a Python pickle, which is never opened; write the table out as CSV or Parquet",
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
    """How a file is compressed: "gzip", "zstd", "bzip2", "xz", or None."""
    start = start_of(path)
    for mark, name in BY_START.items():
        if start.startswith(mark) and (mark != b"BZh" or BY_NAME.get(path.suffix.lower()) == name):
            return name
    return BY_NAME.get(path.suffix.lower())


def refuse_no_table(path: Path) -> None:
    """Raises DataError where the first bytes are those of a file that is no table."""
    start = start_of(path)
    for mark, what in NO_TABLE.items():
        if start.startswith(mark):
            raise DataError(f"{path} line 1 shows that it is {what}")


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
    # A frame that ends early is no error to zstandard, so the reader below looks for its end.
    opener: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    return cast(IO[bytes], _Limited(path, opener.get(name, _ZstdReader)(path)))


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
        # Of 2 kB come 64 MB at most, however much is asked for: 128 kB of each block of four bytes.
        while raw := self._rest or self._file.read(2048):
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
