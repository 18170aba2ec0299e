"""Files that are whole or absent, and the folder where computed vectors and tables are kept."""

from __future__ import annotations

import errno
import json
import math
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sracl_core.errors import StorageError

_FULL_OR_CLOSED = {
    errno.ENOSPC: "no space is left on the disk; free some and start it again (a training: `sracl resume`)",
    errno.EDQUOT: "the disk quota is used up; free some and start it again (a training: `sracl resume`)",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.EACCES: "the folder cannot be written; check its permissions or choose another",
    errno.EPERM: "the folder cannot be written; check its permissions or choose another",
    errno.EIO: "the disk reports an input/output error",
    errno.ENOENT: "its folder has been removed",
}


def storage_error(error: OSError, path: Path) -> StorageError:
    """`error` as the one line that a person can act on."""
    reason = _FULL_OR_CLOSED.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"cannot write {path}: {reason}")


@contextmanager
def replaced(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A stream whose bytes take the place of `path` in one move; `durable` waits until the disk has them.

    Raises StorageError when the disk is full or not writable; the old file survives.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace `path` by `text`, in UTF-8; see `replaced`."""
    with replaced(path, durable=durable) as stream:
        stream.write(text.encode())


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """Replace `path` by `value` as readable JSON; see `replaced`."""
    write_text(path, json.dumps(value, indent=2, default=plain, ensure_ascii=False) + "\n", durable=durable)


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, or None where there is none that can be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def plain(value: Any) -> Any:
    """What `json.dumps` asks about values it does not know: numpy numbers and arrays, paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def without_non_finite(value: Any, name: str = "") -> tuple[Any, list[str]]:
    """`value` with NaN and infinities as None, and the dotted names of where they stood.

    >>> without_non_finite({"loss": float("nan"), "valid": {"HR@5": 0.5}})
    ({'loss': None, 'valid': {'HR@5': 0.5}}, ['loss'])
    """
    if isinstance(value, dict):
        parts = {
            key: without_non_finite(inner, f"{name}.{key}" if name else str(key))
            for key, inner in value.items()
        }
        return {key: part[0] for key, part in parts.items()}, [
            bad for part in parts.values() for bad in part[1]
        ]
    if isinstance(value, list | tuple):
        listed = [without_non_finite(inner, f"{name}.{place}") for place, inner in enumerate(value)]
        return [part[0] for part in listed], [bad for part in listed for bad in part[1]]
    if hasattr(value, "tolist"):
        return without_non_finite(value.tolist(), name)
    if isinstance(value, float) and not math.isfinite(value):
        return None, [name]
    return value, []


_LEFT_BEHIND_SECONDS = 24 * 3600.0


def cache_folder() -> Path:
    """`SRACL_CACHE_DIR` where set, else the user's cache folder of this platform."""
    given = os.environ.get("SRACL_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("sracl"))


def cache_error(path: Path, error: OSError) -> StorageError:
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
        raise cache_error(path, error) from error


@contextmanager
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
        raise cache_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, older_than: float = _LEFT_BEHIND_SECONDS) -> None:
    """Delete what killed processes left half-written in `folder`.

    older_than: seconds since it was written to; 0 where nobody else can be writing there.
    """
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if now - path.stat().st_mtime >= older_than:
                path.unlink()
