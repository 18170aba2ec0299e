"""Every backbone, by its own objective, learns an order that no count of items knows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.methods import backbones, objectives
from sracl_core.models.build import build_encoder
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.build import build_objectives
from sracl_core.objectives.world import World
from sracl_core.seeding import generator
from sracl_core.training.batches import epoch_batches

N_ITEMS, WINDOW, STEPS = 20, 6, 400
SMALL: dict[str, dict[str, Any]] = {"rpg": {"digits": 3, "codebook": 8}, "wearec": {"heads": 2}}


def reciprocal_rank(scores_RN: np.ndarray, wanted_R: np.ndarray) -> float:
    """The mean; the wanted item is behind all that score as much."""
    own_R = scores_RN[np.arange(len(wanted_R)), wanted_R - 1]
    return float((1 / (scores_RN >= own_R[:, None]).sum(1)).mean())


@pytest.mark.parametrize("name", backbones())
def test_it_finds_what_follows(name: str) -> None:
    """Item i + 1 follows item i, and every item is about as popular."""
    rng = np.random.default_rng(0)
    starts = rng.integers(N_ITEMS, size=60)
    split = leave_one_out(Sequences.from_lists((start + np.arange(9)) % N_ITEMS + 1 for start in starts))
    histories, wanted_R = split.train, (starts + 7) % N_ITEMS + 1
    world = World(1, N_ITEMS, 16, split, training_prefixes(split.train, WINDOW))
    kind = backbones()[name].settings
    shape = {"hidden_size": 16, "inner_size": 32, "max_length": WINDOW, "layers": 1, "dropout": 0.0}
    shape = {
        key: value for key, value in {**shape, "attention_dropout": 0.0}.items() if key in kind.model_fields
    }
    encoder = build_encoder(kind(**shape, **SMALL.get(name, {})), N_ITEMS, seed=1)
    (part,) = build_objectives({kind.main: objectives()[kind.main].settings()}, world).values()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
    counts_N = np.bincount(split.train.values, minlength=N_ITEMS + 1)[1:]
    popular = reciprocal_rank(np.tile(counts_N, (len(wanted_R), 1)), wanted_R)
    found, step = 0.0, 0
    for epoch in itertools.count():
        for batch in epoch_batches(world.prefixes, part.examples(world.prefixes), 60, 1, epoch, 0):
            (loss,) = loss_parts(
                encoder, {"it": part}, {"it": 1.0}, batch, lambda name, at=step: generator(1, name, at)
            ).values()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        with torch.no_grad():
            found = reciprocal_rank(encoder.score(encoder.encode(histories)).numpy(), wanted_R)
        if found > 0.8 or step > STEPS:
            break
    assert found > 0.8 > 3 * popular
