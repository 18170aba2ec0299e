"""The bias on items that a history holds, and the pull back to the items' start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sracl_core.data.prefixes import Prefixes, training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.sources import load_sources
from sracl_core.models import sasrec
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.pipeline.run import evaluate
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training import evidence, repeats
from sracl_core.training.checkpoint import load_encoder
from sracl_core.training.repeats import fit_repeats
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

N_ITEMS = 30


def log(repeat: float) -> Prefixes:
    """Users who take an earlier item of theirs again with this chance, else one that they never had."""
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(400):
        items: list[int] = [int(rng.integers(1, N_ITEMS + 1))]
        while len(items) < 6:
            new = [item for item in range(1, N_ITEMS + 1) if item not in items]
            items.append(int(rng.choice(items if rng.random() < repeat else new)))
        sequences.append(items)
    return training_prefixes(Sequences.from_lists(sequences), 5)


@pytest.fixture
def encoder() -> SequenceEncoder:
    settings = sasrec.Settings(hidden_size=8, inner_size=16, max_length=5, dropout=0.0)
    return build_encoder(settings, N_ITEMS, seed=1)


def loss_by_hand(encoder: SequenceEncoder, prefixes: Prefixes) -> float:
    """Cross-entropy of the scores as they are ranked, over all items."""
    rows = prefixes.take(np.arange(len(prefixes)))
    with torch.no_grad():
        scores = encoder.eval().score(encoder.encode(rows), rows)
    return torch.nn.functional.cross_entropy(
        scores, torch.from_numpy(prefixes.targets.astype(int)) - 1
    ).item()


def test_repeats_are_pushed_down_or_lifted_as_people_do(encoder: SequenceEncoder) -> None:
    for repeat, sign in ((0.0, -1), (0.9, 1)):
        prefixes = log(repeat)
        before = loss_by_hand(encoder, prefixes) if repeat == 0.0 else np.inf
        assert fit_repeats(encoder, prefixes, seed=0)
        assert (encoder.repeat_bias.sign() == sign).all()
        assert loss_by_hand(encoder, prefixes) < before


def test_the_fit_is_the_minimum_of_the_ranked_cross_entropy(encoder: SequenceEncoder) -> None:
    prefixes = log(0.4)
    assert fit_repeats(encoder, prefixes, seed=0)
    best, bias = loss_by_hand(encoder, prefixes), encoder.repeat_bias.clone()
    for age in range(5):
        for step in (-0.2, 0.2):
            encoder.repeat_bias.copy_(bias)
            encoder.repeat_bias[age] += step
            assert loss_by_hand(encoder, prefixes) > best - 1e-4


def test_scores_of_a_repeated_item_get_the_bias_of_each_place(encoder: SequenceEncoder) -> None:
    rows = Sequences.from_lists([[9, 8, 7, 7, 3, 7], [4]])
    states = encoder.eval().encode(rows)
    plain = encoder.score(states, rows)
    encoder.repeat_bias.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0]))
    moved = (encoder.score(states, rows) - plain).round()
    assert {int(item) + 1: int(moved[0, item]) for item in moved[0].nonzero()} == {7: 1101, 3: 10, 8: 10000}
    assert moved[1].nonzero().tolist() == [[3]]
    torch.testing.assert_close(encoder.score(states), plain)


def test_too_few_prefixes_leave_it_at_nothing(encoder: SequenceEncoder) -> None:
    encoder.repeat_bias.fill_(3.0)
    few = training_prefixes(Sequences.from_lists([[1, 2], [3, 4]]), 5)
    assert not fit_repeats(encoder, few, seed=0)
    assert not encoder.repeat_bias.any()


def test_a_run_keeps_its_bias_and_holds_its_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    dataset = tiny_dataset(tmp_path)
    off = {"objectives.sracl.weight": 0.0, "training.max_epochs": 3, "model.repeats": "fitted"}
    free, held = (
        load_encoder(tiny_run(tiny_config(dataset, {**off, "model.item_anchor": share}), tmp_path, name))
        for name, share in (("free", 0.0), ("held", 0.9))
    )
    assert held.repeat_bias.any()
    unit = [encoder.item_embeddings[1:].norm() for encoder in (free, held)]
    moved = (free.item_embeddings - held.item_embeddings).norm()
    assert moved > 0.05 * unit[0]


def test_what_could_not_be_fitted_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(repeats, "LEAST", 10**6)
    monkeypatch.setattr(evidence, "LEAST", 10**6)
    off = {"objectives.sracl.weight": 0.0, "training.max_epochs": 1}
    fitted = {"model.repeats": "fitted", "model.evidence": "both"}
    config = tiny_config(tiny_dataset(tmp_path), off | fitted)
    n_prefixes = len(load_sources(config).prefixes)
    run = tiny_run(config, tmp_path)
    for results in (run.results(), evaluate(run)):
        assert results is not None
        told = results["protocol"]
        assert (
            told["repeats"] == f"none: no bias by recency could be fitted on {n_prefixes} training prefixes"
        )
        assert told["evidence"] == "none: transitions and words got no weight on 40 validation queries"
