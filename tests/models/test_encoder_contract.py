"""What every backbone keeps, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sracl_core.models.base import SequenceEncoder, text_start
from sracl_core.models.registry import BACKBONES, build_encoder
from sracl_core.seeding import generator
from sracl_core.settings.models import ModelConfig

N_ITEMS, SIZE = 30, 16


@pytest.fixture(params=sorted(BACKBONES))
def encoder(request: pytest.FixtureRequest) -> SequenceEncoder:
    config = ModelConfig(name=request.param, hidden_size=SIZE, inner_size=32, max_length=6)
    # Weights well away from 0, so that a difference in what is read shows in the state.
    built = build_encoder(config, N_ITEMS, seed=3)
    with torch.no_grad():
        for weight in built.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
        built.items.weight[0].zero_()
    return built.eval()


def rows(*sequences: list[int], width: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    width = width or max(len(s) for s in sequences)
    items = torch.tensor([[0] * (width - len(s)) + s for s in sequences])
    return items, torch.tensor([len(s) for s in sequences])


def test_one_finite_state_per_row(encoder: SequenceEncoder) -> None:
    states = encoder.encode(*rows([4], [7, 2, 9], [1, 2, 3, 4, 5, 6]))
    assert states.shape == (3, SIZE)
    assert states.dtype == torch.float32
    assert torch.isfinite(states).all()
    assert encoder.item_embeddings.shape == (N_ITEMS + 1, SIZE)
    assert (encoder.item_embeddings[0] == 0).all()


def test_padding_and_company_change_nothing(encoder: SequenceEncoder) -> None:
    alone = encoder.encode(*rows([7, 2, 9]))
    padded = encoder.encode(*rows([7, 2, 9], width=6))
    together = encoder.encode(*rows([1, 2, 3, 4, 5], [7, 2, 9], [8]))
    torch.testing.assert_close(padded, alone)
    torch.testing.assert_close(together[1:2], alone)


def test_order_of_rows_is_kept(encoder: SequenceEncoder) -> None:
    sequences = [[3], [5, 6, 7, 8], [1, 2], [9, 9, 9, 9, 9], [4]]
    together = encoder.encode(*rows(*sequences))
    for state, sequence in zip(together, sequences, strict=True):
        torch.testing.assert_close(state, encoder.encode(*rows(sequence))[0])


def test_items_before_the_window_are_not_read(encoder: SequenceEncoder) -> None:
    long = encoder.encode(*rows([11, 12, 1, 2, 3, 4, 5, 6]))
    cut = encoder.encode(*rows([1, 2, 3, 4, 5, 6]))
    torch.testing.assert_close(long, cut)


def test_every_item_and_its_order_matter(encoder: SequenceEncoder) -> None:
    base = encoder.encode(*rows([7, 2, 9]))
    for other in ([8, 2, 9], [7, 3, 9], [7, 2, 1], [2, 7, 9], [2, 9]):
        assert (encoder.encode(*rows(other)) - base).abs().max() > 1e-4


def test_no_look_ahead(encoder: SequenceEncoder) -> None:
    """The state after a prefix is the same however the sequence goes on, being read off alone."""
    items, lengths = rows([7, 2, 9])
    items.requires_grad_(False)
    before = encoder.encode(items, lengths)
    after = encoder.encode(*rows([7, 2, 9, 5]))
    assert (before - after).abs().max() > 1e-4
    torch.testing.assert_close(encoder.encode(items, lengths), before)


def test_dropout_follows_its_generator(encoder: SequenceEncoder) -> None:
    batch = rows([7, 2, 9], [1, 2, 3, 4, 5])
    encoder.train()

    def state(seed: int) -> torch.Tensor:
        encoder.masks.rng = generator(seed, "dropout", 0)
        return encoder.encode(*batch)

    torch.testing.assert_close(state(1), state(1), rtol=0, atol=0)
    assert (state(1) - state(2)).abs().max() > 1e-4
    encoder.eval()
    torch.testing.assert_close(state(1), state(2), rtol=0, atol=0)


def test_every_weight_learns_and_padding_does_not(encoder: SequenceEncoder) -> None:
    encoder.encode(*rows([7, 2, 9], [1, 2, 3, 4, 5, 6], width=6)).square().sum().backward()
    for name, weight in encoder.named_parameters():
        assert weight.grad is not None, name
        # A bias before a normalization over it, or of a softmax, has no effect; nothing else.
        if "key_value.bias" not in name:
            assert weight.grad.abs().max() > 0, name
    assert (encoder.items.weight.grad[0] == 0).all()


def test_save_and_load_is_the_identity(encoder: SequenceEncoder, tmp_path) -> None:
    batch = rows([7, 2, 9], [1, 2])
    save_file(encoder.state_dict(), tmp_path / "model.safetensors")
    config = ModelConfig(
        name="sasrec" if type(encoder).__name__ == "SASRec" else "gru4rec",
        hidden_size=SIZE,
        inner_size=32,
        max_length=6,
    )
    other = build_encoder(config, N_ITEMS, seed=99).eval()
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    torch.testing.assert_close(other.encode(*batch), encoder.encode(*batch), rtol=0, atol=0)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_seed_decides_the_start(name: str) -> None:
    config = ModelConfig(name=name, hidden_size=SIZE)
    first, same, other = (build_encoder(config, N_ITEMS, seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["items.weight"], other["items.weight"])


def test_scaling_items_changes_them_alone(encoder: SequenceEncoder) -> None:
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.scale_items(2.5)
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name] * (2.5 if name == "items.weight" else 1.0))


def test_text_start_keeps_what_texts_have_in_common() -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, 50))
    vectors = (centers[np.arange(200) % 4] + 0.1 * rng.normal(size=(200, 50))).astype(np.float32)
    start = text_start(vectors, 8)
    assert start.shape == (200, 8)
    assert start.std() == pytest.approx(0.02, rel=1e-3)
    unit = start / np.linalg.norm(start, axis=1, keepdims=True)
    similarity = unit @ unit.T
    same = (np.arange(200) % 4)[:, None] == (np.arange(200) % 4)[None]
    assert similarity[same].mean() > 0.9 > similarity[~same].mean() + 0.5


def test_text_start_with_fewer_directions_than_columns() -> None:
    start = text_start(np.eye(3, dtype=np.float32), 8)
    assert start.shape == (3, 8)
    assert np.isfinite(start).all()
    assert (start[:, 3:] == 0).all()
