"""The folder where computed vectors and tables are kept, and files in it that are whole or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sracl_core.errors import StorageError

_LEFT_BEHIND_SECONDS = 24 * 3600.0


def cache_folder() -> Path:
    """`SRACL_CACHE_DIR` where set, else the user's cache folder of this platform."""
    given = os.environ.get("SRACL_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("sracl"))


def cannot_write(path: Path, error: OSError) -> StorageError:
    """The error a person reads when a file of the cache cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"no space left while writing {path}; free some, or set SRACL_CACHE_DIR to another disk"
        )
    reason = error.strerror or str(error)
    return StorageError(
        f"cannot write {path} ({reason}); set SRACL_CACHE_DIR to a folder that can be written"
    )


def make_folder(path: Path) -> None:
    """Create `path` and its parents; raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write `path` so that it is either whole or not there, whoever is killed and whoever races.

    Raises StorageError when the disk is full or the folder cannot be written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Delete what killed processes left half-written in `folder` more than a day ago."""
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                path.unlink()
