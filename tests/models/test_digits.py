"""Items as digits: how they are made, read, scored and learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sracl_core.errors import ConfigError
from sracl_core.models import rpg, sasrec
from sracl_core.models.base import INIT_STD
from sracl_core.models.build import build_encoder
from sracl_core.models.rpg.digits import as_others, quantized
from sracl_core.models.rpg.encoder import RPG
from sracl_core.models.text_map import text_start
from sracl_core.objectives import next_digits
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.next_digits.objective import NextDigits, build
from sracl_core.seeding import generator
from sracl_core.training.batches import make_batch
from tests.oracles import plain_backbones
from tests.small_world import N_ITEMS, small_encoder, small_world

WORLD = small_world()
BATCH = make_batch(WORLD.prefixes, np.arange(0, len(WORLD.prefixes), 3))


@pytest.fixture
def encoder() -> RPG:
    settings = rpg.Settings(
        hidden_size=8, inner_size=16, max_length=6, digits=3, codebook=5, digit_temperature=0.4
    )
    built = build_encoder(settings, N_ITEMS, seed=3)
    with torch.no_grad():
        for weight in built.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
        built.items.weight[0].zero_()
    assert isinstance(built, RPG)
    return built.eval()


def gradients(encoder: RPG, value: torch.Tensor) -> list[torch.Tensor]:
    found = torch.autograd.grad(value, list(encoder.parameters()), allow_unused=True, materialize_grads=True)
    return [gradient.clone() for gradient in found]


def test_scores_and_gradients_are_sums_over_digits(encoder: RPG) -> None:
    states = encoder.encode(BATCH.rows)[:4]
    pull = torch.randn(4, N_ITEMS, generator=torch.Generator().manual_seed(2))
    plain = torch.stack(
        [
            torch.stack([plain_backbones.rpg_score(encoder, state, item) for item in range(1, N_ITEMS + 1)])
            for state in states
        ]
    )
    ours = encoder.score(states)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)
    mine, other = (
        gradients(encoder, (part * pull).sum())
        for part in (encoder.score(encoder.encode(BATCH.rows)[:4]), plain)
    )
    for one, twin in zip(mine, other, strict=True):
        torch.testing.assert_close(one, twin, rtol=1e-3, atol=1e-4)


def test_the_loss_is_the_mean_cross_entropy_of_the_targets_digits(encoder: RPG) -> None:
    part = build(next_digits.Settings(), WORLD)
    (ours,) = loss_parts(encoder, {"it": part}, {"it": 1.0}, BATCH, lambda name: generator(1, name)).values()
    states = encoder.encode(BATCH.rows)
    terms = [
        -plain_backbones.rpg_score(encoder, state, int(item)) / 3
        for state, item in zip(states, BATCH.targets_B, strict=True)
    ]
    plain = torch.stack(terms).mean()
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    for one, twin in zip(gradients(encoder, ours), gradients(encoder, plain), strict=True):
        torch.testing.assert_close(one, twin, rtol=1e-3, atol=1e-5)


def test_a_digit_is_the_nearest_centroid_of_its_part() -> None:
    rng = np.random.default_rng(5)
    centers = np.array([-9.0, 0.0, 9.0])
    wanted = np.concatenate([np.tile(np.arange(3), (2, 1)).T, rng.integers(3, size=(57, 2))])
    # Two parts of unequal width, each around one of three centers.
    vectors = centers[wanted].repeat([3, 2], axis=1) + rng.normal(size=(60, 5)) * 0.1
    found = quantized(vectors.astype(np.float32), "product", 2, 3, generator(1))
    for part in range(2):
        pairs = set(zip(wanted[:, part].tolist(), found[:, part].tolist(), strict=True))
        assert len(pairs) == 3
    again = quantized(vectors.astype(np.float32), "product", 2, 3, generator(1))
    assert (found == again).all()


def test_a_digit_begins_at_the_mean_start_of_its_items(encoder: RPG) -> None:
    vectors = generator(5).normal(size=(N_ITEMS, 6)).astype(np.float32)
    encoder.start_from_texts(vectors)
    start = torch.from_numpy(text_start(vectors, 8, INIT_STD))
    expected = torch.zeros_like(start)
    for digit_N in encoder.digits_NM[1:].T:
        expected += torch.stack([start[digit_N == mine].mean(dim=0) for mine in digit_N])
    begun = encoder.item_embeddings[1:].detach()
    assert begun.std().item() == pytest.approx(INIT_STD, rel=1e-5)
    torch.testing.assert_close(begun, expected * (INIT_STD / expected.std()), rtol=1e-4, atol=1e-7)
    assert not encoder.item_embeddings[0].any()


def test_digits_come_from_texts_and_the_seed_and_are_saved_with_the_weights(encoder: RPG) -> None:
    vectors = np.random.default_rng(1).normal(size=(N_ITEMS, 7)).astype(np.float32)
    drawn = encoder.digits_NM.clone()
    encoder.start_from_texts(vectors)
    assert not torch.equal(encoder.digits_NM, drawn)
    assert (encoder.digits_NM[0] == 0).all()
    other = build_encoder(
        rpg.Settings(hidden_size=8, inner_size=16, max_length=6, digits=3, codebook=5), N_ITEMS, seed=3
    )
    other.start_from_texts(vectors)
    assert torch.equal(other.state_dict()["digits_NM"], encoder.digits_NM)
    # Items of one text are one item to it.
    vectors[4] = vectors[9]
    encoder.start_from_texts(vectors)
    torch.testing.assert_close(encoder.item_embeddings[5], encoder.item_embeddings[10])


def test_a_residual_digit_is_the_nearest_centroid_of_what_is_left() -> None:
    """Coarse centers far apart and, around each, the same fine ones: a digit for either."""
    rng = np.random.default_rng(5)
    coarse, fine = np.array([[-20.0, 0], [20, 0], [0, 20]]), np.array([[0.0, 3], [0, -3], [3, 0]])
    pairs = np.array([(one, other) for one in range(3) for other in range(3)] * 8)
    vectors = (coarse[pairs[:, 0]] + fine[pairs[:, 1]] + rng.normal(size=(72, 2)) * 0.05).astype(np.float32)
    found = quantized(vectors, "residual", 4, 3, generator(2))
    for column in range(2):
        assert len(set(zip(pairs[:, column].tolist(), found[:, column].tolist(), strict=True))) == 3
    # More digits than dimensions are no fault here. Vectors of the same kind get the same first digits.
    again = as_others(found, vectors, vectors + 0.01, "residual", np.arange(0, 72, 2))
    assert (again[:, :2] == found[:, :2]).all()


def test_aspects_are_independent_and_of_like_weight() -> None:
    """Two directions tell items apart and are mixed into every dimension: a digit for either."""
    rng = np.random.default_rng(6)
    kinds = np.array([(one, other) for one in range(3) for other in range(3)] * 8)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    flat = np.concatenate([(kinds - 1) * [9.0, 7.0], rng.normal(size=(72, 4)) * 0.05], axis=1)
    vectors = (flat @ turn + 5).astype(np.float32)
    found = quantized(vectors, "aspects", 2, 3, generator(4))
    pairs = [
        set(zip(kinds[:, column].tolist(), found[:, digit].tolist(), strict=True))
        for column in range(2)
        for digit in range(2)
    ]
    assert sorted(map(len, pairs)) == [3, 3, 9, 9]
    assert (as_others(found, vectors, vectors + 0.01, "aspects", np.arange(0, 72, 2)) == found).all()


@pytest.mark.parametrize("ids", ["product", "residual", "aspects"])
def test_a_new_item_of_an_old_text_has_its_digits(ids: str) -> None:
    vectors = np.random.default_rng(1).normal(size=(N_ITEMS, 7)).astype(np.float32)
    settings = rpg.Settings(hidden_size=8, inner_size=16, max_length=6, digits=3, codebook=N_ITEMS, ids=ids)
    encoder = build_encoder(settings, N_ITEMS, seed=3)
    encoder.start_from_texts(vectors)
    rows = encoder.new_rows(vectors, vectors[[4, 9]], 1.0)["digits_NM"]
    # As many values as items: every vector is a centroid of its own, and only later residuals are all 0.
    first = slice(None) if ids != "residual" else slice(1)
    assert torch.equal(rows[:, first], encoder.digits_NM[[5, 10], first])


def test_ids_that_nobody_reads_are_refused() -> None:
    with pytest.raises(ConfigError, match="ids is not read with item_init=random; it needs item_init=text"):
        rpg.Settings(item_init="random", ids="residual")


def test_an_encoder_without_digits_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"SASRec has none; take model\.name=rpg"):
        NextDigits().plan(small_encoder(), BATCH, generator(1))
    assert sasrec.Settings().main == "next_item"
