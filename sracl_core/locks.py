"""A file that one process holds at a time; the system takes it back when that process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sracl_core.errors import SraclError
from sracl_core.files import storage_error


@contextmanager
def holding(path: Path, refusal: Callable[[], SraclError] | None = None) -> Iterator[None]:
    """Hold the lock file `path` for this process.

    While another one holds it, wait, or raise what `refusal` gives. Raises StorageError where the file
    cannot be made.
    """
    # 100 ms that whoever only reads need not pay.
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0 if refusal else -1, thread_local=False)
    try:
        path.touch()  # a file that cannot be made is to filelock one that is held: it would wait for ever
        lock.acquire()
    except Timeout as error:
        assert refusal is not None
        raise refusal() from error
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield
    finally:
        lock.release()
