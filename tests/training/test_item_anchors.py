"""Item embeddings are held to where their texts put them, by as much as their texts say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sracl_core.data.sources import load_sources
from sracl_core.device import CPU
from sracl_core.pipeline.stages import Semantics
from sracl_core.pipeline.starting import start_session
from sracl_core.training.session import Session
from tests.tiny import tiny_config, tiny_dataset

ANCHOR = 0.25
BARE = {"objectives.sracl.weight": 0.0, "training.learning_rate": 1e-30, "model.item_anchor": ANCHOR}


def started(folder: Path, changes: dict[str, object], alike: dict[int, int]) -> Session:
    """Before its first step, of items with texts of their own but for `alike`, {item: one of its text}."""
    config = tiny_config(tiny_dataset(folder), {**BARE, **changes})
    sources = load_sources(config)
    vectors = np.random.default_rng(1).standard_normal((sources.dataset.n_items, 32)).astype(np.float32)
    for item, other in alike.items():
        vectors[item - 1] = vectors[other - 1]
    return start_session(config, sources, Semantics(item_vectors=vectors), CPU)


def moved_back(session: Session) -> torch.Tensor:
    """Of a step that learns nothing, the share of the way that each row goes back from where it was put."""
    weight = session.encoder.items.weight
    with torch.no_grad():
        weight.add_(1.0)
    before = weight.detach().clone()
    weight.grad = torch.zeros_like(weight)
    session.step()
    return (before - weight.detach()).mean(dim=1)


def test_items_of_one_text_share_the_anchor(tmp_path: Path) -> None:
    back = moved_back(started(tmp_path, {}, {2: 5, 9: 5, 3: 4}))
    right = torch.full_like(back, ANCHOR)
    right[[2, 5, 9]] = ANCHOR / 3
    right[[3, 4]] = ANCHOR / 2
    torch.testing.assert_close(back, right, atol=1e-6, rtol=0)


def test_a_lower_rate_holds_by_less(tmp_path: Path) -> None:
    session = started(tmp_path, {}, {})
    session.optimizer.param_groups[0]["lr"] /= 4
    back = moved_back(session)
    torch.testing.assert_close(back, torch.full_like(back, ANCHOR / 4), atol=1e-6, rtol=0)


def test_where_a_row_is_of_many_items_each_is_held_alike(tmp_path: Path) -> None:
    back = moved_back(
        started(tmp_path, {"model.name": "rpg", "model.digits": 4, "model.codebook": 16}, {2: 5})
    )
    torch.testing.assert_close(back, torch.full_like(back, ANCHOR), atol=1e-6, rtol=0)


def test_without_an_anchor_nothing_is_held(tmp_path: Path) -> None:
    back = moved_back(started(tmp_path, {"model.item_anchor": 0.0}, {}))
    assert back.tolist() == pytest.approx([0.0] * len(back), abs=1e-6)
