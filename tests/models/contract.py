"""What every backbone keeps, whatever it is: inherit, and name the settings.

class TestMine(BackboneContract):
    settings = mine.Settings(hidden_size=16, max_length=6)
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder, parameter_count
from sracl_core.seeding import generator
from sracl_core.settings.section import Backbone

N_ITEMS = 30


def rows(*sequences: list[int]) -> Sequences:
    return Sequences.from_lists(sequences)


class BackboneContract:
    """Seven promises; `without_effect` names weights that no loss can move."""

    settings: ClassVar[Backbone]
    without_effect: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def encoder(self) -> SequenceEncoder:
        # Weights well away from 0, so that a difference in what is read shows in the state.
        built = build_encoder(self.settings, N_ITEMS, seed=3)
        with torch.no_grad():
            for weight in built.parameters():
                weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
            built.items.weight[0].zero_()
        return built.eval()

    def test_one_finite_state_per_row(self, encoder: SequenceEncoder) -> None:
        states = encoder.encode(rows([4], [7, 2, 9], [1, 2, 3, 4, 5, 6]))
        assert len(states) == 3
        assert states.dtype == torch.float32
        assert torch.isfinite(states).all()
        scores = encoder.score(states, rows([4], [7, 2, 9], [1, 2, 3, 4, 5, 6]))
        assert scores.shape == (3, N_ITEMS)
        assert torch.isfinite(scores).all()
        assert (encoder.item_embeddings[0] == 0).all()

    def test_company_and_order_of_rows_change_nothing(self, encoder: SequenceEncoder) -> None:
        sequences = [[3], [5, 6, 7, 8], [1, 2], [9, 9, 9, 9, 9], [7, 2, 9], [4]]
        together = encoder.encode(rows(*sequences))
        for state, sequence in zip(together, sequences, strict=True):
            torch.testing.assert_close(state, encoder.encode(rows(sequence))[0])

    def test_items_before_the_window_are_not_read(self, encoder: SequenceEncoder) -> None:
        long = encoder.encode(rows([11, 12, 1, 2, 3, 4, 5, 6]))
        torch.testing.assert_close(long, encoder.encode(rows([1, 2, 3, 4, 5, 6])))

    def test_every_item_and_its_order_matter(self, encoder: SequenceEncoder) -> None:
        base = encoder.encode(rows([7, 2, 9]))
        for other in ([8, 2, 9], [7, 3, 9], [7, 2, 1], [2, 7, 9], [2, 9]):
            assert (encoder.encode(rows(other)) - base).abs().max() > 1e-4

    def test_a_blank_item_keeps_its_place(self, encoder: SequenceEncoder) -> None:
        blank = encoder.encode(rows([7, 0, 9, 4, 5]))
        together = encoder.encode(rows([7, 0, 9, 4, 5], [1, 2, 3, 4, 5, 6], [0]))
        torch.testing.assert_close(together[:1], blank)
        assert torch.isfinite(together).all()
        assert (blank - encoder.encode(rows([7, 2, 9, 4, 5]))).abs().max() > 1e-4

    def test_no_look_ahead(self, encoder: SequenceEncoder) -> None:
        """The state after each item is that of the sequence that ends there: what follows is not seen."""
        try:
            states = encoder.states(rows([7, 2, 9, 5], [4, 1]))
        except NotImplementedError:
            assert not self.settings.has_states
            pytest.skip("reads a sequence only as a whole")
        assert self.settings.has_states
        other = encoder.states(rows([7, 2, 9, 11], [4, 3]))
        torch.testing.assert_close(states[:3], other[:3], rtol=0, atol=1e-6)
        assert (states[3] - other[3]).abs().max() > 1e-4
        torch.testing.assert_close(states[[3, 5]], encoder.encode(rows([7, 2, 9, 5], [4, 1])))

    def test_dropout_follows_its_generator(self, encoder: SequenceEncoder) -> None:
        batch = rows([7, 2, 9], [1, 2, 3, 4, 5])
        encoder.train()

        def state(seed: int) -> torch.Tensor:
            encoder.masks.rng = generator(seed, "dropout", 0)
            return encoder.encode(batch)

        torch.testing.assert_close(state(1), state(1), rtol=0, atol=0)
        assert (state(1) - state(2)).abs().max() > 1e-4
        encoder.eval()
        torch.testing.assert_close(state(1), state(2), rtol=0, atol=0)

    def test_every_weight_learns_and_padding_does_not(self, encoder: SequenceEncoder) -> None:
        batch = rows([7, 2, 9], [1, 2, 3, 4, 5, 6])
        states = encoder.encode(batch)
        (states.square().sum() + encoder.score(states, batch).square().sum()).backward()
        for name, weight in encoder.named_parameters():
            assert weight.grad is not None, name
            if not name.endswith(self.without_effect):
                assert weight.grad.abs().max() > 0, name
        assert (encoder.items.weight.grad[0] == 0).all()

    def test_save_and_load_is_the_identity(self, encoder: SequenceEncoder, tmp_path: Path) -> None:
        batch = rows([7, 2, 9], [1, 2])
        save_file(encoder.state_dict(), tmp_path / "model.safetensors")
        other = build_encoder(self.settings, N_ITEMS, seed=99).eval()
        other.load_state_dict(load_file(tmp_path / "model.safetensors"))
        torch.testing.assert_close(other.encode(batch), encoder.encode(batch), rtol=0, atol=0)

    def test_the_seed_decides_the_start(self) -> None:
        first, same, other = (build_encoder(self.settings, N_ITEMS, seed).state_dict() for seed in (5, 5, 6))
        assert all(torch.equal(first[key], same[key]) for key in first)
        assert not torch.equal(first["items.weight"], other["items.weight"])

    def test_scaling_items_changes_them_alone(self, encoder: SequenceEncoder) -> None:
        before = {name: value.clone() for name, value in encoder.state_dict().items()}
        encoder.scale_items(2.5)
        for name, value in encoder.state_dict().items():
            torch.testing.assert_close(value, before[name] * 2.5 if name == "items.weight" else before[name])

    def test_parameters_are_counted_without_making_them(self, encoder: SequenceEncoder) -> None:
        counted = parameter_count(self.settings, N_ITEMS)
        assert counted == sum(weight.numel() for weight in encoder.parameters())
