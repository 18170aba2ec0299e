"""Batches of texts through the bundled encoder: what is put together, by how many threads, for whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sracl_core.device import limited_threads
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.forward import forward

TEXTS = [
    "a " * 11 + "of",
    "rose, tea, ash, oak, elm",
    "soap with oil of jasmine",
    "internationalisation oil",
] * 5


def pieces(model: TextEncoder, texts: list[str]) -> list[int]:
    return [len(read) for read in model.loaded(lambda *_: None).tokenizer(texts)["input_ids"]]


def test_texts_of_as_many_word_pieces_share_a_batch(minilm: TextEncoder) -> None:
    model, lengths = minilm.loaded(lambda *_: None), pieces(minilm, TEXTS)
    batches = [rows for rows, _ in forward(model, TEXTS, batch_size=5)]
    assert [len(rows) for rows in batches] == [5, 5, 5, 5]
    assert sorted(np.concatenate(batches)) == list(range(len(TEXTS)))
    assert all(len({lengths[row] for row in rows}) == 1 for rows in batches)
    found = [lengths[row] for row in np.concatenate(batches)]
    assert found == sorted(lengths, reverse=True)
    assert len(set(found)) == 4
    assert len({len(text) for text in TEXTS}) == 1


@pytest.mark.parametrize("threads", [2, 3])
def test_a_vector_is_the_same_to_the_bit_on_any_number_of_cores(minilm: TextEncoder, threads: int) -> None:
    texts = [" ".join(TEXTS[row % 4 :][: row % 7 + 1]) for row in range(70)]
    with limited_threads(1):
        alone = minilm.encode(texts, batch_size=16)
    with limited_threads(threads):
        np.testing.assert_array_equal(minilm.encode(texts, batch_size=16), alone)


def test_several_may_ask_one_encoder_at_once(minilm: TextEncoder) -> None:
    words = ("rose", "comb", "soap", "jasmine")
    asked = [[f"{word} " * length for length in range(1, 60, 4)] for word in words]
    expected = [minilm.encode(texts, batch_size=2) for texts in asked]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = pool.map(lambda texts: minilm.encode(texts, batch_size=2), asked)
        for found, alone in zip(answers, expected, strict=True):
            np.testing.assert_array_equal(found, alone)


def test_who_stops_in_the_middle_waits_for_no_further_batch(
    minilm: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, read = minilm.loaded(lambda *_: None), []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda *texts, **named: read.append(1) or encode(*texts, **named))

    def stop(stage: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with limited_threads(2):
        with pytest.raises(KeyboardInterrupt):
            minilm.encode(TEXTS * 20, batch_size=1, progress=stop)
        assert torch.get_num_threads() == 2
    assert len(read) < len(TEXTS * 10)


def test_no_texts_are_no_vectors(minilm: TextEncoder) -> None:
    assert minilm.encode([]).shape == (0, 384)
