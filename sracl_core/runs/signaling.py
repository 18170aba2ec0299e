"""Sending a signal to the process behind a run, and to no other.

state.json is a file like any other: it may come from somebody else and name any process. So a signal
goes only to a process that holds the run's lock file open, as its writer does.
"""

from __future__ import annotations

import os

from sracl_core.errors import RunError, StorageError
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.liveness import is_alive


def send(run: RunDirectory, number: int) -> int:
    """Send signal `number` to the process that writes `run`; returns its pid.

    A process that ends meanwhile is as good as signaled. Raises RunError where the run's state names
    no process of this machine, or one that is not its writer; StorageError where it is another user's.
    """
    state = run.state()
    pid = state.get("pid")
    if not is_alive(state) or not isinstance(pid, int):
        raise RunError(
            f"the process of {run.path} is not on this machine (pid {pid} on {state.get('host')}); "
            "stop it there"
        )
    try:
        if not writes(pid, run):
            raise RunError(
                f"pid {pid}, which {run.state_path} names, does not write this run and gets no signal; "
                "`sracl resume` goes on with the run"
            )
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise StorageError(f"pid {pid} belongs to another user; ask them to stop it") from error
    return pid


def writes(pid: int, run: RunDirectory) -> bool:
    """Whether process `pid` holds the run's lock file. Raises PermissionError for one of another user."""
    import psutil

    try:
        files = psutil.Process(pid).open_files()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied as error:
        raise PermissionError(f"pid {pid} belongs to another user") from error
    lock = os.path.realpath(run.lock_path)
    return any(os.path.realpath(file.path) == lock for file in files)
