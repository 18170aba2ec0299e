"""A signal reaches the process that writes a run, and no process that a state.json merely names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sracl_core.errors import RunError
from sracl_core.files import write_json
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.liveness import fresh_state, is_alive, process_start
from sracl_core.runs.lock import only_writer
from sracl_core.runs.signaling import send, writes
from tests.trained import ROOT

WRITER = """
import sys, time
from pathlib import Path
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
with RunWriter(RunDirectory(Path(sys.argv[1]))):
    print("ready", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any run."""
    with subprocess.Popen(["sleep", "120"]) as process:
        yield process
        process.kill()


def names(pid: int, **fields: object) -> dict[str, object]:
    return {**fresh_state(time.time()), "pid": pid, "process_start": process_start(pid), **fields}


def test_the_writer_of_a_run_gets_the_signal(run: RunDirectory) -> None:
    command = [sys.executable, "-c", WRITER, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert send(run, signal.SIGTERM) == process.pid
        assert process.wait(60) == -signal.SIGTERM


def test_a_process_that_only_stands_in_state_json_gets_none(
    run: RunDirectory, stranger: subprocess.Popen[bytes]
) -> None:
    write_json(run.state_path, names(stranger.pid))
    run.metrics_path.touch()
    with pytest.raises(RunError, match="does not write this run"):
        send(run, signal.SIGKILL)
    with run.metrics_path.open("rb"):
        assert not writes(os.getpid(), run), "a reader is no writer"
    with run.lock_path.open("a"):
        assert writes(os.getpid(), run)
    write_json(run.state_path, names(stranger.pid, process_start=None))
    assert not is_alive(run.state())
    with pytest.raises(RunError, match="is not on this machine"):
        send(run, signal.SIGKILL)
    assert stranger.poll() is None


@pytest.mark.parametrize("pid", [0, -1, 1.5, "7", None, [1], 2**70, True])
def test_odd_pids_are_nobody(run: RunDirectory, pid: object) -> None:
    write_json(run.state_path, {**fresh_state(time.time()), "pid": pid})
    assert not is_alive(run.state())
    with pytest.raises(RunError, match="is not on this machine"):
        send(run, signal.SIGKILL)


@pytest.mark.parametrize(
    ("status", "way"),
    [("running", ", pid {}; wait for it, or `sracl stop` it"), ("finished", "; wait for it")],
)
def test_who_holds_a_run_is_named_where_its_state_says_who(run: RunDirectory, status: str, way: str) -> None:
    """A run that is evaluated anew still names the process of its training."""
    write_json(run.state_path, {**fresh_state(time.time()), "status": status})
    with only_writer(run), pytest.raises(RunError) as caught, only_writer(run):
        pass
    assert str(caught.value).endswith(f"is being written by another process{way.format(os.getpid())}")
