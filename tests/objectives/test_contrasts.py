"""Each objective that contrasts views is its slow twin, in values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.objectives import (
    cadirec,
    cl4srec,
    clae,
    coserec,
    duorec,
    eimf,
    iclrec,
    macl,
    mclrec,
    next_item,
)
from sracl_core.objectives.augment import mixed, substitute
from sracl_core.objectives.base import Batch, LossParts, Objective, loss_parts
from sracl_core.objectives.cadirec.denoiser import drawn
from sracl_core.objectives.cadirec.objective import CaDiRec
from sracl_core.objectives.cl4srec.objective import CL4SRec
from sracl_core.objectives.clae.objective import CLAE
from sracl_core.objectives.coserec import correlation
from sracl_core.objectives.coserec.objective import CoSeRec
from sracl_core.objectives.duorec.objective import DuoRec, SameTarget
from sracl_core.objectives.eimf.objective import EIMF
from sracl_core.objectives.iclrec.objective import ICLRec
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.macl.objective import MACL, weighted_nce
from sracl_core.objectives.mclrec.objective import MCLRec, margins
from sracl_core.objectives.next_item.binary import Unseen
from sracl_core.objectives.next_item.objective import NextItem
from sracl_core.retrieval.kmeans import kmeans
from sracl_core.seeding import generator
from sracl_core.training.batches import make_batch
from tests.oracles import objectives as plain
from tests.oracles import plain_path
from tests.small_world import N_ITEMS, small_encoder, small_world

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


def test_clae_is_its_definition() -> None:
    encoder, part = small_encoder(), CLAE(clae.Settings(step=0.2, adversarial=0.5))
    batch = make_batch(WORLD.prefixes, np.arange(7))
    anchors = [batch.rows.of(row).tolist() for row in range(7)]
    twin = plain.clae(encoder, anchors, 0.2, 0.5)
    assert twin["clae/adversarial"] > 0.5 * twin["clae/clean"]
    same(encoder, part, parts_of(encoder, part, batch), twin)


def test_mclrec_is_its_definition() -> None:
    encoder, part = small_encoder(), MCLRec(mclrec.Settings(margin=0.7), WORLD)
    with torch.no_grad():
        for weight in part.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    batch = make_batch(WORLD.prefixes, np.arange(0, len(WORLD.prefixes), 5))
    views = part.plan(encoder, batch, generator(1, "it")).rows
    lists = [[view.of(row).tolist() for row in range(len(view))] for view in views]
    twin = plain.mclrec(encoder, lists, list(part.augmenters), 0.7)
    same(encoder, part, parts_of(encoder, part, batch), twin)
    assert float(margins(torch.ones(1, 4), torch.ones(1, 4), "dot", 1.0)) == 0.0
    assert not list(MCLRec(mclrec.Settings(learned=0.0), WORLD).parameters())


@pytest.mark.parametrize("steps", [1, 3])
def test_cadirec_is_its_definition(steps: int) -> None:
    settings = cadirec.Settings(share=0.4, candidates=3, sampling_steps=steps, squared=0.5, dropout=0.0)
    encoder, part = small_encoder(), CaDiRec(settings, WORLD)
    with torch.no_grad():
        for weight in part.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)) * 0.3)
    batch = make_batch(WORLD.prefixes, np.arange(0, len(WORLD.prefixes), 9))
    anchors = [batch.rows.of(row).tolist() for row in range(len(batch.rows))]
    draws = drawn(batch.rows, settings, 8, N_ITEMS, generator(1, "it"))
    assert 1 < len(draws.where_M) < len(batch.rows.values)
    told = plain.cadirec(encoder, part.denoiser, anchors, draws)
    views = part.plan(encoder, batch, generator(1, "it")).rows
    ours = [[view.of(row).tolist() for row in range(len(view))] for view in views]
    assert ours == told["views"]
    assert ours[0] != ours[1]
    twin = {
        "cadirec/contrast": plain.two_views(encoder, *ours),
        "cadirec/rounding": 2.0 * told["rounding"],
        "cadirec/squared": 0.5 * told["squared"],
    }
    same(encoder, part, parts_of(encoder, part, batch), twin)


def test_cadirec_where_nothing_is_replaced() -> None:
    encoder, part = small_encoder(), CaDiRec(cadirec.Settings(share=0.0, squared=1.0), WORLD)
    parts = parts_of(encoder, part)
    assert parts["cadirec/rounding"].item() == parts["cadirec/squared"].item() == 0.0


@pytest.mark.parametrize("off", ["alignment", "prediction", ""])
def test_eimf_is_its_definition(off: str) -> None:
    shares = {"alignment": 0.5, "prediction": 2.0} | ({off: 0.0} if off else {})
    encoder, part = small_encoder(), EIMF(eimf.Settings(temperature=0.5, **shares), WORLD)
    anchors = [BATCH.rows.of(row).tolist() for row in range(len(BATCH.rows))]
    texts = part.texts.take(BATCH.prefixes_B, encoder.device)
    told = torch.stack([part.map.weight @ text + part.map.bias for text in texts])
    losses = []
    for one, item in zip(told, BATCH.targets_B, strict=True):
        scores = encoder.items.weight[1:] @ one
        losses.append(scores.logsumexp(0) - scores[item - 1])
    twin = {
        "eimf/alignment": 0.5 * plain_path.info_nce(plain.last(encoder, anchors), told, "cosine", 0.5),
        "eimf/prediction": 2.0 * torch.stack(losses).mean(),
    }
    same(encoder, part, parts_of(encoder, part), {key: twin[key] for key in twin if key != f"eimf/{off}"})


def test_macl_is_its_definition() -> None:
    encoder, part = small_encoder(), MACL(macl.Settings(sessions=0.5, hardness=0.4, temperature=0.5), WORLD)
    batch = make_batch(WORLD.prefixes, np.arange(0, len(WORLD.prefixes), 9))
    items, near = part.plan(encoder, batch, generator(1, "it")).rows
    anchors, *views = (
        [rows.of(row).tolist() for row in range(len(rows))] for rows in (batch.rows, items, near)
    )
    found, drawn = part._near(batch.prefixes_B, _after_the_items(batch))
    assert (found == np.arange(len(batch.rows))).all()
    assert [WORLD.prefixes.take(drawn).of(row).tolist() for row in range(len(drawn))] == views[1]
    twin = {}
    for name, share, view, whose in (
        ("items", 1.0, views[0], batch.prefixes_B),
        ("sessions", 0.5, views[1], drawn),
    ):
        states = [*plain.last(encoder, anchors), *plain.last(encoder, view)]
        texts = [*part.texts.take(batch.prefixes_B, encoder.device), *part.texts.take(whose, encoder.device)]
        twin[f"macl/{name}"] = share * plain.weighted_pairs(states, texts, 0.5, 0.4)
    same(encoder, part, parts_of(encoder, part, batch), twin)


def _after_the_items(batch: Batch) -> np.random.Generator:
    """The generator of MACL's step where the view of items has been drawn."""
    rng = generator(1, "it")
    assert WORLD.item_neighbors_NK is not None
    substitute(batch.rows, WORLD.item_neighbors_NK, 0.2, rng)
    return rng


def test_pairs_of_one_weight_are_info_nce_and_like_texts_are_no_negatives() -> None:
    left, right = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    both = torch.cat([left, right])
    # Each pair has a text of its own, at right angles to the others.
    texts = torch.eye(5).repeat(2, 1)
    torch.testing.assert_close(
        weighted_nce(both, texts, "cosine", 0.5, 0.0), info_nce(left, right, "cosine", 0.5)
    )
    texts[3] = texts[8] = texts[1]
    twin = plain.weighted_pairs(list(both), list(texts), 0.5, 0.0)
    torch.testing.assert_close(weighted_nce(both, texts, "cosine", 0.5, 0.0), twin)
    assert float(weighted_nce(both, torch.ones(10, 3), "cosine", 0.5, 1.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(weighted_nce(both, torch.zeros(10, 3), "dot", 0.5, 1.0)) == 0.0
    assert float(weighted_nce(both[:2], texts[:2], "dot", 0.5, 1.0)) == 0.0


@pytest.mark.parametrize(("pooling", "compare"), [("mean", "pooled"), ("last", "pooled"), ("mean", "padded")])
def test_iclrec_is_its_definition(pooling: str, compare: str) -> None:
    chosen = iclrec.Settings(clusters=4, mask=0.4, pooling=pooling, compare=compare)
    encoder, part = small_encoder(), ICLRec(chosen, WORLD)
    part.start_epoch(encoder, generator(5))
    assert encoder.training
    labels = part.labels_U[torch.from_numpy(WORLD.prefixes.users[BATCH.prefixes_B].astype(np.int64))]
    rng = generator(1, "it")
    views = [mixed(BATCH.rows, part.operators, rng) for _ in range(2)]
    lists = [[view.of(row).tolist() for row in range(len(view))] for view in views]
    known = encoder, lists, part.centroids_KD, labels.tolist()
    twin = plain.iclrec_code(*known) if compare == "padded" else plain.iclrec(*known, pooling == "mean")
    same(encoder, part, parts_of(encoder, part), twin)


def test_iclrecs_intents_are_a_function_of_seed_and_epoch() -> None:
    encoder, made = small_encoder(dropout=0.5), []
    for name in ("a", "a", "b"):
        part = ICLRec(iclrec.Settings(clusters=4), WORLD)
        part.start_epoch(encoder, generator(5, name))
        made.append(part.centroids_KD)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_kmeans_ends_where_a_plain_step_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    points = torch.from_numpy(np.concatenate([rng.normal(at, 1.0, (40, 3)) for at in (-6, 0, 6)]))
    centroids, labels = kmeans(points, 5, generator(1), iterations=100)
    again, means = plain.kmeans_step(points.tolist(), centroids.tolist())
    assert labels.tolist() == again
    torch.testing.assert_close(centroids, torch.tensor(means, dtype=points.dtype))


def test_kmeans_of_equal_points_and_of_as_many_centroids() -> None:
    centroids, labels = kmeans(torch.ones(6, 2), 3, generator(1))
    assert torch.isfinite(centroids).all()
    assert len(labels) == 6
    assert sorted(kmeans(torch.eye(5), 5, generator(1))[1].tolist()) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="6 centroids of 5 points"):
        kmeans(torch.eye(5), 6, generator(1))


def test_bce_is_its_definition() -> None:
    encoder, part = small_encoder(), NextItem(next_item.Settings(loss="bce"), WORLD)
    assert part.unseen is not None
    users = WORLD.prefixes.users[BATCH.prefixes_B]
    drawn = part.unseen.draw(users, generator(1, "it")).tolist()
    anchors = [BATCH.rows.of(row).tolist() for row in range(len(BATCH.rows))]
    terms = []
    for state, wanted, other in zip(plain.last(encoder, anchors), BATCH.targets_B, drawn, strict=True):
        yes, no = (torch.sigmoid(encoder.items.weight[item] @ state) for item in (wanted, other))
        terms.append(-torch.log(yes) - torch.log(1 - no))
    same(encoder, part, parts_of(encoder, part), {"next_item": torch.stack(terms).mean()})


def test_a_negative_of_bce_is_any_item_that_the_user_never_had() -> None:
    rng = np.random.default_rng(3)
    lists = [rng.permutation(9)[: 1 + number].tolist() for number in range(9)]
    train = Sequences.from_lists([[item + 1 for item in row] * 2 for row in lists])
    unseen = Unseen(train, 9)
    users = np.repeat(np.arange(9), 900)
    drawn = unseen.draw(users, generator(1))
    for user, row in enumerate(lists):
        counts = np.bincount(drawn[users == user], minlength=10)
        free = [item + 1 for item in range(9) if item not in row]
        assert set(np.flatnonzero(counts)) == set(free or [0])
        assert free == [] or counts[free].min() > 0.5 * 900 / len(free)


@pytest.mark.parametrize("short", [0, 3, 12])
def test_coserec_is_its_definition(short: int) -> None:
    encoder, part = small_encoder(), CoSeRec(coserec.Settings(short=short, mask=0.4), WORLD)
    left, right = views_of(encoder, part)
    anchors = [BATCH.rows.of(row).tolist() for row in range(len(BATCH.rows))]
    for row, view in zip(anchors, left, strict=True):
        if len(row) <= short:
            assert len(view) >= len(row), "a short sequence was cropped"
    same(encoder, part, parts_of(encoder, part), {"coserec": plain.two_views(encoder, left, right)})


@pytest.mark.parametrize("at_once", [5, 1 << 21])
def test_the_correlated_item_is_that_of_the_definition(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlation, "PAIRS_AT_ONCE", at_once)
    rng = np.random.default_rng(4)
    rows = [rng.integers(2, 14, size=rng.integers(0, 8)).tolist() for _ in range(20)]
    partner, amount = correlation.most_correlated(Sequences.from_lists(rows), 15)
    table = np.array(plain.correlations(rows, 15))
    np.testing.assert_allclose(amount, table.max(axis=1))
    for item in range(15):
        assert partner[item] == (-1 if not table[item].any() else partner[item])
        assert partner[item] < 0 or table[item, partner[item]] == pytest.approx(table[item].max())


def test_after_its_warm_up_coserec_reads_the_model() -> None:
    encoder, part = small_encoder(), CoSeRec(coserec.Settings(warm_up=1), WORLD)
    before = part.partners_N.clone()
    part.start_epoch(encoder, generator(1))
    assert torch.equal(part.partners_N, before)
    part.start_epoch(encoder, generator(2))
    items = encoder.item_embeddings[1:]
    cosine = torch.nn.functional.cosine_similarity(items[:, None], items[None], dim=2).detach()
    low = cosine.min()
    cosine.fill_diagonal_(-2.0)
    share = ((cosine.amax(1) - low) / (cosine.max() - low)).numpy()
    table = np.array(
        plain.correlations([row.tolist() for row in map(WORLD.split.train.of, range(12))], N_ITEMS)
    )
    wanted = np.where(table.max(1) / table.max() >= share, before.numpy(), cosine.argmax(1).numpy())
    assert part.partners_N.tolist() == wanted.tolist()
    assert not torch.equal(part.partners_N, before)
