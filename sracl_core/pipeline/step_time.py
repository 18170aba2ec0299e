"""How long a training step takes on the devices of this machine."""

from __future__ import annotations

import time

import numpy as np
import torch

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.device import devices_here
from sracl_core.methods import backbones, objectives
from sracl_core.models.build import build_encoder
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.build import build_objectives
from sracl_core.objectives.world import World
from sracl_core.seeding import generator
from sracl_core.settings.models import FIRST_BACKBONE
from sracl_core.settings.stages import TrainingConfig
from sracl_core.training.batches import make_batch
from sracl_core.training.session import Session

USERS, ITEMS, LENGTH, STEPS = 64, 10_000, 12, 4


def seconds_of_steps() -> dict[str, float]:
    """Seconds of a step on each device: {"cpu": 0.04, "cuda": 0.009}."""
    return {str(device): _seconds_of_step(device) for device in devices_here()}


def _seconds_of_step(device: torch.device) -> float:
    """The default backbone on the next of 10,000 items alone, with batches of the default size.

    The least of four steps, after one that loads what a first step loads.
    """
    config, backbone = TrainingConfig(), backbones()[FIRST_BACKBONE].settings()
    rng = generator(0, "step time")
    train = Sequences.of_lengths(
        rng.integers(1, ITEMS + 1, USERS * LENGTH).astype(np.int32), np.full(USERS, LENGTH)
    )
    prefixes = training_prefixes(train, backbone.max_length)
    world = World(0, ITEMS, backbone.state_size, leave_one_out(train), prefixes)
    parts = build_objectives({"next_item": objectives()["next_item"].settings()}, world)
    encoder = build_encoder(backbone, ITEMS).to(device)
    moved = {name: part.to(device) for name, part in parts.items()}
    session = Session(encoder, moved, dict.fromkeys(moved, 1.0), config)
    session.train_mode()
    taken = []
    for _ in range(STEPS + 1):
        batch = make_batch(prefixes, rng.permutation(len(prefixes))[: config.batch_size])
        began = time.perf_counter()
        found = loss_parts(encoder, moved, session.weights, batch, lambda name: rng)
        loss = torch.stack(list(found.values())).sum()
        session.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        session.step()
        session.average.update(1)
        float(encoder.items.weight.detach()[1, 0])  # waits for the device
        taken.append(time.perf_counter() - began)
    return min(taken[1:])
