"""How long training takes is what a run like it took here, or unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sracl_core.files import write_json
from sracl_core.runs.directory import create_run
from sracl_core.runs.liveness import fresh_state
from sracl_core.runs.pace import measured_pace
from sracl_core.settings.models import RunConfig


def _trained(runs_dir: Path, config: RunConfig, **changes: object) -> str:
    meta = {"dataset": {"name": "shop", "identity": "abc"}, "device": "cpu"}
    run = create_run(runs_dir, "earlier", config, meta)
    state = {**fresh_state(0.0), "epoch": 7, "stages": {"train": 40.0}, **changes}
    write_json(run.state_path, state, seal=True)
    return run.name


def test_the_pace_is_that_of_a_run_alike(tmp_path: Path) -> None:
    name = _trained(tmp_path, RunConfig())
    pace = measured_pace(RunConfig(), "abc", "cpu", tmp_path)
    assert pace is not None
    assert (pace.run, pace.epochs, pace.seconds_per_epoch) == (name, 8, 5.0)
    longer = RunConfig.model_validate({"training": {"seed": 3, "max_epochs": 500, "learning_rate": 0.01}})
    assert measured_pace(longer, "abc", "cpu", tmp_path) == pace
    off = {"objectives": {"duorec": {"weight": 0, "temperature": 0.5}}}
    assert measured_pace(RunConfig.model_validate(off), "abc", "cpu", tmp_path) == pace


@pytest.mark.parametrize(
    ("changes", "data", "device"),
    [
        ({"model": {"hidden_size": 32}}, "abc", "cpu"),
        ({"training": {"batch_size": 64}}, "abc", "cpu"),
        ({"training": {"threads": 1}}, "abc", "cpu"),
        ({"objectives": {"duorec": {"weight": 0.1}}}, "abc", "cpu"),
        ({}, "another", "cpu"),
        ({}, "abc", "cuda"),
    ],
)
def test_what_was_not_measured_is_not_known(
    tmp_path: Path, changes: dict[str, object], data: str, device: str
) -> None:
    _trained(tmp_path, RunConfig())
    assert measured_pace(RunConfig.model_validate(changes), data, device, tmp_path) is None


@pytest.mark.parametrize(
    "changes", [{"host": "elsewhere"}, {"epoch": None}, {"stages": {}}, {"stages": {"train": "x"}}]
)
def test_a_run_that_cannot_tell_is_passed_over(tmp_path: Path, changes: dict[str, object]) -> None:
    _trained(tmp_path, RunConfig(), **changes)
    assert measured_pace(RunConfig(), "abc", "cpu", tmp_path) is None
