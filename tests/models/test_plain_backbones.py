"""Each fast backbone beside its slow plain twin: states, and gradients of all weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.models import bert4rec, bsarec, comirec, fmlprec, lares, lrurec, rpg, wearec
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.models.lrurec.encoder import LRURec
from sracl_core.objectives import next_item
from sracl_core.objectives.base import Batch
from sracl_core.objectives.next_item.objective import NextItem
from sracl_core.seeding import generator
from sracl_core.settings.section import Backbone
from tests.oracles import plain_backbones
from tests.small_world import small_world

N_ITEMS = 30
SMALL = {"hidden_size": 8, "inner_size": 12, "layers": 2}
TWINS: dict[str, tuple[Backbone, Callable[[SequenceEncoder, Tensor], Tensor]]] = {
    "fmlprec": (fmlprec.Settings(**SMALL, max_length=7), plain_backbones.fmlprec),
    "fmlprec, even window": (fmlprec.Settings(**SMALL, max_length=6), plain_backbones.fmlprec),
    "bert4rec": (
        bert4rec.Settings(**SMALL, max_length=6),
        lambda encoder, items: plain_backbones.bert4rec(
            encoder, torch.cat([items, torch.full((len(items), 1), encoder.mask)], dim=1)
        )[:, -1],
    ),
    "wearec": (wearec.Settings(**SMALL, max_length=6, heads=2, alpha=0.3), plain_backbones.wearec),
    "wearec, odd window": (
        wearec.Settings(**SMALL, max_length=7, heads=4, alpha=0.6),
        plain_backbones.wearec,
    ),
    "lares": (lares.Settings(**SMALL, max_length=9, core_layers=2, steps=3), plain_backbones.lares),
    "comirec": (comirec.Settings(hidden_size=8, max_length=9, interests=3), plain_backbones.comirec),
    "comirec, as published": (
        comirec.Settings(hidden_size=8, max_length=6, interests=2, values="items"),
        plain_backbones.comirec,
    ),
    "rpg": (rpg.Settings(**SMALL, max_length=9, digits=3, codebook=5), plain_backbones.rpg),
    "lrurec": (lrurec.Settings(**SMALL, max_length=9), plain_backbones.lrurec),
    "bsarec": (
        bsarec.Settings(**SMALL, max_length=7, heads=2, c=3),
        lambda encoder, items: plain_backbones.bsarec(encoder, items, 3),
    ),
    "bsarec, even window": (
        bsarec.Settings(**SMALL, max_length=6, heads=1, c=4, alpha=0.3),
        lambda encoder, items: plain_backbones.bsarec(encoder, items, 4),
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_states_and_gradients_are_those_of_the_plain_twin(name: str) -> None:
    settings, twin = TWINS[name]
    encoder = shaken(settings)
    rng = np.random.default_rng(0)
    rows = Sequences.from_lists(rng.integers(1, N_ITEMS, size=length) for length in (1, 3, 9, 6, 2, 3))
    items_RL = torch.from_numpy(rows.padded(settings.max_length).astype(np.int64))
    pull_RD = torch.from_numpy(rng.normal(size=(len(rows), settings.state_size)).astype(np.float32))
    results = []
    for states_RD in (encoder.encode(rows), twin(encoder, items_RL)):
        encoder.zero_grad()
        (states_RD * pull_RD).sum().backward()
        gradients = {
            key: torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
            for key, weight in encoder.named_parameters()
        }
        results.append((states_RD.detach(), gradients))
    (ours, our_gradients), (plain, plain_gradients) = results
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    for key, gradient in plain_gradients.items():
        torch.testing.assert_close(our_gradients[key], gradient, rtol=1e-3, atol=1e-4, msg=key)


def shaken(settings: Backbone) -> SequenceEncoder:
    """An encoder in evaluation whose weights are well away from their start."""
    encoder = build_encoder(settings, N_ITEMS, seed=3)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
        encoder.items.weight[0].zero_()
    return encoder.eval()


def test_latent_steps_are_changed_when_asking() -> None:
    """More steps than it was made with need no other weights, and are what the definition says."""
    asked, made = (shaken(lares.Settings(**SMALL, max_length=9, steps=steps)) for steps in (5, 2))
    asked.load_state_dict(made.state_dict())
    rows = Sequences.from_lists([[3, 4, 5], [7]])
    before = made.encode(rows)
    made.steps = 5
    torch.testing.assert_close(made.encode(rows), asked.encode(rows))
    items_RL = torch.from_numpy(rows.padded(9).astype(np.int64))
    torch.testing.assert_close(made.encode(rows), plain_backbones.lares(made, items_RL), rtol=1e-4, atol=1e-5)
    assert (made.encode(rows) - before).abs().max() > 1e-3


@pytest.mark.parametrize("loss", ["full", "bce", "sampled"])
def test_the_interest_that_likes_an_item_best_scores_it_and_alone_learns_from_it(loss: str) -> None:
    encoder = shaken(comirec.Settings(hidden_size=8, max_length=6, interests=3))
    rows = Sequences.from_lists([[3, 4, 5], [7], [2, 9]])
    states_R3D = encoder.encode(rows).view(3, 3, 8)
    plain = torch.stack([(interests @ encoder.items.weight[1:].T).max(0).values for interests in states_R3D])
    torch.testing.assert_close(encoder.score(states_R3D.flatten(1)), plain)
    batch = Batch(np.arange(3), rows, np.array([8, 1, 20]))
    drawn = {"negatives": 5} if loss == "sampled" else {}
    part = NextItem(next_item.Settings(loss=loss, **drawn), small_world())
    told = part.plan(encoder, batch, generator(1)).finish(states_R3D.flatten(1), [])["next_item"]
    (pulled_R3D,) = torch.autograd.grad(told, states_R3D)
    best = [
        int((interests @ encoder.items.weight[item]).argmax())
        for interests, item in zip(states_R3D, batch.targets_B.tolist(), strict=True)
    ]
    moved = pulled_R3D.abs().sum(2) > 0
    assert moved.tolist() == [[at == one for at in range(3)] for one in best]
    if loss == "full":
        chosen = torch.stack([interests[one] for interests, one in zip(states_R3D, best, strict=True)])
        scores, wanted = chosen @ encoder.items.weight[1:].T, torch.from_numpy(batch.targets_B) - 1
        torch.testing.assert_close(told, torch.nn.functional.cross_entropy(scores, wanted))


def test_linear_recurrent_units_go_on_item_by_item() -> None:
    encoder = shaken(lrurec.Settings(**SMALL, max_length=9))
    assert isinstance(encoder, LRURec)
    items_RL = torch.randint(1, N_ITEMS, (4, 9), generator=torch.Generator().manual_seed(2))
    memory = encoder.memory(4)
    for at in range(9):
        states, memory = encoder.update(items_RL[:, at], memory)
        rows = Sequences.from_lists(items_RL[:, : at + 1].numpy())
        torch.testing.assert_close(states, encoder.encode(rows), rtol=1e-4, atol=1e-5)
    assert memory.shape == encoder.memory(4).shape


def test_memories_start_on_the_ring() -> None:
    encoder = build_encoder(lrurec.Settings(least_radius=0.5, most_radius=0.6), N_ITEMS, seed=1)
    for block in encoder.blocks:
        radius = (-block.ring_3H[0].exp()).exp()
        assert 0.5 <= radius.min() < 0.52
        assert 0.58 < radius.max() <= 0.6
        torch.testing.assert_close(block.ring_3H[2].exp(), (1 - radius**2).sqrt())
        angle = block.ring_3H[1].exp()
        assert angle.min() < 0.5
        assert 5.8 < angle.max() <= 2 * np.pi
