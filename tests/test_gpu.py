"""What a GPU computes is what the CPU does. Runs where there is one (cuda or mps), and says so where not."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core.device import CPU, pick_device, whole_mantissas
from sracl_core.errors import Interrupted
from sracl_core.explorer.explorer import Explorer
from sracl_core.methods import backbones, objectives
from sracl_core.models.build import build_encoder
from sracl_core.objectives.base import Batch, loss_parts
from sracl_core.objectives.build import build_objectives
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import evaluate, resume, try_out
from sracl_core.retrieval.exact import exact_neighbors
from sracl_core.retrieval.exclusion import Exclusion
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.seeding import generator
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.batches import make_batch
from tests.objectives.test_pairs import ADDED, SMALL, WHOLE, WORLD, changes
from tests.small_world import N_ITEMS
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

GPU = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else ""
pytestmark = pytest.mark.skipif(not GPU, reason="this machine has no GPU that torch can use (cuda or mps)")

NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0}


def step_on(
    device: torch.device, backbone: str, added: str
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The parts of the loss of one step without dropout, and each weight's gradient."""
    kind = backbones()[backbone].settings
    model = kind(**changes(backbone, kind.model_fields, **NO_DROPOUT))
    encoder = build_encoder(model, N_ITEMS, seed=1).train().to(device)
    with torch.no_grad():
        encoder.items.weight[1:] *= 20
        for weight in encoder.parameters() if added == "iclrec" else ():
            # States that are nearly one would be clustered by their last digits.
            weight.add_(
                0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)).to(device)
            )
        encoder.items.weight[0].zero_()
    world = replace(WORLD, hidden_size=model.state_size, vectors_per_state=model.vectors_per_state)
    more: dict[str, Any] = {"pooling": "last"} if added == "iclrec" and backbone in WHOLE else {}
    more |= {"dropout": 0.0} if added == "cadirec" else {}  # it has one of its own
    chosen = {
        kind.main: objectives()[kind.main].settings(),
        added: objectives()[added].settings(weight=0.1, **SMALL.get(added, {}), **more),
    }
    parts = {name: part.to(device) for name, part in build_objectives(chosen, world).items()}
    for name, part in parts.items():
        part.start_epoch(encoder, generator(1, "epoch", name))
    examples = parts[kind.main].examples(WORLD.prefixes)
    batch: Batch = make_batch(WORLD.prefixes, examples[:24])
    with whole_mantissas():
        found = loss_parts(encoder, parts, dict.fromkeys(parts, 1.0), batch, lambda name: generator(1, name))
        torch.stack(list(found.values())).sum().backward()
    named = [*encoder.named_parameters(), *torch.nn.ModuleDict(parts).named_parameters()]
    gradients = {name: weight.grad.cpu().numpy() for name, weight in named if weight.grad is not None}
    return {name: value.item() for name, value in found.items()}, gradients


@pytest.mark.parametrize(("backbone", "added"), list(itertools.product(backbones(), ADDED)))
def test_a_step_has_the_losses_and_gradients_of_the_cpu(backbone: str, added: str) -> None:
    (losses, gradients), (expected, known) = (
        step_on(device, backbone, added) for device in (pick_device(GPU), CPU)
    )
    assert losses == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert gradients.keys() == known.keys()
    for name, gradient in gradients.items():
        size = max(np.abs(known[name]).max(), 1e-3)
        np.testing.assert_allclose(gradient / size, known[name] / size, atol=5e-3, err_msg=name)


@pytest.mark.parametrize("backbone", backbones())
def test_scores_are_those_of_the_cpu(backbone: str) -> None:
    kind = backbones()[backbone].settings
    encoder = build_encoder(kind(**changes(backbone, kind.model_fields)), N_ITEMS, seed=1).eval()
    rows = WORLD.prefixes.take(np.arange(30))
    with torch.no_grad(), whole_mantissas():
        expected = encoder.score(encoder.encode(rows), rows)
        encoder = encoder.to(pick_device(GPU))
        found = encoder.score(encoder.encode(rows), rows)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-4)


def test_exact_search_finds_what_the_cpu_finds() -> None:
    vectors = np.random.default_rng(0).normal(size=(40_000, 24)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.arange(0, 40_000, 97)
    exclusion = Exclusion(40_000, np.arange(40_000) // 3)
    (ids, scores), (known, cosines) = (
        exact_neighbors(vectors, 10, exclusion, rows, device=device) for device in (pick_device(GPU), CPU)
    )
    np.testing.assert_allclose(scores, cosines, atol=1e-5)
    assert (ids == known).mean() > 0.999  # what is as near but for rounding may change places


RUNS: dict[str, dict[str, Any]] = {
    "sracl": {},
    "cached": {"objectives.sracl.neighbor_states": "cached"},
    "evidence": {
        "model.evidence": "both",
        "model.repeats": "fitted",
        "model.item_init": "text",
        "model.item_anchor": 0.001,
        "objectives.next_item.smoothing": 0.2,
        "objectives.next_item.neighbor_targets": 0.2,
        "objectives.next_item.residual": True,
    },
    "sampled": {
        "objectives.next_item.loss": "sampled",
        "objectives.next_item.negatives": 20,
        "training.item_adam": "lazy",
    },
    "bfloat16": {"training.precision": "bfloat16"},
}


def ranks_of(run: RunDirectory) -> np.ndarray:
    with np.load(run.path / "ranks.npz") as kept:
        return np.concatenate([kept[name] for name in ("test_masked", "test_unmasked")]).astype(int)


def without_gpu(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(torch.cuda, "is_available", lambda: False)
    patched.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("gpu"))


@pytest.fixture(autouse=True)
def _hashed_texts(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_the_gpu_learns_and_is_evaluated_and_asked_without_one(
    name: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tiny_config(dataset, {**RUNS[name], "training.device": GPU}), tmp_path)
    assert run.meta()["device"] == GPU
    records = map(json.loads, run.metrics_path.read_text().splitlines())
    losses = [record["loss"] for record in records if record["event"] == "epoch"]
    assert losses[-1] < losses[0]
    ranks = ranks_of(run)
    evaluate(run)
    np.testing.assert_array_equal(ranks_of(run), ranks)
    without_gpu(monkeypatch)
    evaluate(run)
    # Nearly equal scores may change places: a rank is one of 399 items.
    assert np.abs(ranks_of(run) - ranks).mean() < 0.5
    explorer = Explorer.open(run.path)
    assert explorer.recommend(explorer.loaded.dataset.users.ids[0])


@pytest.mark.parametrize("there", [True, False], ids=["on it", "without one"])
def test_a_stopped_run_of_the_gpu_goes_on(
    there: bool, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = itertools.count()
    run = new_run(tiny_config(dataset, {"training.device": GPU}), tmp_path, "stopped")
    with RunWriter(run) as writer, pytest.raises(Interrupted):
        try_out(run, writer, lambda: next(steps) > 4, resumed=False)
    if not there:
        without_gpu(monkeypatch)
    with RunWriter(run) as writer:
        resume(run, writer)
    whole = tiny_run(tiny_config(dataset, {"training.device": GPU if there else "cpu"}), tmp_path, "whole")
    assert run.state()["epoch"] == whole.state()["epoch"]
    if there:
        assert np.abs(ranks_of(run) - ranks_of(whole)).mean() < 2.0
