"""The learning rate over a run."""

from __future__ import annotations

import pytest

from sracl_core.progress import Extent
from sracl_core.settings.stages import TrainingConfig
from sracl_core.training.loop import learning_rate


@pytest.mark.parametrize(("schedule", "expected"), [("constant", [0.01, 0.01]), ("linear", [0.01, 0.0025])])
def test_the_rate_is_a_function_of_the_step(schedule: str, expected: list[float]) -> None:
    config = TrainingConfig(schedule=schedule, learning_rate=0.01, max_epochs=4)
    assert [learning_rate(config, step, 10) for step in (0, 30)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("seconds", "step", "elapsed", "left"),
    [
        (0.0, 30, 60.0, 970),
        (100.0, 0, 0.0, 100),
        (101.0, 0, 0.0, 110),
        (100.0, 30, 60.0, 40),
        (100.0, 33, 100.5, 7),
        (1e6, 30, 60.0, 970),
    ],
)
def test_steps_left_end_with_the_epoch_in_which_the_minutes_end(
    seconds: float, step: int, elapsed: float, left: int
) -> None:
    assert Extent(1000, 10, seconds).steps_left(step, elapsed, pace=1.0) == left
