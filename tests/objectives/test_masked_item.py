"""The cloze task: which items are hidden, what is learned from them, and what it never sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.errors import ConfigError
from sracl_core.models import bert4rec, sasrec
from sracl_core.models.bert4rec.encoder import BERT4Rec
from sracl_core.models.build import build_encoder
from sracl_core.objectives import masked_item
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.masked_item.objective import MaskedItem
from sracl_core.objectives.world import World
from sracl_core.seeding import generator
from sracl_core.training.batches import epoch_batches, make_batch
from tests.oracles import plain_backbones

N_ITEMS = 40
PLANTED = 40


def task(train: Sequences, window: int, **changes: float) -> tuple[MaskedItem, World]:
    whole = Sequences.from_lists([*row, PLANTED, PLANTED] for row in map(train.of, range(len(train))))
    split = leave_one_out(whole)
    assert split.train.values.tolist() == train.values.tolist()
    world = World(1, N_ITEMS, 8, split, training_prefixes(split.train, window))
    return MaskedItem(masked_item.Settings(**changes), world), world


def encoder_of(window: int) -> BERT4Rec:
    encoder = build_encoder(bert4rec.Settings(hidden_size=8, inner_size=12, max_length=window), N_ITEMS)
    assert isinstance(encoder, BERT4Rec)
    return encoder.eval()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 19), min_size=1, max_size=6), st.integers(2, 8))
def test_windows_tile_the_training_sequences_and_nothing_else(lengths: list[int], window: int) -> None:
    """The held-out items, planted where nothing else is, are neither read nor named in a whole epoch."""
    rng = np.random.default_rng(sum(lengths))
    train = Sequences.from_lists(rng.integers(1, PLANTED, size=length) for length in lengths)
    part, world = task(train, window, copies=1)
    encoder, read = encoder_of(window), []
    encoder.masked_states = lambda rows, where: read.append((rows, where)) or torch.zeros(len(where), 8)
    named = []
    for batch in epoch_batches(world.prefixes, part.examples(world.prefixes), 3, 1, 0, 0):
        part.plan(encoder, batch, generator(1, "objectives", len(read)))
        named += [*batch.rows.values.tolist(), *batch.targets_B.tolist()]
    assert PLANTED not in named
    assert not any((rows.values == PLANTED).any() for rows, _ in read)
    expected = []
    for row in map(train.of, range(len(train))):
        left_over = 1 if len(row) % (window + 1) == 1 else 0
        expected += row[left_over:].tolist()
    assert sorted(named) == sorted(expected)


@given(st.lists(st.integers(2, 30), min_size=1, max_size=9), st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_share_of_each_sequence_is_hidden(lengths: list[int], share: float, seed: int) -> None:
    part = MaskedItem(masked_item.Settings(mask_share=share, last_share=0.0), None)
    rows = Sequences.of_lengths(np.ones(sum(lengths), dtype=np.int32), np.array(lengths))
    where = part._hidden(rows, generator(seed))
    assert (np.diff(where) > 0).all()
    counts = np.diff(np.searchsorted(where, rows.offsets))
    assert counts.tolist() == [min(max(1, round(share * length)), length - 1) for length in lengths]


def test_masks_fall_everywhere_and_on_the_last_as_often_as_asked() -> None:
    part = MaskedItem(masked_item.Settings(mask_share=0.2, last_share=0.5), None)
    rows = Sequences.of_lengths(np.ones(50_000, dtype=np.int32), np.full(5_000, 10))
    where = part._hidden(rows, generator(5))
    counts = np.diff(np.searchsorted(where, rows.offsets))
    assert abs((counts == 1).mean() - 0.5) < 0.03
    share = np.bincount(where % 10, minlength=10) / 5_000
    assert np.abs(share[:9] - 0.1).max() < 0.02
    assert abs(share[9] - 0.6) < 0.03


def test_loss_and_gradients_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(2)
    train = Sequences.from_lists(rng.integers(1, PLANTED, size=length) for length in (2, 5, 9, 4, 7))
    part, world = task(train, 6, copies=2, mask_share=0.4)
    encoder = encoder_of(6)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
        encoder.items.weight[0].zero_()
    batch = make_batch(world.prefixes, part.examples(world.prefixes))
    seen = {}
    kept = part._hidden
    part._hidden = lambda rows, rng: seen.setdefault("where", kept(seen.setdefault("rows", rows), rng))
    ours = loss_parts(encoder, {"masked_item": part}, {"masked_item": 1.0}, batch, lambda _: generator(3))
    rows, where = seen["rows"], seen["where"]
    masked = [
        (where[(where >= start) & (where < end)] - start).tolist()
        for start, end in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
    ]
    plain = plain_backbones.masked_item(encoder, [rows.of(row).tolist() for row in range(len(rows))], masked)
    torch.testing.assert_close(ours["masked_item"], plain, rtol=1e-4, atol=1e-5)
    results = []
    for loss in (ours["masked_item"], plain):
        encoder.zero_grad()
        loss.backward()
        results.append({key: weight.grad.clone() for key, weight in encoder.named_parameters()})
    for key, gradient in results[1].items():
        torch.testing.assert_close(results[0][key][1:], gradient[1:], rtol=1e-3, atol=1e-5, msg=key)


def test_an_encoder_without_masks_is_refused() -> None:
    part, world = task(Sequences.from_lists([[1, 2, 3]]), 4)
    encoder = build_encoder(sasrec.Settings(hidden_size=8, inner_size=8), N_ITEMS)
    with pytest.raises(ConfigError, match=r"SASRec has no masked_states; take model\.name=bert4rec"):
        part.plan(encoder, make_batch(world.prefixes, np.array([0])), generator(1))
