"""Files and folders that are whole or absent, and the folder where computed vectors and tables are kept."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sracl_core.errors import DataError, StorageError

_FULL_OR_CLOSED = {
    errno.ENOSPC: "no space is left on the disk; free some and start it again (a training: `sracl resume`)",
    errno.EDQUOT: "the disk quota is used up; free some and start it again (a training: `sracl resume`)",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.EACCES: "the folder cannot be written; check its permissions or choose another",
    errno.EPERM: "the folder cannot be written; check its permissions or choose another",
    errno.EIO: "the disk reports an input/output error",
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


def sweep(folder: Path) -> None:
    """Delete what killed processes left half-written in `folder` more than a day ago."""
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if now - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                path.unlink()


SCRATCH = "scratch"


@contextmanager
def appearing(out: Path, mark: str, *, replace: bool = False) -> Iterator[Path]:
    """A folder beside `out` to fill, which takes its name at the end; on an error it is removed.

    A folder that is there already is replaced only if it is empty or holds the file `mark`, that
    is if it was written by the same command (or, with `replace`, in any case). What lies under
    `scratch/` inside is not kept.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100  (resolve() would follow a link in place of it)
    if (
        not replace
        and out.exists()
        and (not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file()))
    ):
        raise DataError(f"{out} is there already and holds something else; give another --out")
    work: Path | None = None
    new_parents = [parent for parent in out.parents if not parent.exists()]
    try:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
            (work / SCRATCH).mkdir()
        except OSError as error:
            raise _cannot_write(out, error) from error
        yield work
        shutil.rmtree(work / SCRATCH)
        work.chmod(0o777 & ~_umask())
        _swap(work, out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise _cannot_write(out, error) from error
        raise
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        if not out.exists():
            _remove_empty(new_parents)


def _cannot_write(out: Path, error: OSError) -> StorageError:
    return StorageError(f"{out} cannot be written: {error.strerror}; free space or choose another --out")


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _swap(work: Path, out: Path) -> None:
    if not out.exists():
        work.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent)) / out.name
    out.rename(old)
    try:
        work.rename(out)
    except OSError:
        old.rename(out)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
