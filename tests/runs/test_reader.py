from __future__ import annotations

import json
import math
import os
import shutil
import socket
import time
import tracemalloc
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.history import RunHistory
from sracl_core.runs.liveness import fresh_state, status
from sracl_core.runs.reader import RunReader


def line(event: str, **fields: Any) -> str:
    return json.dumps({"event": event, "time": 1.0, **fields}) + "\n"


def test_a_line_cut_in_the_middle_is_read_when_it_is_whole(run: RunDirectory) -> None:
    reader = RunReader(run.path)
    assert reader.poll() == []
    whole = line("step", step=1)
    run.metrics_path.write_text(whole + whole[:7])
    assert [record["step"] for record in reader.poll()] == [1]
    assert reader.poll() == []
    with run.metrics_path.open("a") as stream:
        stream.write(whole[7:])
    assert len(reader.poll()) == 1
    assert reader.damaged == 0


def test_damage_is_counted_and_passed_over(run: RunDirectory) -> None:
    run.metrics_path.write_bytes(b'{"event": 1}\n[1]\n\xff\xfe\n\n' + line("step", step=1).encode())
    reader = RunReader(run.path)
    assert [record["step"] for record in reader.poll()] == [1]
    assert reader.damaged == 3


def test_a_vanished_run_and_one_that_comes_back(run: RunDirectory) -> None:
    run.metrics_path.write_text(line("step", step=1) * 2)
    reader = RunReader(run.path)
    assert len(reader.poll()) == 2
    shutil.rmtree(run.path)
    assert reader.poll() == []
    assert reader.vanished
    assert reader.read_state() is None
    assert reader.read_log() == ""
    assert reader.resets == 1
    run.path.mkdir()
    run.metrics_path.write_text(line("step", step=9))
    assert [record["step"] for record in reader.poll()] == [9]
    assert not reader.vanished


def test_a_file_that_shrank_is_read_again(run: RunDirectory) -> None:
    run.metrics_path.write_text(line("step", step=1) * 3)
    reader = RunReader(run.path)
    reader.poll()
    run.metrics_path.write_text(line("step", step=7))
    assert [record["step"] for record in reader.poll()] == [7]
    assert reader.resets == 1


def test_a_huge_file_is_read_in_bounded_memory(run: RunDirectory) -> None:
    block = b"".join(line("step", step=step, loss=1.0).encode() for step in range(1000))
    with run.metrics_path.open("wb") as stream:
        for _ in range(60):
            stream.write(block)
        stream.write(b"x" * (40 << 20) + b"\n" + line("epoch", epoch=0, step=1).encode())
    reader = RunReader(run.path, chunk_bytes=1 << 20)
    count, last = 0, {}
    tracemalloc.start()
    while True:
        records = reader.poll()
        count, last = count + len(records), records[-1] if records else last
        if not reader.behind:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_001
    assert last["event"] == "epoch"
    assert reader.damaged == 1
    assert peak < 64 << 20


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=8), chunk=st.integers(1, 300))
def test_any_cut_of_the_file_gives_the_same_records(
    tmp_path_factory: Any, cuts: list[int], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("run")
    data = "".join(line("step", step=step, text="é") for step in range(8)).encode()
    reader, found = RunReader(path, chunk_bytes=chunk), []
    written = 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        with reader.run.metrics_path.open("ab") as stream:
            stream.write(data[written:cut])
        written = cut
        found += reader.poll()
        while reader.behind:
            found += reader.poll()
    assert [record["step"] for record in found] == list(range(8))


def test_the_log_is_read_from_a_whole_line(run: RunDirectory) -> None:
    run.log_path.write_text("first line\n" + "second\n" * 10)
    assert RunReader(run.path).read_log(max_bytes=15) == "second\nsecond\n"


def step(at: int, loss: float, **fields: Any) -> dict[str, Any]:
    return {"event": "step", "time": 0.0, "step": at, "epoch": 0, "loss": loss, **fields}


def test_what_came_after_the_resume_point_never_happened() -> None:
    history = RunHistory()
    history.add([step(at, 1.0) for at in (1, 2, 3, 4, 5)])
    history.add([{"event": "epoch", "epoch": 0, "step": 3, "best": True}])
    history.add([{"event": "epoch", "epoch": 1, "step": 6, "best": True}])
    history.add(
        [{"event": "run_ended", "status": "stopped"}, {"event": "run_resumed", "step": 3, "epoch": 1}]
    )
    history.add([step(at, 2.0) for at in (4, 5)])
    assert list(history.steps["step"]) == [1, 2, 3, 4, 5]
    assert list(history.steps["loss"]) == [1, 1, 1, 2, 2]
    assert [record["epoch"] for record in history.epochs] == [0]
    assert history.ended is None
    assert history.resumes == 1


def test_the_same_step_or_epoch_told_twice_counts_once() -> None:
    history = RunHistory()
    history.add([step(1, 1.0), step(2, 1.0), step(2, 3.0)])
    history.add([{"event": "epoch", "epoch": 0, "step": 2, "loss": loss} for loss in (1.0, 2.0)])
    assert list(history.steps["loss"]) == [1.0, 3.0]
    assert [record["loss"] for record in history.epochs] == [2.0]


def test_a_long_run_is_thinned_but_keeps_its_not_finite_point() -> None:
    history = RunHistory(most_points=100)
    history.add(step(at, float(at)) for at in range(1, 10_001))
    history.add([{**step(10_001, 0.0), "loss": None, "non_finite": ["loss"]}])
    column = history.steps["step"]
    assert 50 <= len(column) <= 101
    assert list(column) == sorted(set(column))
    assert math.isnan(history.steps["loss"][-1])
    assert "inter" not in history.steps, "only what was met has a column"


def test_status_words() -> None:
    now = time.time()
    alive = fresh_state(now)
    assert status(alive, now) == "running"
    assert status({**alive, "status": "finished", "pid": 2**22 - 1}, now + 99) == "finished"
    dead = {**alive, "pid": 2**22 - 1}
    assert status(dead, now + 1) == "running"
    assert status(dead, now + 10) == "crashed"
    assert status(None) == "unknown"
    assert status({}) == "unknown"


def test_a_reused_pid_is_not_the_run(run: RunDirectory) -> None:
    state = {**fresh_state(time.time() - 60), "pid": os.getppid(), "process_start": "1"}
    assert status(state) == "crashed"


def test_a_run_on_another_machine_is_judged_by_its_heartbeat() -> None:
    state = {**fresh_state(time.time()), "host": socket.gethostname() + "-other"}
    assert status(state, time.time() + 60) == "running"
    assert status(state, time.time() + 600) == "crashed"
    assert status(state, time.time() - 600) == "crashed", "a clock that went back"
