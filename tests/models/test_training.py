"""Every backbone trains, alone and with SRA-CL beside it, and after a stop goes on to the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sracl_core.errors import Interrupted
from sracl_core.methods import backbones
from sracl_core.pipeline.run import resume
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.finding import find_run
from sracl_core.runs.reader import read_history
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.models import RunConfig
from sracl_core.training.stopping import StopSignals
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

SMALL = {"rpg": {"digits": 4, "codebook": 16}}
"""What a tiny dataset needs set."""
ALONE = {"objectives.sracl.weight": 0.0}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base, patch = tmp_path_factory.mktemp("backbones"), pytest.MonkeyPatch()
    patch.setattr(TextEncoder, "encode", hashed_words)
    patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
    yield tiny_dataset(base)
    patch.undo()


def config_of(name: str, dataset: Path, *, alone: bool) -> RunConfig:
    changes = {"model.name": name, "training.max_epochs": 2, "training.learning_rate": 5e-3}
    changes |= {f"model.{key}": value for key, value in SMALL.get(name, {}).items()}
    return tiny_config(dataset, changes | (ALONE if alone else {}))


def losses(run: RunDirectory) -> list[float]:
    return [record["loss"] for record in read_history(run.path).epochs]


@pytest.mark.parametrize("name", backbones())
def test_it_learns_alone(name: str, dataset: Path, tmp_path: Path) -> None:
    first, second = losses(tiny_run(config_of(name, dataset, alone=True), tmp_path))
    assert second < first


@pytest.mark.parametrize("name", backbones())
def test_it_learns_beside_sracl_and_resumes_to_the_same_bytes(
    name: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(name, dataset, alone=False)
    whole = tiny_run(config, tmp_path, "whole")
    first, second = losses(whole)
    assert second < first
    assert {"inter", "intra"} <= read_history(whole.path).epochs[0].keys()
    with monkeypatch.context() as patch:
        patch.setattr(StopSignals, "requested", lambda _: True)
        with pytest.raises(Interrupted):
            tiny_run(config, tmp_path, "parts")
    parts = RunDirectory(find_run("parts", tmp_path))
    assert not losses(parts)
    with RunWriter(parts) as writer:
        resume(parts, writer)
    for file in ("model.safetensors", "objectives.safetensors"):
        made, expected = (run.checkpoints / "last" / file for run in (parts, whole))
        assert made.read_bytes() == expected.read_bytes(), file
