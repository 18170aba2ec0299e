"""Every objective beside every backbone: an epoch of steps on a small world, or a line that says why not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core.methods import backbones, objectives
from sracl_core.models.build import build_encoder
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.build import build_objectives
from sracl_core.seeding import generator
from sracl_core.settings.section import Sizes
from sracl_core.training.batches import epoch_batches
from tests.small_world import N_ITEMS, small_world

WORLD = small_world()
SMALL: dict[str, dict[str, Any]] = {
    "rpg": {"digits": 2, "codebook": 8},
    "wearec": {"heads": 2},
    "iclrec": {"clusters": 4},
    "sracl": {"neighbors_per_step": 2},
}
ADDED = [name for name, one in objectives().items() if not one.settings.main]
WHOLE = [
    name for name, one in backbones().items() if one.settings.whole_window or name in ("bert4rec", "comirec")
]


def changes(name: str, known: Any, **more: Any) -> dict[str, Any]:
    wanted = {"hidden_size": 8, "inner_size": 16, "max_length": 6, "layers": 1, **more}
    return {key: value for key, value in wanted.items() if key in known} | SMALL.get(name, {})


def an_epoch(backbone: str, added: str, **settings: Any) -> list[dict[str, float]]:
    """The parts of the loss at each of an epoch's steps."""
    kind = backbones()[backbone].settings
    model = kind(**changes(backbone, kind.model_fields))
    encoder = build_encoder(model, N_ITEMS, seed=1).train()
    world = replace(WORLD, hidden_size=model.state_size, vectors_per_state=model.vectors_per_state)
    chosen = {
        kind.main: objectives()[kind.main].settings(),
        added: objectives()[added].settings(weight=0.1, **SMALL.get(added, {}), **settings),
    }
    parts = build_objectives(chosen, world)
    for name, part in parts.items():
        part.start_epoch(encoder, generator(1, "epoch", name))
    weights = [*encoder.parameters(), *itertools.chain(*(part.parameters() for part in parts.values()))]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    told = []
    examples = parts[kind.main].examples(WORLD.prefixes)
    for step, batch in enumerate(epoch_batches(WORLD.prefixes, examples, 24, 1, 0, 0)):
        encoder.masks.rng = generator(1, "dropout", step)
        found = loss_parts(
            encoder, parts, dict.fromkeys(parts, 1.0), batch, lambda name, at=step: generator(1, name, at)
        )
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        assert all(torch.isfinite(weight.grad).all() for weight in weights if weight.grad is not None)
        optimizer.step()
        told.append({name: float(value.detach()) for name, value in found.items()})
    return told


@pytest.mark.parametrize(("backbone", "added"), list(itertools.product(backbones(), ADDED)))
def test_an_epoch_of_both_has_all_parts_and_moves_the_main_one(backbone: str, added: str) -> None:
    settings = {"pooling": "last"} if added == "iclrec" and backbone in WHOLE else {}
    told = an_epoch(backbone, added, **settings)
    main = backbones()[backbone].settings.main
    names = {"inter", "intra"} if added == "sracl" else {added}
    assert {part.split("/")[0] for part in told[0]} == {main, *names}
    assert all(np.isfinite(list(step.values())).all() for step in told)
    assert told[-1][main] != told[0][main]


@pytest.mark.parametrize("backbone", backbones())
def test_a_backbone_that_cannot_serve_an_objective_says_why(backbone: str) -> None:
    model = backbones()[backbone].settings()
    sizes = Sizes(100, N_ITEMS, model.hidden_size, backbone, model.has_states)
    iclrec = objectives()["iclrec"].settings
    wrong = iclrec(pooling="mean", clusters=4).misfit(sizes)
    assert ("no state after each item; set it to last" in wrong) == (backbone in WHOLE), wrong
    if backbone not in WHOLE:
        wrong = iclrec(compare="padded", clusters=4).misfit(sizes)
        assert ("set it to pooled, or model.name to sasrec" in wrong) == (backbone != "sasrec"), wrong
