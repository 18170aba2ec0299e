"""Unpacks archives that came from elsewhere: no path outside the folder, no links, no bombs."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from sracl_core.data.reading import packed
from sracl_core.data.reading.packed import MOST_GROWTH, decompressed
from sracl_core.errors import DataError, StorageError

PACKED = ("gz", "bz2", "xz", "zst")
ENDINGS = (".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", *(f".tar.{kind}" for kind in PACKED))
MOST_FILES = 10_000
CHUNK = 1 << 20
# What zipfile and tarfile raise for damage, an unknown compression, a password, a clash of names:
# a header of odd bytes may break anywhere in them.
DAMAGE = (
    *packed.DAMAGE,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    OSError,
)
ENCRYPTED = 1
"""The bit of a member's flags in a ZIP archive that says so."""
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO)


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive that `unpack` reads."""
    return path.is_file() and path.name.lower().endswith(ENDINGS)


def unpack(archive: Path, folder: Path) -> None:
    """Write the archive's files below `folder`.

    Raises DataError where it is damaged, names a path outside the folder, holds links, or grows
    beyond reason; StorageError where the disk has not enough room.
    """
    limit = max(archive.stat().st_size * MOST_GROWTH, 1 << 20)
    written = 0
    try:
        for count, (name, size, source) in enumerate(_members(archive)):
            if count >= MOST_FILES or written + size > limit:
                raise DataError(f"{archive} unpacks to an unreasonable size; it is not unpacked")
            if size > shutil.disk_usage(folder).free:
                raise StorageError(f"{folder} has no room for {name} of {size:,} bytes; free some")
            target = _inside(folder, name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("wb") as out:
                written += _copy(source, out, size, archive)
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise DataError(
            f"{archive} is damaged or cannot be unpacked ({reason}); remove it and fetch it again"
        ) from error


def _members(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as files:
            for info in files.infolist():
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise DataError(f"{archive} holds a link ({info.filename}); it is not unpacked")
                if info.flag_bits & ENCRYPTED:
                    raise DataError(
                        f"{archive} is encrypted; unpack it with its password, and give the files"
                    )
                if not info.is_dir():
                    yield info.filename, info.file_size, files.open(info)
        return
    # As a stream, which is held against the same limit: what describes a member may itself be endless.
    with decompressed(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as members:
        for member in members:
            if member.isdir():
                continue
            source = members.extractfile(member) if member.isfile() else None
            if source is None:
                raise DataError(f"{archive} holds a link ({member.name}); it is not unpacked")
            yield member.name, member.size, source
        while stream.read(CHUNK):  # to the checksum at the end
            pass


def _inside(folder: Path, name: str, archive: Path) -> Path:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
        raise DataError(f"{archive} names a path outside its folder ({name!r}); it is not unpacked")
    return folder / path


def _copy(source: IO[bytes], out: IO[bytes], size: int, archive: Path) -> int:
    written = 0
    while chunk := source.read(CHUNK):
        written += len(chunk)
        if written > size:
            raise DataError(f"{archive} holds more than it says; it is not unpacked")
        out.write(chunk)
    return written
