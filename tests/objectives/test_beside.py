"""Every objective that a run can add: alone beside next-item, beside SRA-CL, and through a stop."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sracl_core.errors import Interrupted
from sracl_core.methods import objectives
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.build import build_objectives
from sracl_core.objectives.sracl import Settings as SraClSettings
from sracl_core.pipeline.run import resume
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.seeding import generator
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.batches import make_batch
from sracl_core.training.checkpoint import find_checkpoint
from sracl_core.training.stopping import StopSignals
from tests.small_world import small_encoder, small_world
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

ADDED = sorted(name for name, one in objectives().items() if not one.settings.main and name != "sracl")
SMALL: dict[str, dict[str, Any]] = {
    "cadirec": {"share": 0.4},
    "iclrec": {"clusters": 8},
    "coserec": {"warm_up": 1},
    "mclrec": {"crop": 0.9, "mask": 0.1},
}
"""What a tiny dataset, or a few steps, need set."""


def changes(name: str) -> dict[str, Any]:
    small = {f"objectives.{name}.{key}": value for key, value in SMALL.get(name, {}).items()}
    return {f"objectives.{name}.weight": 0.1, "training.max_epochs": 3, **small}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("beside"))


@pytest.fixture(autouse=True)
def _texts_without_a_model(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))


def epochs(run: RunDirectory) -> list[dict[str, Any]]:
    records = map(json.loads, run.metrics_path.read_text().splitlines())
    return [record for record in records if record["event"] == "epoch"]


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    return load_file(find_checkpoint(run.checkpoints / "last") / "model.safetensors")


@pytest.mark.parametrize("name", ADDED)
def test_alone_beside_next_item_its_loss_falls(name: str, dataset: Path, tmp_path: Path) -> None:
    alone = {**changes(name), "objectives.sracl.weight": 0.0, "training.learning_rate": 0.01}
    run = tiny_run(tiny_config(dataset, alone), tmp_path, name)
    told = epochs(run)
    mine = [part for part in told[0] if part.split("/")[0] == name]
    assert mine
    assert "inter" not in told[0]
    first, final = (sum(epoch[part] for part in mine) for epoch in (told[0], told[-1]))
    assert final < first
    for epoch in told:
        parts = sum(epoch[part] for part in (*mine, "next_item"))
        assert epoch["loss"] == pytest.approx(parts, rel=1e-4)


@pytest.mark.parametrize("name", ADDED)
def test_stopped_and_resumed_beside_sracl_it_ends_with_the_same_bytes(
    name: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(dataset, changes(name))
    whole = tiny_run(config, tmp_path, "whole")
    assert {"inter", "intra"} <= epochs(whole)[0].keys()
    # Two steps an epoch: the third is in the middle of the second epoch.
    steps = itertools.count(1)
    with monkeypatch.context() as patch:
        patch.setattr(StopSignals, "requested", lambda self: next(steps) == 3)
        with pytest.raises(Interrupted):
            tiny_run(config, tmp_path, "stopped")
    (path,) = tmp_path.glob("*stopped")
    run = RunDirectory(path)
    with RunWriter(run) as writer:
        resume(run, writer)
    assert len(epochs(run)) == len(epochs(whole)) == 3
    for key, value in weights(whole).items():
        assert torch.equal(weights(run)[key], value), key


@pytest.mark.parametrize("name", ADDED)
def test_switching_it_on_moves_no_draw_of_another(name: str) -> None:
    encoder, world = small_encoder(), small_world()
    batch = make_batch(world.prefixes, np.arange(0, len(world.prefixes), 2))
    own = objectives()[name].settings(weight=0.1, **SMALL.get(name, {}))
    settings = {"sracl": SraClSettings(synthesizer_dropout=0.5, neighbors_per_step=2), name: own}
    both = build_objectives(settings, world)
    for part in both.values():
        part.start_epoch(encoder, generator(2, "epoch"))

    def parts(names: list[str]) -> dict[str, torch.Tensor]:
        chosen = {one: both[one] for one in names}
        found = loss_parts(encoder, chosen, dict.fromkeys(names, 1.0), batch, lambda one: generator(1, one))
        return {part: value.detach() for part, value in found.items()}

    without, beside = parts(["sracl"]), parts([name, "sracl"])
    for part, value in without.items():
        torch.testing.assert_close(beside[part], value)
