from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core import device
from sracl_core.data.sequences import Sequences
from sracl_core.models import sasrec
from sracl_core.models.attention import library_attention, packed_attention
from sracl_core.models.build import build_encoder
from sracl_core.models.dropout import MaskSource
from sracl_core.models.packing import pack, widths_up_to
from sracl_core.seeding import generator
from tests.oracles import plain_path

lengths_of_rows = st.lists(st.integers(1, 20), min_size=1, max_size=40)


CPU = torch.device("cpu")
SMALL = sasrec.Settings(hidden_size=16, inner_size=32)


def batch(lengths: list[int]) -> Sequences:
    rng = np.random.default_rng(sum(lengths))
    return Sequences.from_lists(rng.integers(1, 50, size=length) for length in lengths)


@given(lengths_of_rows)
def test_packed_tokens_are_the_rows(lengths: list[int]) -> None:
    rows = batch(lengths)
    packed = pack(rows, CPU, flat=True)
    sorted_rows = sorted(range(len(lengths)), key=lambda row: lengths[row])
    found = []
    for group in packed.groups:
        block = packed.tokens_T[group.start : group.start + group.rows * group.width].view(group.rows, -1)
        found += [[int(item) for item in row if item] for row in block]
    assert found == [rows.of(row).tolist() for row in sorted_rows]
    assert packed.tokens_T[packed.last_B][packed.unsort_B].tolist() == [
        rows.of(r)[-1] for r in range(len(rows))
    ]
    assert (packed.positions_T[packed.last_B] == 0).all()
    assert packed.positions_T.max() < 20
    assert packed.tokens_T[packed.flat_S].tolist() == rows.values.tolist()


@given(st.integers(1, 300))
def test_widths_fit_and_waste_less_than_half(longest: int) -> None:
    widths = widths_up_to(longest)
    lengths = np.arange(1, longest + 1)
    assert (widths[1:] >= lengths).all()
    assert (widths[1:] <= np.maximum(lengths * 1.5, lengths + 1)).all()
    assert widths[longest] == longest


@settings(max_examples=20, deadline=None)
@given(lengths_of_rows)
def test_packed_encoder_equals_the_padded_one(lengths: list[int]) -> None:
    encoder = build_encoder(SMALL, 50, seed=2).eval()
    rows = batch(lengths)
    full = torch.from_numpy(rows.padded(20).astype(np.int64))
    torch.testing.assert_close(encoder.encode(rows), plain_path.encode(encoder, full), rtol=1e-4, atol=1e-5)


def test_a_batch_of_many_tokens_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = build_encoder(SMALL, 50, seed=2).eval()
    rows = batch([1 + row % 20 for row in range(97)])
    whole = encoder.encode(rows)
    monkeypatch.setitem(device._TOKENS_AT_ONCE, "cpu", 37)
    torch.testing.assert_close(encoder.encode(rows), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("last_only", [False, True])
def test_the_accelerators_attention_is_the_same(last_only: bool) -> None:
    packed = pack(batch([1, 3, 4, 4, 7, 12, 20]), CPU)
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(len(packed.tokens_T), 24, generator=rng)
    results = []
    for attention in (packed_attention, library_attention):
        query, key_value = inputs[:, :8].clone().requires_grad_(), inputs[:, 8:].clone().requires_grad_()
        asked = query[packed.last_B] if last_only else query
        extra = () if attention is library_attention else (MaskSource(generator(0)),)
        mixed = attention(asked, key_value, packed.groups, 2, 0.0, *extra)
        real = torch.ones(len(asked), dtype=torch.bool) if last_only else packed.tokens_T != 0
        mixed[real].square().sum().backward()
        results.append((mixed[real].detach(), query.grad, key_value.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_masks_drop_their_share_and_keep_the_mean() -> None:
    source = MaskSource(generator(1, "test"))
    for rate in (0.1, 0.2, 0.5):
        mask = source.draw(torch.Size([400, 500]), rate, torch.zeros(1))
        assert abs(float((mask == 0).float().mean()) - rate) < 0.005
        assert abs(float(mask.mean()) - 1.0) < 0.01
        assert len(mask.unique()) == 2
