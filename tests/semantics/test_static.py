"""Static vectors: what a table of word pieces is made of, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core.notices import heard_by
from sracl_core.semantics import encode, static
from sracl_core.semantics.encode import LOADING, load_encoder
from sracl_core.semantics.store import VectorStore

WORDS = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[", "the", "red", "rose", "##s", "tea"]
SIZE, WIDTH = 6, 4


class Teacher:
    """In place of a sentence encoder: a piece's vector is drawn by its number."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        words = {word: number for number, word in enumerate(WORDS)}
        tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            cls_token="[CLS]",
            sep_token="[SEP]",
            unk_token="[UNK]",
            pad_token="[PAD]",
        )
        self.drawn = np.random.default_rng(1).normal(size=(len(WORDS), SIZE)).astype(np.float32)
        self.asked = 0

    def __call__(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ids = features["input_ids"].numpy()
        assert (ids[:, 0] == WORDS.index("[CLS]")).all()
        assert (ids[:, 2] == WORDS.index("[SEP]")).all()
        self.asked += len(ids)
        return {"sentence_embedding": torch.from_numpy(self.drawn[ids[:, 1]])}


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Teacher:
    made = Teacher()
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(encode, "_load_model", lambda *_: made)
    monkeypatch.setattr(static, "WIDTH", WIDTH)
    monkeypatch.setattr(encode, "STATIC_WIDTH", WIDTH)
    return made


def plain(teacher: Teacher, pieces: list[str]) -> np.ndarray[Any, Any]:
    """The vector of a text of these pieces, step by step."""
    real = [word for word in WORDS if not (word[0] == "[" and word[-1] == "]")]
    found = np.stack([teacher.drawn[WORDS.index(word)] for word in real]).astype(np.float64)
    found -= found.mean(axis=0)
    _, _, axes = np.linalg.svd(found)
    harmonic = sum(1 / rank for rank in range(1, len(real) + 1))
    rows = []
    for piece in pieces:
        rank = real.index(piece) + 1
        rows.append(found[rank - 1] @ axes[:WIDTH].T * (1e-4 / (1e-4 + 1 / rank / harmonic)))
    total = np.mean(rows, axis=0)
    return np.asarray(total / np.linalg.norm(total))


def test_a_text_is_the_weighted_mean_of_its_pieces(teacher: Teacher) -> None:
    encoder = load_encoder("static")
    assert (encoder.dimension, teacher.asked) == (WIDTH, 0)
    told: list[tuple[str, int, int]] = []
    texts = ["The red rose", "ROSES", "tea " * 900, "", "zzz"]
    vectors = encoder.encode(texts, progress=lambda *step: told.append(step))
    assert ("distill", len(WORDS), len(WORDS)) in told
    assert vectors.dtype == np.float32
    expected = np.stack(
        [plain(teacher, ["the", "red", "rose"]), plain(teacher, ["rose", "##s"]), plain(teacher, ["tea"])]
    )
    # The signs of principal axes are free: angles are what the vectors say.
    np.testing.assert_allclose(vectors[:3] @ vectors[:3].T, expected @ expected.T, atol=1e-5)
    assert not vectors[3:].any()


def test_what_the_model_takes_is_not_told_as_the_pace_of_texts(teacher: Teacher) -> None:
    stages: list[str] = []
    VectorStore().vectors(
        load_encoder("static"), ["red", "rose"], progress=lambda stage, *_: stages.append(stage)
    )
    assert [*dict.fromkeys(stages)] == [LOADING, "distill", "embed"]


def test_it_is_distilled_once_and_again_when_damaged(teacher: Teacher, tmp_path: Path) -> None:
    first = load_encoder("static").encode(["red tea"])
    asked = teacher.asked
    again = load_encoder("static")
    assert np.array_equal(again.encode(["red tea"]), first)
    assert teacher.asked == asked
    for name in ("*.safetensors", "tokenizer.json"):
        path = next((tmp_path / "static").rglob(name))
        damaged = bytearray(path.read_bytes())
        damaged[-3] ^= 1
        path.write_bytes(damaged)
        heard: list[str] = []
        with heard_by(heard.append):
            assert np.array_equal(load_encoder("static").encode(["red tea"]), first)
        assert "they are made again" in heard[0]
    assert again.fingerprint == load_encoder("static").fingerprint


def test_a_run_that_names_it_is_no_strangers_encoder() -> None:
    assert load_encoder("static", given=False).name == "static"
