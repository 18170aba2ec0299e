from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.models.registry import build_encoder
from sracl_core.objectives.augment import substitute
from sracl_core.objectives.base import (
    Batch,
    LossParts,
    Objective,
    Rows,
    StepPlan,
    encode_together,
    loss_parts,
)
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.next_item import NextItem, linear_cross_entropy
from sracl_core.objectives.sracl import InterUser, IntraUser
from sracl_core.seeding import generator
from sracl_core.settings.models import ModelConfig, NextItemConfig, SraclConfig
from sracl_core.training.batches import make_batch
from tests.oracles import plain_path

N_ITEMS, CPU = 25, torch.device("cpu")


def world(dropout: float = 0.0, **sracl: object):
    rng = np.random.default_rng(7)
    lengths = rng.integers(2, 9, size=12)
    values = rng.integers(1, N_ITEMS + 1, size=lengths.sum()).astype(np.int32)
    sequences = Sequences(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    prefixes = training_prefixes(sequences, 6)
    model = ModelConfig(
        hidden_size=8, inner_size=16, max_length=6, dropout=dropout, attention_dropout=dropout
    )
    encoder = build_encoder(model, N_ITEMS, seed=1).train()
    with torch.no_grad():
        encoder.items.weight[1:] *= 20
    config = SraclConfig(synthesizer_dropout=0.0, **sracl)
    neighbors = np.stack([rng.permutation(len(prefixes))[:4] for _ in range(len(prefixes))]).astype(np.int32)
    vectors = rng.normal(size=(len(prefixes), 5)).astype(np.float32)
    inter = InterUser(config, prefixes, neighbors, vectors, 8, encoder.masks, seed=3)
    items = np.stack([rng.permutation(N_ITEMS)[:3] for _ in range(N_ITEMS)]).astype(np.int32)
    return encoder, prefixes, inter, IntraUser(config, items), config


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 9),
    st.sampled_from(["dot", "cosine"]),
    st.floats(0.05, 2.0),
    st.integers(0, 1000),
)
def test_info_nce_is_its_definition(n: int, similarity: str, temperature: float, seed: int) -> None:
    left, right = torch.randn(2, n, 6, generator=torch.Generator().manual_seed(seed))
    ours = info_nce(left, right, similarity, temperature)
    torch.testing.assert_close(
        ours, plain_path.info_nce(left, right, similarity, temperature), rtol=1e-4, atol=1e-5
    )
    if n > 1:
        matrix = plain_path.info_nce_matrix(left, right, similarity, temperature)
        torch.testing.assert_close(ours, matrix, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("sharing", [1, 4])
def test_linear_cross_entropy_matches_torch_and_its_gradients(rows: int, sharing: int) -> None:
    rng = torch.Generator().manual_seed(0)
    states = torch.randn(rows, 6, generator=rng, dtype=torch.float64)
    items = torch.randn(11, 6, generator=rng, dtype=torch.float64)
    targets = torch.stack([torch.randperm(11, generator=rng)[:sharing] for _ in range(rows)])
    shares = torch.rand(rows, sharing, generator=rng).softmax(dim=1)
    dense = torch.zeros(rows, 11).scatter_(1, targets, shares)
    results = []
    for loss_of in (
        lambda s, i: linear_cross_entropy(s, i, targets, shares),
        lambda s, i: torch.nn.functional.cross_entropy(s @ i.T, dense),
    ):
        s, i = states.float().requires_grad_(), items.float().requires_grad_()
        loss = loss_of(s, i) * 1.7
        loss.backward()
        results.append((loss.detach(), s.grad, i.grad))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)


def test_smoothing_gives_a_part_of_the_target_to_its_neighbors() -> None:
    near = np.array([[1, 2], [3, -1], [-1, -1], [0, 1], [2, 3]], dtype=np.int32)
    part = NextItem(NextItemConfig(smoothing=0.2), np.ones(5), near)
    expected = torch.tensor([[0.8, 0.1, 0.1, 0, 0], [0, 0.8, 0, 0.2, 0], [0, 0, 1.0, 0, 0]])
    torch.testing.assert_close(_dense_targets(part, [1, 2, 3]), expected)


def test_a_part_of_the_target_goes_to_what_followed_near_prefixes() -> None:
    near = np.array([[1, 2], [2, -1], [-1, -1]], dtype=np.int32)
    followers = near, np.array([1, 2, 5])
    part = NextItem(NextItemConfig(neighbor_targets=0.4), np.ones(5), None, *followers)
    expected = torch.tensor([[0.6, 0.2, 0, 0, 0.2], [0, 0.6, 0, 0, 0.4], [0, 0, 0, 0, 1.0]])
    torch.testing.assert_close(_dense_targets(part, [1, 2, 5]), expected)

    items = np.array([[2, -1], [-1, -1], [-1, -1], [-1, -1], [-1, -1]], dtype=np.int32)
    part = NextItem(NextItemConfig(smoothing=0.5, neighbor_targets=0.4), np.ones(5), items, *followers)
    expected[0] = torch.tensor([0.3, 0.2, 0.3, 0, 0.2])
    torch.testing.assert_close(_dense_targets(part, [1, 2, 5]), expected)


def _dense_targets(part: NextItem, items: list[int]) -> torch.Tensor:
    """What `part` asks of the prefixes 0, 1, ..., which `items` followed: a distribution over 5 items."""
    rows, targets = np.arange(len(items)), torch.tensor(items)
    batch = Batch(rows, torch.ones(len(items), 1, dtype=torch.long), torch.ones_like(targets), targets)
    return torch.zeros(len(items), 5).scatter_add_(1, *part._targets(batch))


@pytest.mark.parametrize("synthesizer", ["learned", "mean"])
@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_all_parts_and_gradients_equal_the_plain_path(synthesizer: str, similarity: str) -> None:
    encoder, prefixes, inter, intra, config = world(synthesizer=synthesizer, similarity=similarity)
    rows = np.arange(0, len(prefixes), 3)
    batch = make_batch(prefixes, rows, 6, CPU)
    next_item = NextItem(NextItemConfig(), np.ones(N_ITEMS))
    parts = loss_parts(encoder, [next_item, inter, intra], batch, generator(1, "x"))
    rng = generator(1, "x")
    views = tuple(
        substitute(batch.items_BL.numpy(), intra.neighbors_NK, config.substitution, rng) for _ in range(2)
    )
    plain = plain_path.losses(encoder, inter, views, prefixes, list(rows), config.beta, 6)
    assert parts.keys() == plain.keys()
    weights = [*encoder.parameters(), *inter.parameters()]
    for name in plain:
        torch.testing.assert_close(parts[name], plain[name], rtol=1e-4, atol=1e-5)
    ours = torch.autograd.grad(sum(parts.values()), weights, allow_unused=True)
    theirs = torch.autograd.grad(sum(plain.values()), weights, allow_unused=True)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-3, atol=1e-5)


def test_missing_neighbors_have_no_part() -> None:
    encoder, prefixes, inter, _, _ = world()
    rows = np.arange(6)
    batch = make_batch(prefixes, rows, 6, CPU)
    complete = inter.neighbors_PK
    inter.neighbors_PK = complete.copy()
    inter.neighbors_PK[:, 2:] = -1
    short = loss_parts(encoder, [inter], batch, generator(1, "x"))["inter"]
    inter.neighbors_PK = complete[:, :2]
    torch.testing.assert_close(short, loss_parts(encoder, [inter], batch, generator(1, "x"))["inter"])
    inter.neighbors_PK = np.full_like(complete, -1)
    nothing = loss_parts(encoder, [inter], batch, generator(1, "x"))["inter"]
    assert nothing.item() == 0.0


def test_cached_states_are_those_of_the_epochs_start() -> None:
    encoder, prefixes, inter, _, _ = world(neighbor_states="cached", dropout=0.5)
    inter.start_epoch(encoder)
    assert encoder.training
    encoder.eval()
    batch = make_batch(prefixes, np.arange(len(prefixes)), 6, CPU)
    torch.testing.assert_close(inter.cache_PD, encoder.encode(batch.items_BL, batch.lengths_B))
    encoder.train()
    some = make_batch(prefixes, np.arange(5), 6, CPU)
    cached = loss_parts(encoder, [inter], some, generator(1, "x"))["inter"]
    assert torch.isfinite(cached)
    assert cached.requires_grad


def test_only_the_asked_number_of_neighbors_is_drawn() -> None:
    _, prefixes, inter, _, _ = world(neighbors_per_step=2)
    plan = inter.plan(make_batch(prefixes, np.arange(3), 6, CPU), generator(1, "x"))
    assert 2 <= len(plan.rows[0].lengths_R) <= 6
    chosen = inter._choose(inter.neighbors_PK, generator(2, "x"))
    assert chosen.shape == (len(prefixes), 2)
    assert all(set(row) <= set(full) for row, full in zip(chosen, inter.neighbors_PK, strict=True))


@given(st.floats(0, 0.99), st.integers(0, 100))
def test_substitution_only_brings_neighbors(ratio: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    neighbors = np.array([[1, 2], [0, -1], [-1, -1], [2, 0]], dtype=np.int32)
    items = rng.integers(0, 5, size=(6, 5))
    out = substitute(items, neighbors, ratio, generator(seed, "v"))
    for before, after in zip(items.ravel(), out.ravel(), strict=True):
        allowed = {before} | ({int(j) + 1 for j in neighbors[before - 1] if j >= 0} if before else set())
        assert after in allowed


def test_substitution_ratio_and_uniformity() -> None:
    neighbors = np.tile(np.array([[1, 2, 3, 4]], dtype=np.int32), (5, 1))
    out = substitute(np.ones((200, 200), dtype=np.int64), neighbors, 0.2, generator(0, "v"))
    assert abs((out != 1).mean() - 0.2) < 0.01
    counts = np.bincount(out[out != 1], minlength=6)[2:]
    assert counts.min() > 0.9 * counts.mean()


@pytest.mark.parametrize("sampling", ["uniform", "popularity"])
def test_sampled_loss_tends_to_the_full_one(sampling: str) -> None:
    encoder, prefixes, *_ = world()
    batch = make_batch(prefixes, np.arange(len(prefixes)), 6, CPU)
    counts = np.bincount(prefixes.targets, minlength=N_ITEMS + 1)[1:]
    full = loss_parts(encoder, [NextItem(NextItemConfig(), counts)], batch, generator(0, "n"))["next_item"]
    config = NextItemConfig(loss="sampled", negatives=20000, sampling=sampling)
    sampled = loss_parts(encoder, [NextItem(config, counts)], batch, generator(0, "n"))["next_item"]
    # The target stands beside an unbiased estimate of all *other* items' mass.
    assert sampled.item() == pytest.approx(full.item(), rel=0.02)


class OnMeta(torch.nn.Module):
    """An encoder on another device, which takes rows of its own device alone."""

    item_embeddings = torch.empty(1, 8, device="meta")

    def encode(self, items_BL: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
        assert (items_BL.device.type, lengths_B.device.type) == ("meta", "meta")
        return torch.empty(len(items_BL), 8, device="meta")


def test_rows_follow_the_encoder_to_its_device() -> None:
    rows = [Rows(torch.ones(2, 3, dtype=torch.long), torch.ones(2, dtype=torch.long)) for _ in range(2)]
    states = encode_together(OnMeta(), rows)  # type: ignore[arg-type]
    assert [part.shape for part in states] == [(2, 8), (2, 8)]
    _, _, inter, _, _ = world(neighbor_states="cached")
    inter.to("meta").start_epoch(OnMeta())  # type: ignore[arg-type]


class Looks(Objective):
    """Notes in what precision an objective works."""

    def plan(self, batch: Batch, rng: np.random.Generator) -> StepPlan:
        def finish(encoder: object, anchors_BD: torch.Tensor, states: list[torch.Tensor]) -> LossParts:
            self.seen = [anchors_BD.dtype, (anchors_BD @ anchors_BD.T).dtype, states[0].dtype]
            return {"looks": anchors_BD.sum()}

        return StepPlan(finish, [Rows(batch.items_BL, batch.lengths_B)])


def test_bfloat16_is_for_the_encoder_alone() -> None:
    encoder, prefixes, inter, intra, _ = world()
    batch, looks = make_batch(prefixes, np.arange(8), 6, CPU), Looks()
    objectives = [inter, intra, looks]
    exact = loss_parts(encoder, objectives, batch, generator(1))
    with torch.autocast("cpu", torch.bfloat16):
        rough = loss_parts(encoder, objectives, batch, generator(1))
    assert looks.seen == [torch.float32] * 3
    for name in ("inter", "intra"):
        assert rough[name] != exact[name]
        torch.testing.assert_close(rough[name], exact[name], rtol=0.05, atol=0.01)
