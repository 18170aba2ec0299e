"""A folder that appears whole or not at all, whoever is killed and whoever races.

It is filled under another name beside its place. What fills it holds a lock, which the system frees
when the process ends, so that whoever comes next can tell what a killed one has left, and remove it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sracl_core.errors import DataError, StorageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SCRATCH = "scratch"
_FILLING = re.compile(r"\.(.+)\.filling-([a-z0-9_]{8})")
_REPLACED = "replaced"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def appearing(out: Path, mark: str, *, replace: bool = False) -> Iterator[Path]:
    """A folder beside `out` to fill, which takes its name at the end; on an error it is removed.

    A folder that is there already is replaced only if it is empty or holds the file `mark`, that
    is if it was written by the same command (or, with `replace`, in any case). What lies under
    `scratch/` inside is not kept. What killed processes have left beside `out` is removed first.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100  (resolve() would follow a link in place of it)
    restore(out)
    if (
        not replace
        and out.exists()
        and (not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file()))
    ):
        raise DataError(f"{out} is there already and holds something else; give another --out")
    work: Path | None = None
    lock: int | None = None
    new_parents = [parent for parent in out.parents if not parent.exists()]
    try:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            sweep_folders(out.parent)
            work, lock = _to_fill(out)
            (work / SCRATCH).mkdir()
        except OSError as error:
            raise _cannot_write(out, error) from error
        yield work
        shutil.rmtree(work / SCRATCH)
        work.chmod(0o777 & ~_umask())
        _put(work, out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise _cannot_write(out, error) from error
        raise
    finally:
        if work is not None:
            _remove(work)
        if lock is not None:
            os.close(lock)
        if not out.exists():
            _remove_empty(new_parents)


def sweep_folders(parent: Path) -> None:
    """Remove the folders that killed processes were filling in `parent`; those of living ones stay."""
    for path in list(parent.iterdir()) if parent.is_dir() else ():
        name = _FILLING.fullmatch(path.name)
        if name and name[2] == _REPLACED:
            restore(parent / name[1])
        if name and (lock := _lock(path, wait=False)) is not None:
            _remove(path)
            os.close(lock)


def restore(out: Path) -> None:
    """Put the earlier folder back where a kill has left none in its place; see `_put`."""
    if not os.path.lexists(out) and _earlier(out).exists():
        with suppress(OSError):
            _earlier(out).rename(out)


def _put(work: Path, out: Path) -> None:
    """Give `work` the name `out`; whatever had it is then called `work`.

    Where names cannot be exchanged in one step, a kill between two renames leaves the earlier folder
    under the name that `restore` knows.
    """
    if not os.path.lexists(out):
        work.rename(out)
    elif not _exchange(work, out):
        earlier = _earlier(out)
        out.rename(earlier)
        try:
            work.rename(out)
        except OSError:
            earlier.rename(out)
            raise
        earlier.rename(work)


def _earlier(out: Path) -> Path:
    return out.with_name(f".{out.name}.filling-{_REPLACED}")


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None, use_errno=True), "renameat2"):
        return False
    if not libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def _to_fill(out: Path) -> tuple[Path, int | None]:
    """A new folder beside `out`, and this process's lock on it (None where there are no locks)."""
    while True:
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.filling-", dir=out.parent))
        lock = _lock(work, wait=True)
        if lock is None:
            return work, None
        # A sweep may have taken it for a dead process's, in the moment before it was locked.
        with suppress(FileNotFoundError):
            if os.path.samestat(work.stat(), os.fstat(lock)):
                return work, lock
        os.close(lock)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """A handle that holds the folder's lock; None where another process has it, or none can be had."""
    if fcntl is None:
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        return None
    return handle


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _cannot_write(out: Path, error: OSError) -> StorageError:
    return StorageError(f"{out} cannot be written: {error.strerror}; free space or choose another --out")


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
