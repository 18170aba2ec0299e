"""Sending a signal to the process behind a run, and to no other.

state.json is a file like any other: it may come from somebody else and name any process. So a signal
goes only to a process that has the run's metrics.jsonl open for appending, as its writer has.
"""

from __future__ import annotations

import os
from pathlib import Path

from sracl_core.errors import RunError, StorageError
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.liveness import is_alive

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FILES = "/proc/{pid}/fd"


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
    """Whether process `pid` has metrics.jsonl open for appending; without /proc, whether anybody locked it.

    Raises PermissionError for a process of another user.
    """
    if not Path(_FILES.format(pid="self")).is_dir():
        return _is_locked(run.metrics_path)
    try:
        wanted = run.metrics_path.stat()
    except OSError:
        return False
    for link in os.scandir(_FILES.format(pid=pid)):
        try:
            if os.path.samestat(wanted, link.stat()) and _appends(pid, link.name):
                return True
        except FileNotFoundError:
            continue
    return False


def _appends(pid: int, descriptor: str) -> bool:
    lines = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().splitlines()
    flags = next((line.split()[1] for line in lines if line.startswith("flags:")), "0")
    return bool(int(flags, 8) & os.O_APPEND)


def _is_locked(path: Path) -> bool:
    if fcntl is None:
        return True
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
