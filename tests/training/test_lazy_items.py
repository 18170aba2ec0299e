"""Large item tables: a step touches the rows that it has read, and nobody can tell from the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sracl_core.data.sources import load_sources
from sracl_core.errors import ConfigError
from sracl_core.pipeline.stages import Semantics
from sracl_core.pipeline.starting import start_session
from sracl_core.training.adam import LazyAdam
from sracl_core.training.average import WeightAverage
from sracl_core.training.session import Session
from tests.tiny import tiny_config, tiny_dataset, tiny_run

ROWS, WIDTH, STEPS = 12, 3, 30
SAMPLED = {"objectives.next_item.loss": "sampled", "objectives.next_item.negatives": 4}
BARE = {"objectives.sracl.weight": 0.0, "model.item_init": "random"}


def gradient_of(rng: np.random.Generator, every: bool) -> torch.Tensor:
    """A sparse gradient with a row twice."""
    rows = np.arange(ROWS) if every else rng.choice(ROWS, 4, replace=False)
    rows = np.append(rows, rows[0])
    values = torch.from_numpy(rng.standard_normal((len(rows), WIDTH)).astype(np.float32))
    return torch.sparse_coo_tensor(torch.from_numpy(rows)[None], values, (ROWS, WIDTH), check_invariants=True)


def plain_lazy_adam(start: np.ndarray, gradients: list[np.ndarray], rate: float) -> np.ndarray:
    """Row by row, as the definition says: Kingma and Ba, Algorithm 1, for rows that have a gradient."""
    weight = start.astype(np.float64)
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for step, gradient in enumerate(gradients, start=1):
        for row in range(len(weight)):
            if not gradient[row].any():
                continue
            first[row] = 0.9 * first[row] + 0.1 * gradient[row]
            second[row] = 0.999 * second[row] + 0.001 * gradient[row] ** 2
            mean, square = first[row] / (1 - 0.9**step), second[row] / (1 - 0.999**step)
            weight[row] -= rate * mean / (np.sqrt(square) + 1e-8)
    return weight


@pytest.mark.parametrize("every", [True, False])
def test_lazy_adam_is_adam_on_the_rows_of_a_step(every: bool) -> None:
    rng = np.random.default_rng(3)
    start = torch.from_numpy(rng.standard_normal((ROWS, WIDTH)).astype(np.float32))
    lazy, dense = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    ours, torchs = LazyAdam([lazy], lr=0.01), torch.optim.Adam([dense], lr=0.01)
    gradients = []
    for _ in range(STEPS):
        lazy.grad = gradient_of(rng, every)
        dense.grad = lazy.grad.to_dense()
        gradients.append(dense.grad.numpy().copy())
        ours.step()
        torchs.step()
    np.testing.assert_allclose(lazy.detach(), plain_lazy_adam(start.numpy(), gradients, 0.01), atol=1e-6)
    if every:
        torch.testing.assert_close(lazy, dense, atol=1e-6, rtol=0)
    else:
        assert (lazy - dense).abs().max() > 1e-3


def test_a_lazy_average_is_the_average_at_every_moment() -> None:
    rng = np.random.default_rng(4)
    table, kept = nn.Embedding(ROWS, WIDTH), nn.Embedding(ROWS, WIDTH)
    kept.load_state_dict(table.state_dict())
    lazy, plain = WeightAverage(table, 0.9, "weight"), WeightAverage(kept, 0.9)
    for step in range(1, 80):
        rows = torch.from_numpy(rng.choice(ROWS - 1, 3, replace=False))
        move = torch.from_numpy(rng.standard_normal((3, WIDTH)).astype(np.float32))
        lazy.settle(rows)
        with torch.no_grad():
            table.weight[rows] += move
            kept.weight[rows] += move
        lazy.update(step)
        plain.update(step)
        if step in (1, 40, 79):
            with lazy.applied(), plain.applied():
                torch.testing.assert_close(table.weight, kept.weight, atol=2e-6, rtol=0)
        if step == 50:
            saved = {name: value.clone() for name, value in lazy.state().items()}
            lazy = WeightAverage(table, 0.9, "weight")
            lazy.load(saved)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("lazy"))


def started(dataset: Path, changes: dict[str, Any]) -> Session:
    config = tiny_config(dataset, {**BARE, **changes})
    return start_session(config, load_sources(config), Semantics(), torch.device("cpu"))


def test_small_tables_stay_dense_and_what_reaches_every_row_refuses(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not started(dataset, SAMPLED).encoder.items.sparse
    assert started(dataset, {**SAMPLED, "training.item_adam": "lazy"}).encoder.items.sparse
    monkeypatch.setattr("sracl_core.pipeline.starting.LAZY_ROWS", 2)
    assert started(dataset, SAMPLED).encoder.items.sparse
    assert started(dataset, {"objectives.next_item.loss": "bce"}).encoder.items.sparse
    for reaching in (
        {},
        {**SAMPLED, "training.weight_decay": 0.1},
        {**SAMPLED, "model.item_init": "text", "model.item_anchor": 0.1},
        {"model.name": "bert4rec"},
    ):
        if "model.item_init" not in reaching:
            assert not started(dataset, reaching).encoder.items.sparse
        with pytest.raises(ConfigError, match=r"item_adam=lazy does not go with .*; take auto or dense"):
            tiny_config(dataset, {**reaching, "training.item_adam": "lazy"})


@pytest.mark.parametrize("backbone", ["sasrec", "gru4rec"])
def test_a_lazy_run_follows_a_dense_one(dataset: Path, tmp_path: Path, backbone: str) -> None:
    """Its first step is Adam's; after it rows that rest differ, and the loss stays within two percent."""
    losses = {}
    for kind in ("dense", "lazy"):
        changes = {
            **SAMPLED,
            "model.name": backbone,
            **BARE,
            "training.item_adam": kind,
            "training.average_decay": 0.9,
        }
        run = tiny_run(tiny_config(dataset, changes), tmp_path, f"{backbone}-{kind}")
        records = map(json.loads, run.metrics_path.read_text().splitlines())
        losses[kind] = [record["loss"] for record in records if record["event"] == "epoch"]
    assert losses["lazy"] == pytest.approx(losses["dense"], rel=0.02)
    assert losses["lazy"] != losses["dense"]
