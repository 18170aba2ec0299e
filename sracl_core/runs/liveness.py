"""Is the process behind a run alive? What state.json says, checked against the machine."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from sracl_core.runs.events import FORMAT_VERSION

STALE_SECONDS = 3.0
"""A dead process that wrote within this time may only just have ended; wait before calling it a crash."""

STALE_ELSEWHERE_SECONDS = 180.0
"""On another machine the process cannot be asked, so only its heartbeat counts."""

ENDED = ("finished", "stopped", "failed")


def process_start(pid: int) -> str | None:
    """When `pid` started, in the kernel's ticks, or None where the system does not tell.

    A pid is reused after its process died; the pair of pid and start is not.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[19]
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def fresh_state(now: float) -> dict[str, Any]:
    """The state of a run whose process is this one and that has done nothing yet."""
    return {
        "format_version": FORMAT_VERSION,
        "pid": os.getpid(),
        "process_start": process_start(os.getpid()),
        "host": socket.gethostname(),
        "status": "running",
        "stage": None,
        "step": 0,
        "total_steps": None,
        "epoch": None,
        "heartbeat": now,
        "eta_seconds": None,
        "error": None,
    }


def is_alive(state: dict[str, Any]) -> bool:
    """Whether the process that `state` names runs on this machine."""
    pid = state.get("pid")
    if (
        not isinstance(pid, int)
        or pid <= 0
        or state.get("host", socket.gethostname()) != socket.gethostname()
    ):
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    began, now_began = state.get("process_start"), process_start(pid)
    # A state that names a pid alone, where the system tells more, was written by no training of ours.
    if began is not None or now_began is not None:
        return now_began == began and not _is_zombie(pid)
    return True


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def status(state: dict[str, Any] | None, now: float | None = None) -> str:
    """The word a person sees: "running", "finished", "stopped", "failed", "crashed" or "unknown".

    "crashed" is a run that says it is running while its process is gone and its heartbeat is
    stale; it can be resumed. "unknown" is a run without a readable state.json.
    """
    if not state:
        return "unknown"
    word = str(state.get("status", "unknown"))
    if word != "running" or is_alive(state):
        return word
    heartbeat = state.get("heartbeat")
    age = (time.time() if now is None else now) - (heartbeat if isinstance(heartbeat, int | float) else 0.0)
    here = state.get("host", socket.gethostname()) == socket.gethostname()
    return "crashed" if age > (STALE_SECONDS if here else STALE_ELSEWHERE_SECONDS) else "running"
