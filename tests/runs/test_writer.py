from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sracl_core import files
from sracl_core.errors import RunError, StorageError
from sracl_core.runs import writer as writing
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.liveness import is_alive, status
from sracl_core.runs.reader import RunReader
from sracl_core.runs.writer import RunWriter, log_text


def lines(run: RunDirectory) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


def test_an_event_is_one_line_with_its_time(run: RunDirectory) -> None:
    before = time.time()
    with RunWriter(run) as writer:
        writer.event("step", step=np.int64(3), loss=np.float32(0.5), path=Path("a/b"))
    (record,) = lines(run)
    assert record["event"] == "step"
    assert before <= record["time"] <= time.time()
    assert (record["step"], record["loss"], record["path"]) == (3, 0.5, "a/b")


def test_one_writer_at_a_time_and_the_next_when_it_is_gone(run: RunDirectory) -> None:
    with RunWriter(run) as writer:
        writer.event("step", step=1)
        with pytest.raises(RunError, match=f"written by another process, pid {os.getpid()}"):
            RunWriter(run)
        writer.event("step", step=2)
    with RunWriter(run) as writer:
        writer.event("step", step=3)
    assert [record["step"] for record in lines(run)] == [1, 2, 3]


def test_non_finite_numbers_are_named_and_stay_json(run: RunDirectory) -> None:
    with RunWriter(run) as writer:
        writer.event("epoch", loss=float("nan"), valid={"masked": {"HR@5": np.float64("inf"), "HR@10": 0.1}})
    (record,) = lines(run)
    assert record["loss"] is None
    assert record["non_finite"] == ["loss", "valid.masked.HR@5"]
    assert record["valid"]["masked"]["HR@10"] == 0.1


def test_state_merges_and_keeps_pid_status_and_heartbeat(run: RunDirectory) -> None:
    with RunWriter(run) as writer:
        writer.state(stage="train", step=5)
        writer.state(epoch=1, eta_seconds=float("inf"))
    state = run.state()
    assert (state["pid"], state["status"]) == (os.getpid(), "running")
    assert (state["stage"], state["step"], state["epoch"], state["eta_seconds"]) == ("train", 5, 1, None)
    assert state["heartbeat"] <= time.time()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps when a process began")
def test_a_clock_that_is_set_does_not_move_when_a_process_began(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = psutil.Process()
    by_clock = {**run.state(), "process_start": process.create_time()}
    assert is_alive(by_clock), "as it is written elsewhere"
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: 5000.0)
    assert is_alive(run.state())
    assert not is_alive(by_clock)


def test_the_best_epoch_is_in_the_list_without_reading_metrics(run: RunDirectory) -> None:
    with RunWriter(run) as writer:
        writer.event("epoch", epoch=0, step=10, best=True, valid={"unmasked": {"NDCG@20": 0.1}})
        writer.event("epoch", epoch=1, step=20, best=False, valid={"unmasked": {"NDCG@20": 0.05}})
    (summary,) = list_runs(run.path.parent)
    assert summary.best_epoch == 0
    assert summary.valid == {"unmasked": {"NDCG@20": 0.1}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The one number in it is the time that writers see."""
    held = [100.0]
    monkeypatch.setattr(writing.time, "monotonic", lambda: held[0])
    return held


def test_progress_writes_nothing_between_its_times(
    run: RunDirectory, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(writing, "write_json", lambda path, *_, **__: written.append(path))
    with RunWriter(run) as writer:
        writer.progress("embed", 0, 10**9)
        before = len(written)
        for done in range(1, 1001):
            clock[0] += 0.01
            writer.progress("embed", done, 10**9)
    assert len(written) - before == 10 / writing.STATE_SECONDS
    assert len(lines(run)) == 1 + 10 / writing.PROGRESS_EVENT_SECONDS


def test_progress_tells_first_and_last_and_an_eta(run: RunDirectory, clock: list[float]) -> None:
    with RunWriter(run) as writer:
        writer.progress("embed", 0, 4)
        clock[0] += 3
        writer.progress("embed", 2, 4)
        assert run.state()["eta_seconds"] == 3
        writer.progress("embed", 4, 4)
        writer.progress("neighbors", 0, 7)
    told = [(record["stage"], record["done"], record["eta_seconds"]) for record in lines(run)]
    assert told == [("embed", 0, None), ("embed", 4, 0.0), ("neighbors", 0, None)]


def test_the_log_is_for_people(run: RunDirectory) -> None:
    with RunWriter(run) as writer:
        writer.message("7 items have no text", level="warning")
        writer.event("stage", stage="embed", status="done", seconds=1.25)
        writer.event("epoch", epoch=0, loss=9.0, valid={"unmasked": {"NDCG@20": 0.05}}, best=True)
        writer.event("step", step=1, loss=1.0)
    logged = [line.split(" ", 2)[2] for line in run.log_path.read_text().splitlines()]
    assert logged == [
        "WARNING 7 items have no text",
        "embed done in 1.2 s",
        "epoch 1  loss 9.0000  NDCG@20 0.0500  best",
    ]


def test_the_log_names_the_best_epoch_where_there_is_one() -> None:
    assert log_text("run_ended", {"status": "stopped", "best_epoch": 1}) == "run stopped, best epoch 2"
    assert log_text("run_ended", {"status": "failed", "best_epoch": None}) == "run failed, no epoch done"


def test_a_writer_closes_the_cut_line_of_the_one_before(run: RunDirectory) -> None:
    run.metrics_path.write_text('{"event": "step", "time": 1.0, "step": 1}\n{"event": "st')
    with RunWriter(run) as writer:
        writer.event("run_resumed", step=1, epoch=0)
    reader = RunReader(run.path)
    assert [record["event"] for record in reader.poll()] == ["step", "run_resumed"]
    assert reader.damaged == 1


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RunWriter(run)
    writer.event("step", step=1)
    writer.state(stage="train")
    room, write = 10, os.write

    def nearly_full(file: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        written = write(file, data[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(StorageError, match=r"metrics\.jsonl: no space is left"):
        writer.event("step", step=2)
    monkeypatch.undo()
    assert [record["step"] for record in lines(run)] == [1]

    def full(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "replace", full)
    with pytest.raises(StorageError, match=r"state\.json: no space is left"):
        writer.state(stage="evaluate")
    monkeypatch.undo()
    assert run.state()["stage"] == "train"
    assert not list(run.path.glob(".*tmp"))
    writer.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_disk_that_is_really_full(run: RunDirectory) -> None:
    run.log_path.symlink_to("/dev/full")
    with RunWriter(run) as writer, pytest.raises(StorageError, match="no space is left"):
        writer.message("hello")


CHILD = """
import sys, time
from pathlib import Path
from sracl_core.runs.directory import open_run
from sracl_core.runs.writer import RunWriter
writer = RunWriter(open_run(Path(sys.argv[1])))
writer.event("run_started", pid=1)
print("ready", flush=True)
step = 0
while True:
    step += 1
    writer.event("step", step=step, loss=1.0 / step)
    writer.state(step=step)
"""


def test_a_killed_run_is_whole_and_called_crashed(run: RunDirectory) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(run.path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.3)
    assert status(run.state()) == "running"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    reader = RunReader(run.path)
    steps = [record["step"] for record in reader.poll() if record["event"] == "step"]
    assert steps == list(range(1, len(steps) + 1))
    assert reader.damaged == 0
    assert status(run.state(), now=time.time() + 10) == "crashed"
