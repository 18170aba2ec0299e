"""Each objective that contrasts views is its slow twin, in values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.objectives import cl4srec, duorec
from sracl_core.objectives.base import Batch, LossParts, Objective, loss_parts
from sracl_core.objectives.cl4srec.objective import CL4SRec
from sracl_core.objectives.duorec.objective import DuoRec, SameTarget
from sracl_core.seeding import generator
from sracl_core.training.batches import make_batch
from tests.oracles import objectives as plain
from tests.small_world import small_encoder, small_world

WORLD = small_world()
BATCH = make_batch(WORLD.prefixes, np.arange(0, len(WORLD.prefixes), 2))


def parts_of(encoder: SASRec, objective: Objective, batch: Batch = BATCH) -> LossParts:
    return loss_parts(encoder, {"it": objective}, {"it": 1.0}, batch, lambda name: generator(1, name))


def views_of(encoder: SASRec, objective: Objective) -> list[list[list[int]]]:
    """What the objective asks to be encoded for `parts_of`'s draws."""
    rows = objective.plan(encoder, BATCH, generator(1, "it")).rows
    return [[view.of(row).tolist() for row in range(len(view))] for view in rows]


def same(encoder: SASRec, objective: Objective, ours: LossParts, twin: LossParts) -> None:
    """Values of each part, and the gradients of their sum in all weights."""
    assert ours.keys() == twin.keys()
    weights = [*encoder.parameters(), *objective.parameters()]
    found: list[list[Tensor | None]] = []
    for parts in (ours, twin):
        found.append(list(torch.autograd.grad(sum(parts.values()), weights, allow_unused=True)))
    for name, value in twin.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-5)
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-3, atol=1e-5)


def test_duorec_is_its_definition() -> None:
    encoder, part = small_encoder(), DuoRec(duorec.Settings(supervised=0.5), WORLD)
    again, fellows = views_of(encoder, part)
    anchors = [BATCH.rows.of(row).tolist() for row in range(len(BATCH.rows))]
    assert again == anchors
    twin = {
        "duorec/unsupervised": plain.two_views(encoder, anchors, again),
        "duorec/supervised": 0.5 * plain.two_views(encoder, anchors, fellows),
    }
    same(encoder, part, parts_of(encoder, part), twin)


@pytest.mark.parametrize("off", ["unsupervised", "supervised"])
def test_duorecs_parts_stand_alone(off: str) -> None:
    encoder = small_encoder()
    both = parts_of(encoder, DuoRec(duorec.Settings(), WORLD))
    alone = parts_of(encoder, DuoRec(duorec.Settings(**{off: 0.0}), WORLD))
    assert alone.keys() == both.keys() - {f"duorec/{off}"}
    for name, value in alone.items():
        torch.testing.assert_close(value, both[name])


def test_duorecs_two_passes_have_masks_of_their_own() -> None:
    encoder, part = small_encoder(dropout=0.5), DuoRec(duorec.Settings(supervised=0.0), WORLD)
    encoder.masks.rng = generator(1, "dropout")
    states = encoder.encode(
        type(BATCH.rows).joined([BATCH.rows, *part.plan(encoder, BATCH, generator(1)).rows])
    )
    one, other = states.split(len(BATCH.rows))
    assert (one - other).abs().max() > 0.1


def test_a_fellow_has_the_same_target_and_is_another_where_there_is_one() -> None:
    targets = np.array([3, 1, 3, 2, 3, 1, 9])
    found = SameTarget(targets)
    rows = np.tile(np.arange(7), 600)
    drawn = found.draw(rows, generator(1))
    assert (targets[drawn] == targets[rows]).all()
    assert ((drawn != rows) | np.isin(rows, [3, 6])).all()
    assert np.abs(np.bincount(drawn[rows == 0], minlength=7) / 600 - [0, 0, 0.5, 0, 0.5, 0, 0]).max() < 0.08


def test_cl4srec_is_its_definition() -> None:
    encoder, part = small_encoder(), CL4SRec(cl4srec.Settings(mask=0.6))
    left, right = views_of(encoder, part)
    assert any(0 in view for view in left + right)
    twin = {"cl4srec": plain.two_views(encoder, left, right)}
    same(encoder, part, parts_of(encoder, part), twin)
