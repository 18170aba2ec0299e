"""The learning rate over a run."""

from __future__ import annotations

import pytest

from sracl_core.settings.stages import TrainingConfig
from sracl_core.training.loop import learning_rate


@pytest.mark.parametrize(("schedule", "expected"), [("constant", [0.01, 0.01]), ("linear", [0.01, 0.0025])])
def test_the_rate_is_a_function_of_the_step(schedule: str, expected: list[float]) -> None:
    config = TrainingConfig(schedule=schedule, learning_rate=0.01, max_epochs=4)
    assert [learning_rate(config, step, 10) for step in (0, 30)] == pytest.approx(expected)
