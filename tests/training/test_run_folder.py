"""The folder of a run: swept when it is taken up again, never made anew when it was removed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sracl_core import disk
from sracl_core.errors import ConfigError, StorageError
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import evaluate, resume, train
from sracl_core.runs.directory import RunDirectory, write_config
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, left_behind, tiny_config, tiny_dataset, tiny_run


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    return tiny_dataset(tmp_path)


def test_what_killed_writers_left_is_swept_on_resume(dataset: Path, tmp_path: Path) -> None:
    run = tiny_run(tiny_config(dataset, {"training.max_epochs": 1}), tmp_path / "runs")
    whole = {path.relative_to(run.path) for path in run.path.rglob("*")}
    for left in ("state.json", "model/items.json"):
        left_behind(run.path / left).touch()
    shutil.copytree(run.checkpoints / "best", left_behind(run.checkpoints / "last"))
    (run.checkpoints / "last").rename(disk.set_aside(run.checkpoints / "last"))  # the only one: it must stay
    with RunWriter(run) as writer:
        resume(run, writer)
    assert {path.relative_to(run.path) for path in run.path.rglob("*")} == whole


def test_a_removed_folder_ends_the_training_and_is_not_made_anew(dataset: Path, tmp_path: Path) -> None:
    config = tiny_config(dataset)
    run = new_run(config, tmp_path / "runs", "gone")

    def remove(record: dict[str, Any]) -> None:
        if record["event"] == "epoch":
            shutil.rmtree(run.path, ignore_errors=True)

    with RunWriter(run, remove) as writer, pytest.raises(StorageError, match="its folder has been removed"):
        train(run, writer)
    assert not run.path.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="here nothing is missing")
def test_a_run_of_a_machine_with_a_gpu_goes_on_without_one(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tiny_run(tiny_config(dataset, {"training.max_epochs": 1}), tmp_path / "runs")
    training = run.config.training.model_copy(update={"device": "cuda", "max_epochs": 2})
    write_config(run, run.config.model_copy(update={"training": training}), run.meta())
    run = RunDirectory(run.path)
    evaluate(run)
    told = "training.device 'cuda' of the run is not on this machine; it goes on with cpu"
    assert caplog.messages == [told]
    with RunWriter(run) as writer:
        resume(run, writer)
    assert run.state()["epoch"] == 1  # the second
    assert told in run.log_path.read_text()
    with pytest.raises(ConfigError, match="'cuda' is not on this machine; use auto or cpu"):
        new_run(run.config, tmp_path / "runs", "new")
