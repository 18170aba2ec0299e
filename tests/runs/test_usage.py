"""What the process of a run takes is read of that very process, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from sracl_core.runs.liveness import fresh_state, process_start
from sracl_core.runs.usage import UsageMeter


def test_a_process_is_measured_between_two_readings() -> None:
    meter, state = UsageMeter(), fresh_state(time.time())
    assert meter.read(state) is None
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    found = meter.read(state)
    assert found is not None
    cores, memory, processes = found
    assert processes == 1
    assert 0 < cores < 2 * (os.cpu_count() or 1)
    assert memory > 1 << 20


def test_another_process_of_that_number_or_another_machine_tells_nothing() -> None:
    state = fresh_state(time.time())
    for changes in ({"process_start": 1.0}, {"host": "elsewhere"}, {"pid": None}, {"pid": 2**60}):
        meter = UsageMeter()
        assert [meter.read({**state, **changes}) for _ in range(2)] == [None, None]


def test_processes_of_a_team_are_those_of_one_command_that_one_launcher_started() -> None:
    waits = [[sys.executable, "-c", "input()", name] for name in ("team", "team", "another")]
    started = [subprocess.Popen(words, stdin=subprocess.PIPE) for words in waits]
    try:
        first = started[0].pid
        state = {**fresh_state(time.time()), "pid": first, "process_start": process_start(first)}
        meter, read = UsageMeter(), []
        for processes in (1, 2):  # as it is told once the run has begun
            assert meter.read(state | {"processes": processes}) is None
            read.append(meter.read(state | {"processes": processes}))
        assert [found and found.processes for found in read] == [1, 2]
    finally:
        for one in started:
            one.communicate(b"\n")
