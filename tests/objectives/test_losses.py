from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.prefixes import Prefixes, training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.errors import ConfigError
from sracl_core.models import gru4rec, sasrec
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.objectives import next_item, sracl
from sracl_core.objectives.augment import substitute
from sracl_core.objectives.base import Batch, LossParts, Objective, Request, encode_together, loss_parts
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.next_item.cross_entropy import linear_cross_entropy
from sracl_core.objectives.next_item.objective import NextItem, at_every_item
from sracl_core.objectives.sracl.inter import InterUser
from sracl_core.objectives.sracl.intra import IntraUser
from sracl_core.objectives.sracl.objective import SraCl
from sracl_core.objectives.world import World
from sracl_core.seeding import generator
from sracl_core.training.batches import make_batch
from tests.oracles import plain_path
from tests.small_world import N_ITEMS, small_world


def setting(dropout: float = 0.0, **changes: Any) -> tuple[SequenceEncoder, World, InterUser, IntraUser]:
    world = small_world()
    model = sasrec.Settings(
        hidden_size=8, inner_size=16, max_length=6, dropout=dropout, attention_dropout=dropout
    )
    encoder = build_encoder(model, N_ITEMS, seed=1).train()
    with torch.no_grad():
        encoder.items.weight[1:] *= 20
    chosen = sracl.Settings(**{"synthesizer_dropout": 0.0, **changes})
    assert world.item_neighbors_NK is not None
    return encoder, world, InterUser(chosen, world), IntraUser(chosen, world.item_neighbors_NK)


def parts_of(
    encoder: SequenceEncoder, objectives: dict[str, Objective], batch: Batch, seed: int = 1
) -> LossParts:
    weights = dict.fromkeys(objectives, 1.0)
    return loss_parts(encoder, objectives, weights, batch, lambda name: generator(seed, name))


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


def followed(items: list[int]) -> Prefixes:
    """Prefixes of one item each, which `items` followed."""
    values = np.array([part for item in items for part in (1, item)], dtype=np.int32)
    starts = 2 * np.arange(len(items))
    return Prefixes(values, np.zeros(len(items), dtype=np.int32), starts, starts + 1)


def dense_targets(world: World, items: list[int], **changes: Any) -> torch.Tensor:
    """What next-item asks of the prefixes 0, 1, ..., which `items` followed: a distribution over 5 items."""
    world = replace(world, n_items=5, prefixes=followed(items))
    part = NextItem(next_item.Settings(**changes), world)
    rows, shares = part._targets(make_batch(world.prefixes, np.arange(len(items))))
    return torch.zeros(len(items), 5).scatter_add_(1, torch.from_numpy(rows), torch.from_numpy(shares))


def test_smoothing_gives_a_part_of_the_target_to_its_neighbors() -> None:
    near = np.array([[1, 2], [3, -1], [-1, -1], [0, 1], [2, 3]], dtype=np.int32)
    found = dense_targets(replace(small_world(), item_neighbors_NK=near), [1, 2, 3], smoothing=0.2)
    expected = torch.tensor([[0.8, 0.1, 0.1, 0, 0], [0, 0.8, 0, 0.2, 0], [0, 0, 1.0, 0, 0]])
    torch.testing.assert_close(found, expected)


def test_a_part_of_the_target_goes_to_what_followed_near_prefixes() -> None:
    items = np.array([[2, -1], [-1, -1], [-1, -1], [-1, -1], [-1, -1]], dtype=np.int32)
    near = np.array([[1, 2], [2, -1], [-1, -1]], dtype=np.int32)
    world = replace(small_world(), prefix_neighbors_PK=near, item_neighbors_NK=items)
    expected = torch.tensor([[0.6, 0.2, 0, 0, 0.2], [0, 0.6, 0, 0, 0.4], [0, 0, 0, 0, 1.0]])
    torch.testing.assert_close(dense_targets(world, [1, 2, 5], neighbor_targets=0.4), expected)
    expected[0] = torch.tensor([0.3, 0.2, 0.3, 0, 0.2])
    found = dense_targets(world, [1, 2, 5], smoothing=0.5, neighbor_targets=0.4)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("synthesizer", ["learned", "mean"])
@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_all_parts_and_gradients_equal_the_plain_path(synthesizer: str, similarity: str) -> None:
    encoder, world, inter, intra = setting(synthesizer=synthesizer, similarity=similarity)
    rows = np.arange(0, len(world.prefixes), 3)
    batch = make_batch(world.prefixes, rows)
    first = NextItem(next_item.Settings(), world)
    parts = parts_of(encoder, {"next_item": first, "inter": inter, "intra": intra}, batch)
    rng, ratio = generator(1, "intra"), intra.settings.substitution
    views = tuple(substitute(batch.rows, intra.neighbors_NK, ratio, rng).padded() for _ in range(2))
    plain = plain_path.losses(encoder, inter, views, world.prefixes, list(rows), intra.settings.beta, 6)
    assert parts.keys() == plain.keys()
    weights = [*encoder.parameters(), *inter.parameters()]
    for name in plain:
        torch.testing.assert_close(parts[name], plain[name], rtol=1e-4, atol=1e-5)
    ours = torch.autograd.grad(sum(parts.values()), weights, allow_unused=True)
    theirs = torch.autograd.grad(sum(plain.values()), weights, allow_unused=True)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-3, atol=1e-5)


def test_missing_neighbors_have_no_part() -> None:
    encoder, world, inter, _ = setting()
    batch = make_batch(world.prefixes, np.arange(6))
    complete = inter.neighbors_PK

    def loss_with(neighbors: np.ndarray) -> torch.Tensor:
        inter.neighbors_PK = neighbors
        return parts_of(encoder, {"inter": inter}, batch)["inter"]

    short = complete.copy()
    short[:, 2:] = -1
    torch.testing.assert_close(loss_with(short), loss_with(complete[:, :2]))
    assert loss_with(np.full_like(complete, -1)).item() == 0.0


def test_a_mix_never_loses_all_its_neighbors() -> None:
    _, world, inter, _ = setting(synthesizer_dropout=0.9)
    valid = np.ones((500, 2), dtype=bool)
    valid[:100, 1] = False
    kept = inter.synthesizer.kept(valid, generator(1))
    assert kept.any(axis=1).all()
    assert not kept[~valid].any()
    assert 0.0 < kept[100:].all(axis=1).mean() < 0.1
    assert inter.synthesizer.kept(valid, None) is valid
    assert world.prefix_vectors is not None
    text = world.prefix_vectors.take(np.arange(7), torch.device("cpu"))
    among = torch.arange(6).view(3, 2)
    weights = inter.synthesizer.weights(text[:3], text, among, torch.from_numpy(kept[98:101]))
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    assert (weights[torch.from_numpy(~kept[98:101])] == 0).all()


def test_a_part_draws_the_same_whichever_other_part_is_on() -> None:
    world = small_world()
    batch, encoder = make_batch(world.prefixes, np.arange(9)), setting()[0]

    def views(**changes: float) -> list[list[int]]:
        rows = SraCl(sracl.Settings(**changes), world).plan(encoder, batch, generator(4)).rows
        return [view.values.tolist() for view in rows[-2:]]

    assert views(alpha=0.1) == views(alpha=0.0)
    assert views(neighbors_per_step=2) == views(alpha=0.0)


def test_two_parts_of_one_name_are_refused() -> None:
    encoder, world, inter, _ = setting()
    batch = make_batch(world.prefixes, np.arange(6))
    with pytest.raises(ConfigError, match="a part 'inter'"):
        parts_of(encoder, {"one": inter, "other": inter}, batch)


def test_cached_states_are_those_of_the_epochs_start() -> None:
    encoder, world, inter, _ = setting(neighbor_states="cached", dropout=0.5)
    inter.start_epoch(encoder, generator(0))
    assert encoder.training
    encoder.eval()
    batch = make_batch(world.prefixes, np.arange(len(world.prefixes)))
    torch.testing.assert_close(inter.cache_PD, encoder.encode(batch.rows))
    encoder.train()
    cached = parts_of(encoder, {"inter": inter}, make_batch(world.prefixes, np.arange(5)))["inter"]
    assert torch.isfinite(cached)
    assert cached.requires_grad


def test_only_the_asked_number_of_neighbors_is_drawn() -> None:
    encoder, world, inter, _ = setting(neighbors_per_step=2)
    plan = inter.plan(encoder, make_batch(world.prefixes, np.arange(3)), generator(1, "x"))
    assert 2 <= len(plan.rows[0]) <= 6
    chosen = inter._choose(inter.neighbors_PK, generator(2, "x"))
    assert chosen.shape == (len(world.prefixes), 2)
    assert all(set(row) <= set(full) for row, full in zip(chosen, inter.neighbors_PK, strict=True))


@given(st.floats(0, 0.99), st.integers(0, 100))
def test_substitution_only_brings_neighbors(ratio: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    neighbors = np.array([[1, 2], [0, -1], [-1, -1], [2, 0]], dtype=np.int32)
    rows = Sequences.from_lists(rng.integers(1, 5, size=(6, 5)))
    out = substitute(rows, neighbors, ratio, generator(seed, "v"))
    assert (out.offsets == rows.offsets).all()
    for before, after in zip(rows.values, out.values, strict=True):
        assert after in {before} | {int(j) + 1 for j in neighbors[before - 1] if j >= 0}


def test_substitution_ratio_and_uniformity() -> None:
    neighbors = np.tile(np.array([[1, 2, 3, 4]], dtype=np.int32), (5, 1))
    out = substitute(Sequences.from_lists(np.ones((200, 200))), neighbors, 0.2, generator(0, "v")).values
    assert abs((out != 1).mean() - 0.2) < 0.01
    counts = np.bincount(out[out != 1], minlength=6)[2:]
    assert counts.min() > 0.9 * counts.mean()


@pytest.mark.parametrize("sampling", ["uniform", "popularity"])
@pytest.mark.parametrize("shared", [{}, {"smoothing": 0.3, "neighbor_targets": 0.2}])
def test_sampled_loss_tends_to_the_full_one(sampling: str, shared: dict[str, float]) -> None:
    encoder, world, *_ = setting()
    batch = make_batch(world.prefixes, np.arange(len(world.prefixes)))

    def loss(**changes: Any) -> float:
        part = NextItem(next_item.Settings(**shared, **changes), world)
        return parts_of(encoder, {"next_item": part}, batch)["next_item"].item()

    # The targets stand beside an unbiased estimate of all *other* items' mass.
    assert loss(loss="sampled", negatives=20000, sampling=sampling) == pytest.approx(loss(), rel=0.02)


@pytest.mark.parametrize("shared", [{}, {"smoothing": 0.3}, {"smoothing": 0.3, "neighbor_targets": 0.2}])
def test_sampled_loss_is_that_of_the_plain_loops(shared: dict[str, float]) -> None:
    encoder, world, *_ = setting()
    part = NextItem(next_item.Settings(loss="sampled", negatives=9, **shared), world)
    batch = make_batch(world.prefixes, np.arange(7))
    drawn = np.random.default_rng(5).integers(1, world.n_items + 1, 9)
    states = torch.randn(7, 8, generator=torch.Generator().manual_seed(2)) / 4
    found = part._sampled(encoder, states, batch, drawn)
    rows, shares = part._targets(batch)
    losses = []
    for state, items, parts in zip(states, rows + 1, shares, strict=True):
        wanted = {int(item): parts[items == item].sum() for item in items[parts > 0]}
        score = {item: state @ encoder.items.weight[item] for item in {*wanted, *drawn.tolist()}}
        mass = sum(score[item].exp() for item in wanted)
        for item in drawn.tolist():
            if item not in wanted:
                mass = mass + score[item].exp() / (9 * part.share_N[item - 1])
        losses.append(mass.log() - sum(share * score[item] for item, share in wanted.items()))
    torch.testing.assert_close(found, torch.stack(losses).mean())
    ours, plain = (torch.autograd.grad(x, encoder.items.weight)[0] for x in (found, sum(losses) / 7))
    torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize(
    "changes",
    [{}, {"smoothing": 0.2, "neighbor_targets": 0.1}, {"loss": "bce"}, {"loss": "sampled", "negatives": 7}],
)
def test_a_sequence_as_one_example_has_the_loss_of_its_prefixes(changes: dict[str, Any]) -> None:
    """Of an encoder whose state is the same in a whole sequence and in the prefix that ends there."""
    world = small_world()
    found = []
    for examples in ("prefixes", "sequences"):
        model = gru4rec.Settings(hidden_size=8, max_length=6, dropout=0.0)
        encoder = build_encoder(model, N_ITEMS, seed=1).train()
        part = NextItem(next_item.Settings(examples=examples, **changes), world)
        uncut = world.prefixes.windows(100)
        uncut = uncut[world.prefixes.lengths[uncut] < 6]
        users = world.prefixes.users[uncut]
        rows = part.examples(world.prefixes)
        batch = make_batch(world.prefixes, rows[np.isin(world.prefixes.users[rows], users)])
        assert len(batch.rows) == (
            len(users) if examples == "sequences" else world.prefixes.lengths[uncut].sum()
        )
        (loss,) = parts_of(encoder, {"next_item": part}, batch).values()
        loss.backward()
        found.append([loss.detach(), *(weight.grad for weight in encoder.parameters())])
    for prefixes, sequences in zip(*found, strict=True):
        torch.testing.assert_close(prefixes, sequences, rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(lambda lengths: max(lengths) > 1),
    st.integers(1, 5),
)
def test_every_target_is_that_of_one_state_of_one_sequence(lengths: list[int], window: int) -> None:
    sequences = Sequences.of_lengths(np.arange(1, sum(lengths) + 1, dtype=np.int32), np.array(lengths))
    prefixes = training_prefixes(sequences, window)
    world = replace(small_world(), prefixes=prefixes, n_items=sum(lengths))
    part = NextItem(next_item.Settings(examples="sequences"), world)
    each = at_every_item(make_batch(prefixes, part.examples(prefixes)))
    assert sorted(each.prefixes_B) == list(range(len(prefixes)))
    np.testing.assert_array_equal(each.targets_B, prefixes.targets[each.prefixes_B])


class OnMeta(torch.nn.Module):
    """An encoder on another device."""

    device = torch.device("meta")
    hidden_size = 8

    def encode(self, rows: Sequences) -> torch.Tensor:
        return torch.empty(len(rows), 8, device="meta")


def test_objectives_follow_the_encoder_to_its_device() -> None:
    rows = [Sequences.from_lists([[1, 2, 3], [1]]) for _ in range(2)]
    states = encode_together(OnMeta(), rows)  # type: ignore[arg-type]
    assert [part.shape for part in states] == [(2, 8), (2, 8)]
    _, world, inter, _ = setting(neighbor_states="cached")
    inter.to("meta").start_epoch(OnMeta(), generator(0))  # type: ignore[arg-type]
    request = inter.plan(OnMeta(), make_batch(world.prefixes, np.arange(6)), generator(1))  # type: ignore[arg-type]
    (loss,) = request.finish(torch.empty(6, 8, device="meta"), []).values()
    assert loss.device.type == "meta"


class Looks(Objective):
    """Notes in what precision an objective works."""

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        def finish(anchors_BD: torch.Tensor, states: list[torch.Tensor]) -> LossParts:
            self.seen = [anchors_BD.dtype, (anchors_BD @ anchors_BD.T).dtype, states[0].dtype]
            return {"looks": anchors_BD.sum()}

        return Request(finish, [batch.rows])


def test_bfloat16_is_for_the_encoder_alone() -> None:
    encoder, world, inter, intra = setting()
    batch, looks = make_batch(world.prefixes, np.arange(8)), Looks()
    objectives = {"inter": inter, "intra": intra, "looks": looks}
    exact = parts_of(encoder, objectives, batch)
    with torch.autocast("cpu", torch.bfloat16):
        rough = parts_of(encoder, objectives, batch)
    assert looks.seen == [torch.float32] * 3
    for name in ("inter", "intra"):
        assert rough[name] != exact[name]
        torch.testing.assert_close(rough[name], exact[name], rtol=0.05, atol=0.01)


class Blind(Objective):
    """Encodes nothing, and reads no anchor."""

    reads_anchors = False

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        return Request(lambda anchors_BD, _: {"blind": encoder.item_embeddings.sum() + len(anchors_BD)})


def test_anchors_that_nobody_reads_are_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, world, *_ = setting()
    monkeypatch.setattr(encoder, "encode", lambda rows: pytest.fail("encoded"))
    (loss,) = parts_of(encoder, {"blind": Blind()}, make_batch(world.prefixes, np.arange(4))).values()
    torch.testing.assert_close(loss, encoder.item_embeddings.sum())
