"""The learning rate over a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sracl_core.settings.models import TrainingConfig
from sracl_core.training.loop import Trainer


@pytest.mark.parametrize(("schedule", "expected"), [("constant", [0.01, 0.01]), ("linear", [0.01, 0.0025])])
def test_the_rate_is_a_function_of_the_step(schedule: str, expected: list[float]) -> None:
    config = TrainingConfig(schedule=schedule, learning_rate=0.01, max_epochs=4)
    optimizer = SimpleNamespace(param_groups=[{"lr": None}])
    trainer = Trainer.__new__(Trainer)
    trainer.config, trainer.steps_per_epoch = config, 10
    trainer.session = SimpleNamespace(state=SimpleNamespace(step=0), optimizer=optimizer)
    found = []
    for step in (0, 30):
        trainer.session.state.step = step
        trainer._set_rate()
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx(expected)
