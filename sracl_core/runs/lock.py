"""One writer a run: a lock that the system takes back when its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sracl_core.errors import RunError
from sracl_core.files import storage_error
from sracl_core.runs.directory import RunDirectory


@contextmanager
def only_writer(run: RunDirectory) -> Iterator[None]:
    """Hold `run` for this process. Raises RunError while another one does, StorageError where it cannot."""
    # 100 ms that whoever only reads runs need not pay.
    from filelock import FileLock, Timeout

    lock = FileLock(run.lock_path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        pid = run.state().get("pid")
        raise RunError(
            f"{run.path} is being written by another process, pid {pid}; `sracl stop` stops it"
        ) from error
    except OSError as error:
        raise storage_error(error, run.lock_path) from error
    try:
        yield
    finally:
        lock.release()


def is_written(run: RunDirectory) -> bool:
    """Whether a process holds `run` now; state.json tells of a kill only some seconds later."""
    try:
        with only_writer(run):
            return False
    except RunError:
        return True
