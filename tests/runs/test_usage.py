"""What the process of a run takes is read of that very process, or not at all."""

from __future__ import annotations

import os
import time

from sracl_core.runs.liveness import fresh_state
from sracl_core.runs.usage import UsageMeter


def test_a_process_is_measured_between_two_readings() -> None:
    meter, state = UsageMeter(), fresh_state(time.time())
    assert meter.read(state) is None
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    found = meter.read(state)
    assert found is not None
    cores, memory = found
    assert 0 < cores < 2 * (os.cpu_count() or 1)
    assert memory > 1 << 20


def test_another_process_of_that_number_or_another_machine_tells_nothing() -> None:
    state = fresh_state(time.time())
    for changes in ({"process_start": 1.0}, {"host": "elsewhere"}, {"pid": None}, {"pid": 2**60}):
        meter = UsageMeter()
        assert [meter.read({**state, **changes}) for _ in range(2)] == [None, None]
