"""Is the process behind a run alive? What state.json says, checked against the machine."""

from __future__ import annotations

import os
import socket
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from sracl_core.runs.events import FORMAT_VERSION

STALE_SECONDS = 3.0
"""A dead process that wrote within this time may only just have ended; wait before calling it a crash."""

STALE_ELSEWHERE_SECONDS = 180.0
"""On another machine the process cannot be asked, so only its heartbeat counts."""

SAME_START = 2.0
"""Seconds by which two readings of a process's start may differ; pids come again far later."""

ENDED = ("finished", "stopped", "failed")


def process_start(pid: int) -> str | float | None:
    """What tells process `pid` from others that had its number; None where it is not there, or has ended.

    On Linux the boot and the ticks from then on, which no clock that is set moves; else unix seconds.
    """
    if not sys.platform.startswith("linux"):
        return _created(pid)
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else f"{_boot()}/{fields[18]}"


@cache
def _boot() -> str:
    """The name of this boot of the machine, "" where the system keeps it to itself."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _created(pid: int) -> float | None:
    import psutil  # 40 ms, which a list of ended runs need not pay.

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except (psutil.Error, OverflowError):
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
    """Whether the process that `state` names runs on this machine.

    A state that names a pid alone was written by no training of ours.
    """
    pid, began = state.get("pid"), state.get("process_start")
    here = state.get("host", socket.gethostname()) == socket.gethostname()
    if not here or not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    if isinstance(began, int | float):
        created = _created(pid)
        return created is not None and abs(created - began) < SAME_START
    return began is not None and began == process_start(pid)


def status(state: dict[str, Any] | None, now: float | None = None) -> str:
    """The word a person sees: "running", "finished", "stopped", "failed", "crashed" or "unknown".

    "crashed" is a run that says it is running while its process is gone and its heartbeat is
    stale; it can be resumed. "unknown" is a run whose state.json does not say.
    """
    if not state:
        return "unknown"
    word = state.get("status")
    if word != "running":
        return str(word) if word in ENDED else "unknown"
    if is_alive(state):
        return "running"
    heartbeat = state.get("heartbeat")
    # Where a clock went back a heartbeat is of the future, which is no sign of life either.
    age = abs(
        (time.time() if now is None else now) - (heartbeat if isinstance(heartbeat, int | float) else 0.0)
    )
    here = state.get("host", socket.gethostname()) == socket.gethostname()
    return "crashed" if age > (STALE_SECONDS if here else STALE_ELSEWHERE_SECONDS) else "running"
