"""The backbones that come with the package, held to the contract."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from sracl_core.methods import backbones
from sracl_core.models import (
    bert4rec,
    bsarec,
    comirec,
    fmlprec,
    gru4rec,
    lares,
    lrurec,
    rpg,
    sasrec,
    text_map,
    wearec,
)
from sracl_core.models.base import INIT_STD
from sracl_core.models.text_map import text_start
from tests.models.contract import BackboneContract, rows


class TestSASRec(BackboneContract):
    settings = sasrec.Settings(hidden_size=16, inner_size=32, max_length=6)
    # A bias before a softmax over it has no effect.
    without_effect = ("key_value.bias",)

    def test_the_contract_notices_a_missing_mask(self, encoder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "sracl_core.models.attention._after",
            lambda width, device: torch.zeros(width, width, dtype=torch.bool, device=device),
        )
        with pytest.raises(AssertionError):
            self.test_no_look_ahead(encoder)


class TestGRU4Rec(BackboneContract):
    settings = gru4rec.Settings(hidden_size=16, max_length=6)


class TestFMLPRec(BackboneContract):
    settings = fmlprec.Settings(hidden_size=16, inner_size=32, max_length=6)


class TestBSARec(BackboneContract):
    settings = bsarec.Settings(hidden_size=16, inner_size=32, max_length=6)
    without_effect = ("key_value.bias",)

    def test_a_blank_item_is_attended_to_and_padding_is_not(self, encoder) -> None:
        """Both hold their position alone, so that only attention can tell them apart."""
        blank, absent = encoder.encode(rows([0, 0, 9])), encoder.encode(rows([9]))
        assert (blank - absent).abs().max() > 1e-3


class TestBERT4Rec(BackboneContract):
    settings = bert4rec.Settings(hidden_size=16, inner_size=32, max_length=6)
    without_effect = ("key_value.bias",)


class TestLRURec(BackboneContract):
    settings = lrurec.Settings(hidden_size=16, inner_size=32, max_length=6)


class TestComiRec(BackboneContract):
    settings = comirec.Settings(hidden_size=16, max_length=6, interests=3)


class TestRPG(BackboneContract):
    settings = rpg.Settings(hidden_size=16, inner_size=32, max_length=6, digits=4, codebook=8)
    without_effect = ("key_value.bias",)


class TestWEARec(BackboneContract):
    settings = wearec.Settings(hidden_size=16, inner_size=32, max_length=6, heads=4)


class TestLARES(BackboneContract):
    settings = lares.Settings(hidden_size=16, inner_size=32, max_length=6, steps=3)
    without_effect = ("key_value.bias",)


def test_every_backbone_is_held_to_the_contract() -> None:
    held = {one.settings.name for one in BackboneContract.__subclasses__()}
    assert held == set(backbones())


def test_text_start_keeps_what_texts_have_in_common() -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, 50))
    vectors = (centers[np.arange(200) % 4] + 0.1 * rng.normal(size=(200, 50))).astype(np.float32)
    start = text_start(vectors, 8, INIT_STD)
    assert start.shape == (200, 8)
    assert start.std() == pytest.approx(0.02, rel=1e-3)
    unit = start / np.linalg.norm(start, axis=1, keepdims=True)
    similarity = unit @ unit.T
    same = (np.arange(200) % 4)[:, None] == (np.arange(200) % 4)[None]
    assert similarity[same].mean() > 0.9 > similarity[~same].mean() + 0.5


def test_text_start_with_fewer_directions_than_columns() -> None:
    start = text_start(np.eye(3, dtype=np.float32), 8, INIT_STD)
    assert start.shape == (3, 8)
    assert np.isfinite(start).all()
    assert (start[:, 3:] == 0).all()


def test_text_start_of_some_items_is_theirs_among_all_and_copies_few_texts_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = np.random.default_rng(2).standard_normal((3000, 40), dtype=np.float32)
    whole = text_start(vectors, 8, INIT_STD)
    monkeypatch.setattr(text_map, "ROWS_AT_ONCE", 16)
    tracemalloc.start()
    some = text_start(vectors, 8, INIT_STD, slice(1000, 1500))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(some, whole[1000:1500], rtol=0, atol=1e-8)
    assert most < vectors.nbytes / 2
