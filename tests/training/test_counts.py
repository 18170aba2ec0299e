"""What is counted of a whole history: chosen by rank, kept, and the same wherever a score is asked for."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.ranking import rank_queries, scores_of
from sracl_core.evaluation.results import protocol
from sracl_core.explorer import Explorer
from sracl_core.methods import backbones
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.models.counts import Counts
from sracl_core.pipeline import fitting
from sracl_core.pipeline.run import evaluate
from sracl_core.runs.directory import RunDirectory
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.counts import HELD, OFTEN, fit_counts
from sracl_core.training.evidence import LEAST
from tests import forked
from tests.tiny import given_counts, hashed_words, tiny_config, tiny_dataset, tiny_run

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
    assert fit_counts(encoder, queries, seed=0) >= LEAST
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
    assert fit_counts(encoder, shoppers(0.0), seed=0) == 0
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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that counts, of an encoder that reads two items."""
    base = tmp_path_factory.mktemp("counted")
    short = {"objectives.sracl.weight": 0.0, "training.max_epochs": 1, "model.max_length": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setattr(fitting, "fit_counts", given_counts)
        patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        return tiny_run(tiny_config(tiny_dataset(base), {**short, "model.repeats": "counted"}), base)


def ids(explorer: Explorer, *places: int) -> list[str]:
    return [explorer.loaded.dataset.items.ids[place] for place in places]


def by_hand(n: int) -> float:
    """What `given_counts` add to the score of an item that a history holds n times."""
    return 0.3 + 0.7 * math.log1p(n) if n else 0.0


def test_a_run_ranks_recommends_and_explains_with_what_it_counted(run: RunDirectory) -> None:
    results = run.results()
    assert results is not None
    assert "how often the history holds an item" in results["protocol"]["repeats"]
    assert evaluate(run)["test"] == results["test"]
    explorer = Explorer.open(run.path)
    assert explorer.loaded.encoder.counts is not None
    torch.testing.assert_close(explorer.loaded.encoder.counts.weights, torch.tensor([0.3, 0.7]))
    history = ids(explorer, 0, 0, 0, 1, 2)
    items = explorer.recommend(history=history, k=40, why=True).items
    assert all(item.why is not None and item.why.score == pytest.approx(item.encoder_score) for item in items)
    scores = {item.item: item.encoder_score for item in items}
    explorer.loaded.encoder.counts.weights.zero_()
    for item in explorer.recommend(history=history, k=40).items:
        expected = item.encoder_score + by_hand(history.count(item.item))
        assert scores.get(item.item, expected) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("asked", [0, 1, 2, 3])
def test_why_tells_what_is_by_count_and_leaves_one_purchase_out_at_a_time(
    run: RunDirectory, asked: int
) -> None:
    explorer, plain = Explorer.open(run.path), Explorer.open(run.path)
    assert plain.loaded.encoder.counts is not None
    plain.loaded.encoder.counts.weights.zero_()
    places = [0, 1, 0, 0, 2, 0]
    (item,), history = ids(explorer, asked), ids(explorer, *places)

    def score(read: list[str], n: int) -> float:
        """By what the encoder reads alone, and n by hand."""
        return plain.why(item, history=read).score + by_hand(n)

    why, n = explorer.why(item, history=history), places.count(asked)
    whole = score(history[4:], n)
    assert why.score == pytest.approx(whole, abs=1e-5)
    assert {entry.position: entry.effect for entry in why.history} == {
        0: pytest.approx(whole - score(history[5:], n - (asked == 2)), abs=1e-5),
        1: pytest.approx(whole - score(history[4:5], n - (asked == 0)), abs=1e-5),
    }
    older = places[:4].count(asked)
    if not n:
        assert why.count is None
        return
    assert why.count is not None
    assert (why.count.times, why.count.older) == (n, older)
    assert why.count.part == pytest.approx(whole - score(history[4:], 0), abs=1e-5)
    assert (why.count.effect is None) == (older == 0)
    if why.count.effect is not None:
        history.remove(item)
        without = explorer.why(item, history=history).score
        assert why.count.effect == pytest.approx(whole - without, abs=1e-5)


def test_the_protocol_says_what_was_found_and_no_more(run: RunDirectory) -> None:
    loaded = Explorer.open(run.path).loaded
    encoder, bias = loaded.encoder, "a bias by recency on items of the history, fitted on training prefixes"
    assert encoder.counts is not None
    weights = "how often the history holds an item, by weights chosen on validation"

    def told() -> str:
        return str(protocol(loaded.config, loaded.sources, encoder)["repeats"])

    assert told() == f"{bias}, and {weights}"
    recency = encoder.repeat_bias.clone()
    encoder.repeat_bias.zero_()
    assert told() == weights
    encoder.counts.weights.zero_()
    assert told().startswith("none: no bias by recency could be fitted on ")
    encoder.repeat_bias.copy_(recency)
    assert told() == bias


def test_the_only_purchase_that_is_read_has_no_effect_of_its_own(run: RunDirectory) -> None:
    explorer = Explorer.open(run.path)
    why = explorer.why(*ids(explorer, 4), history=ids(explorer, 4))
    assert [entry.effect for entry in why.history] == [None]
    assert why.count is not None
    assert (why.count.times, why.count.older, why.count.effect) == (1, 0, None)


def test_a_run_that_chose_no_weights_tells_of_no_count(run: RunDirectory) -> None:
    explorer = Explorer.open(run.path)
    assert explorer.loaded.encoder.counts is not None
    explorer.loaded.encoder.counts.weights.zero_()
    assert explorer.why(*ids(explorer, 0), history=ids(explorer, 0, 0, 1, 2)).count is None


def test_the_command_tells_it(run: RunDirectory) -> None:
    explorer = Explorer.open(run.path)
    history = ids(explorer, 0, 1, 0, 0, 2, 0)
    words = ["recommend", run.path, "--history", ",".join(history), "--why", "--exclude-seen", "no"]
    said = forked.ran(*words, "-k", "500").stdout
    four = f"+{by_hand(4):.3f}  of its score, since the whole history holds it 4 times"
    assert (
        f"{four} (3 of them older than what the encoder reads, +{by_hand(4) - by_hand(3):.3f} each)" in said
    )
    assert f"+{by_hand(1):.3f}  of its score, since the whole history holds it 1 time\n" in said
    told = json.loads(forked.ran(*words, "-k", "500", "--json").stdout)["items"]
    counts = {item["item"]: item["why"]["count"] for item in told}
    assert counts[history[4]] == {"times": 1, "older": 0, "part": pytest.approx(by_hand(1)), "effect": None}


def test_items_that_are_shared_out_are_not_counted(tmp_path: Path) -> None:
    config = tiny_config(tiny_dataset(tmp_path), {"model.repeats": "counted", "objectives.sracl.weight": 0.0})
    assert "model.repeats=counted" in config.why_whole


def test_counts_begin_at_nothing() -> None:
    scores = torch.zeros(1, N_ITEMS)
    Counts().add_to(scores, Sequences.from_lists([[1, 1, 2]]))
    assert not scores.any()
