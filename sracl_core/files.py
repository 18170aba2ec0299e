"""Files and folders that are whole or absent, and the folder where computed vectors and tables are kept.

What this package writes goes through `whole_file` or `whole_folder`: it is made beside, forced to the
disk, and moved into place, so that no reader, second writer, kill or power cut meets half of it. What a
killed process left beside is removed by the next one that writes there.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sracl_core import disk
from sracl_core.errors import DataError, InputError, SraclError, StorageError
from sracl_core.json_values import jsonable
from sracl_core.sealed import sealed, unsealed

SCRATCH = "scratch"
"""A folder of this name inside a `whole_folder` is not kept."""

_ADDRESS = re.compile(r"(?i)(s3[an]?|gs|gcs|az|adl|abfss?|wasbs?|hdfs|https?|ftp|file):/+(.*)")
"""Also as a Path has it, with one slash."""
_FREE = "free some and start it again (a training: `sracl resume`)"
_ALLOW = "permission is denied; allow it for this path and its folder, or choose another"
_REASONS = {
    errno.ENOSPC: f"no space is left on the disk; {_FREE}",
    errno.EDQUOT: f"the disk quota is used up; {_FREE}",
    errno.EFBIG: "it grows larger than the disk or this process may have files (ulimit -f); raise the limit",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EISDIR: "a folder is in its place; move that away",
    errno.ENOTDIR: "a file is where a folder is needed; move that away",
    errno.EEXIST: "a file is in its place; move that away",
    errno.ENOENT: "its folder has been removed, or is not there",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: "the disk reports an input/output error",
}
_OF_THE_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
}


def address(path: Path | str) -> str | None:
    """The address that `path` is, such as s3://bucket/log.csv; None for a path of this machine."""
    if (found := _ADDRESS.match(str(path))) is None:
        return None
    scheme = found[1].lower()
    return f"{scheme}://{'/' if scheme == 'file' else ''}{found[2]}"


def require_here(path: Path | str) -> None:
    """Raise InputError for an address where a path of this machine is wanted.

    It would be taken for a folder called s3: in the current one.
    """
    if at := address(path):
        raise InputError(
            f"{at} is an address, and this is written on this machine alone; give a path, and copy it to "
            "there with the store's own program"
        )


def storage_error(error: Exception, path: Path, doing: str = "write") -> StorageError:
    """`error`, met in `doing` something to `path`, as the one line that a person can act on."""
    code = error_number(error)
    reason = _REASONS.get(code or 0)
    if code == errno.ENOENT and doing != "write":
        reason = "it is not there"
    if reason is None:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    elif doing == "write" and cache_folder() in (path, *path.parents):
        reason += "; or set SRACL_CACHE_DIR to another folder"
    return StorageError(f"cannot {doing} {path}: {reason}")


def disk_reason(error: BaseException) -> str | None:
    """What the disk has refused, where `error` says so without a path; None for whatever else."""
    number = error_number(error)
    return _REASONS.get(number) if number in _OF_THE_DISK else None


def error_number(error: BaseException) -> int | None:
    """The errno of `error`, also where a library in Rust (polars, safetensors) only spells it."""
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    spelled = re.search(r"\(os error (\d+)\)", str(error))
    return int(spelled[1]) if spelled else None


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A stream whose bytes take the place of `path` in one move, once they are on the disk.

    `durable=False` does not wait for the disk: for what is written often and may be lost with the power.
    The folder must be there (see `make_folder`). Raises StorageError; the old file then survives.
    """
    if durable:
        disk.sweep(path.parent)
    work = disk.beside(path)
    try:
        # Opened for reading, too: to a stream that is only written numpy writes with C's fwrite, which
        # loses the reason of a failure.
        with work.open("w+b") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        work.replace(path)
        if durable:
            disk.sync(path.parent)
    except OSError as error:
        if _is_about_another(error, work, path):
            raise
        raise storage_error(error, path) from error
    finally:
        with suppress(OSError):
            work.unlink(missing_ok=True)


@contextmanager
def whole_folder(
    path: Path, *, mark: str = "", replace: bool = False, parents: bool = False
) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` in one move, once it is on the disk.

    An earlier folder is replaced if it is empty, if it holds the file `mark` (the same command wrote it),
    or with `replace`; else DataError. With `parents` the folders above are made; they must be there
    otherwise. Raises StorageError, also for a full disk that a library reports in words of its own; what
    was there before survives.
    """
    require_here(path)
    path = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow a link in place of it)
    disk.sweep(path.parent)
    work, new_parents = disk.beside(path), list[Path]()
    try:
        disk.restore(path)
        if not replace:
            require_replaceable(path, mark)
        if parents:
            new_parents = [parent for parent in path.parents if not parent.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir()
        yield work
        shutil.rmtree(work / SCRATCH, ignore_errors=True)
        disk.settle(work)
        disk.swap(work, path)
        disk.sync(path.parent)
    except Exception as error:
        code = error_number(error)
        if isinstance(error, SraclError) or code is None or _is_about_another(error, work, path):
            raise
        raise storage_error(error, path) from error
    finally:
        disk.remove(work)
        for parent in new_parents:
            with suppress(OSError):  # not empty: it was needed
                parent.rmdir()


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder for what is only needed while `path` is being made, on the same disk.

    What a kill leaves of it is removed by the next one. Raises StorageError.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100
    place = next(parent for parent in path.parents if parent.exists())
    disk.sweep(place)
    work = disk.beside(place / path.name)
    try:
        work.mkdir()
        yield work
    except Exception as error:
        number = error_number(error)
        if isinstance(error, SraclError) or number is None or _is_about_another(error, work, path):
            raise
        raise storage_error(error, path) from error
    finally:
        disk.remove(work)


def recovered(path: Path) -> Path:
    """`path`, put back where a kill fell between the two moves that replace a folder on some systems."""
    with suppress(OSError):
        disk.restore(path)
    return path


def move(made: Path, path: Path) -> None:
    """Give a finished file its name, durably. Raises StorageError."""
    try:
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(path)
        disk.sync(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def make_folder(path: Path) -> None:
    """Create `path` and its parents; raises StorageError, InputError for an address."""
    require_here(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` by `text`, in UTF-8; see `whole_file`."""
    with whole_file(path, durable=durable) as stream:
        stream.write(text.encode())


def write_json(path: Path, value: Any, *, durable: bool = True, seal: bool = False) -> None:
    """Replace `path` by `value` as readable JSON; see `whole_file`.

    seal: `value` is an object and gets a checksum, which `read_json` compares.
    """
    if seal:
        value = sealed(json.loads(json.dumps(value, default=jsonable)))
    write_text(
        path, json.dumps(value, indent=2, default=jsonable, ensure_ascii=False) + "\n", durable=durable
    )


MOST_JSON_BYTES = 64 << 20
"""Ours are a few kilobytes; a larger one is not read into memory."""


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, or None where there is none that can be read and is as it was written."""
    try:
        if path.stat().st_size > MOST_JSON_BYTES:
            return None
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return unsealed(value) if isinstance(value, dict) else None


def require_readable(path: Path) -> None:
    """Raises StorageError for a file that others keep to themselves: it is not damaged, and not missing."""
    try:
        path.lstat()
        if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except PermissionError as error:
        raise storage_error(error, path, "read") from error
    except OSError:
        return


def cache_folder() -> Path:
    """`SRACL_CACHE_DIR` where set, else the user's cache folder of this platform."""
    given = os.environ.get("SRACL_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("sracl"))


def require_replaceable(path: Path, mark: str) -> None:
    """Raises DataError where `path` is neither free, nor empty, nor a folder with the file `mark`."""
    fit = path.is_dir() and (not any(path.iterdir()) or (mark != "" and (path / mark).is_file()))
    if path.exists() and not fit:
        raise DataError(f"{path} is there already and holds something else; choose another folder")


def _is_about_another(error: Exception, work: Path, path: Path) -> bool:
    """Whether `error` names a file that is not being written here, such as a source that is read."""
    # A copy that fails names its source, and second what it writes.
    named = [getattr(error, name, None) for name in ("filename", "filename2")]
    places = [Path(name) for name in named if isinstance(name, str | os.PathLike)]
    ours = [place in path.parents or bool({work, path} & {place, *place.parents}) for place in places]
    return bool(ours) and not any(ours)
