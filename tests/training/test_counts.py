"""What is counted of a whole history: chosen by rank, kept, and the same wherever a score is asked for."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.ranking import rank_queries, scores_of
from sracl_core.explorer import Explorer
from sracl_core.methods import backbones
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.models.counts import Counts
from sracl_core.pipeline import fitting
from sracl_core.pipeline.run import evaluate
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.counts import HELD, OFTEN, fit_counts
from tests.service.conftest import counted
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

N_ITEMS, READ = 60, 10


def shoppers(again: float) -> Prefixes:
    """Histories of 12 items and what came next: with this chance what it holds most often, else new."""
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(120):
        items = rng.choice(N_ITEMS, 5, replace=False)[rng.integers(0, 5, 12)] + 1
        often = np.bincount(items).argmax()
        new = rng.choice(np.setdiff1d(np.arange(1, N_ITEMS + 1), items))
        sequences.append([*items, often if rng.random() < again else new])
    log = Sequences.from_lists(sequences)
    return query_prefixes(log, np.arange(len(log)), log.offsets[1:] - 1, 2**31)


def encoder_of(name: str) -> SequenceEncoder:
    settings = backbones()[name].settings(hidden_size=8, max_length=READ, repeats="counted")
    return build_encoder(settings, N_ITEMS, seed=1).eval()


def ndcg(encoder: SequenceEncoder, queries: Prefixes) -> float:
    """As a run is evaluated."""
    with torch.no_grad():
        return float(
            per_query("NDCG@20", rank_queries(scores_of(encoder), queries, queries, 32).unmasked).mean()
        )


def test_the_weights_are_those_that_rank_best_of_all_that_are_tried() -> None:
    encoder, queries = encoder_of("sasrec"), shoppers(0.5)
    assert encoder.counts is not None
    before = ndcg(encoder, queries)
    assert fit_counts(encoder, queries, seed=0)
    found, chosen = ndcg(encoder, queries), encoder.counts.weights.tolist()
    tried = {}
    for pair in product(HELD, OFTEN):
        encoder.counts.weights.copy_(torch.tensor(pair))
        tried[pair] = ndcg(encoder, queries)
    assert found == pytest.approx(max(tried.values()))
    assert found > before + 0.1
    assert chosen[1] > 0


def test_where_nobody_takes_anything_again_there_is_nothing_to_choose_by() -> None:
    encoder = encoder_of("sasrec")
    assert encoder.counts is not None
    encoder.counts.weights.fill_(3.0)
    assert not fit_counts(encoder, shoppers(0.0), seed=0)
    assert not encoder.counts.weights.any()


@pytest.mark.parametrize("name", sorted(backbones()))
def test_an_item_is_counted_wherever_it_stands_and_the_encoder_reads_as_before(name: str) -> None:
    encoder = encoder_of(name)
    assert encoder.counts is not None
    rows = Sequences.from_lists([[9, 9, 2, 0, 9, 3, 4, 5, 6, 11, 12, 13, 14, 15], [7]])
    with torch.no_grad():
        states = encoder.encode(rows)
        torch.testing.assert_close(states, encoder.encode(rows.latest(READ)))
        plain = encoder.score(states, rows)
        encoder.counts.weights.copy_(torch.tensor([10.0, 1.0]))
        moved = encoder.score(states, rows) - plain
    for row, counts in enumerate([{9: 3, **dict.fromkeys([2, 3, 4, 5, 6, 11, 12, 13, 14, 15], 1)}, {7: 1}]):
        expected = np.zeros(N_ITEMS)
        for item, n in counts.items():
            expected[item - 1] = 10.0 + np.log1p(n)
        np.testing.assert_allclose(moved[row].numpy(), expected, atol=1e-4)


def test_a_run_ranks_recommends_and_explains_with_what_it_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setattr(fitting, "fit_counts", counted)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    short = {"objectives.sracl.weight": 0.0, "training.max_epochs": 1, "model.max_length": 2}
    config = tiny_config(tiny_dataset(tmp_path), {**short, "model.repeats": "counted"})
    run = tiny_run(config, tmp_path)
    results = run.results()
    assert results is not None
    assert "how often the history holds them" in results["protocol"]["repeats"]
    assert evaluate(run)["test"] == results["test"]
    explorer = Explorer.open(run.path)
    assert explorer.loaded.encoder.counts is not None
    torch.testing.assert_close(explorer.loaded.encoder.counts.weights, torch.tensor([0.3, 0.7]))
    history = [explorer.loaded.dataset.items.ids[item] for item in (0, 0, 0, 1, 2)]
    items = explorer.recommend(history=history, k=40, why=True).items
    assert all(item.why is not None and item.why.score == pytest.approx(item.encoder_score) for item in items)
    scores = {item.item: item.encoder_score for item in items}
    explorer.loaded.encoder.counts.weights.zero_()
    for item in explorer.recommend(history=history, k=40).items:
        n = history.count(item.item)
        expected = item.encoder_score + (0.3 + 0.7 * np.log1p(n) if n else 0.0)
        assert scores.get(item.item, expected) == pytest.approx(expected, abs=1e-5)


def test_items_that_are_shared_out_are_not_counted(tmp_path: Path) -> None:
    config = tiny_config(tiny_dataset(tmp_path), {"model.repeats": "counted", "objectives.sracl.weight": 0.0})
    assert "model.repeats=counted" in config.why_whole


def test_counts_begin_at_nothing() -> None:
    scores = torch.zeros(1, N_ITEMS)
    Counts().add_to(scores, Sequences.from_lists([[1, 1, 2]]))
    assert not scores.any()
