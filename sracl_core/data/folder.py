"""A folder that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sracl_core.errors import DataError, StorageError

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
