from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.models import sasrec
from sracl_core.models.dropout import MaskSource
from sracl_core.models.packing import pack, widths_up_to
from sracl_core.models.registry import build_encoder
from sracl_core.seeding import generator
from sracl_core.settings.models import ModelConfig
from tests.oracles import plain_path

lengths_of_rows = st.lists(st.integers(1, 20), min_size=1, max_size=40)


def batch(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    width, rng = max(lengths), np.random.default_rng(sum(lengths))
    items = rng.integers(1, 50, size=(len(lengths), width))
    items[np.arange(width) < (width - np.array(lengths))[:, None]] = 0
    return torch.from_numpy(items), torch.tensor(lengths)


@given(lengths_of_rows)
def test_packed_tokens_are_the_rows(lengths: list[int]) -> None:
    items, sizes = batch(lengths)
    packed = pack(items, sizes)
    sorted_rows = sorted(range(len(lengths)), key=lambda row: lengths[row])
    place, found = 0, []
    for group in packed.groups:
        block = packed.tokens_T[group.start : group.start + group.rows * group.width].view(group.rows, -1)
        for row in block:
            found.append([int(item) for item in row if item])
            place += 1
    assert found == [[int(i) for i in items[row] if i] for row in sorted_rows]
    assert packed.tokens_T[packed.last_B][packed.unsort_B].equal(items[:, -1])
    assert (packed.positions_T[packed.last_B] == 0).all()
    assert packed.positions_T.max() < 20


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
    encoder = build_encoder(ModelConfig(hidden_size=16, inner_size=32), 50, seed=2).eval()
    items, sizes = batch(lengths)
    full = torch.nn.functional.pad(items, (20 - items.shape[1], 0))
    torch.testing.assert_close(
        encoder.encode(items, sizes), plain_path.encode(encoder, full), rtol=1e-4, atol=1e-5
    )


def test_a_batch_of_many_tokens_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = build_encoder(ModelConfig(hidden_size=16, inner_size=32), 50, seed=2).eval()
    items, sizes = batch([1 + row % 20 for row in range(97)])
    whole = encoder.encode(items, sizes)
    monkeypatch.setattr(sasrec, "TOKENS_AT_ONCE", 37)
    torch.testing.assert_close(encoder.encode(items, sizes), whole, rtol=1e-5, atol=1e-6)


def test_masks_drop_their_share_and_keep_the_mean() -> None:
    source = MaskSource(generator(1, "test"))
    for rate in (0.1, 0.2, 0.5):
        mask = source.draw(torch.Size([400, 500]), rate, torch.zeros(1))
        assert abs(float((mask == 0).float().mean()) - rate) < 0.005
        assert abs(float(mask.mean()) - 1.0) < 0.01
        assert len(mask.unique()) == 2
