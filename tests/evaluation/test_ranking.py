from __future__ import annotations

import ir_measures
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sracl_core.data.prefixes import query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.evaluation.metrics import mean_metrics
from sracl_core.evaluation.ranking import rank_queries, scores_of
from sracl_core.evaluation.significance import paired_test
from sracl_core.models.base import SequenceEncoder


class LastItem(SequenceEncoder):
    """Scores that depend on the last item alone, with many ties."""

    def __init__(self, n_items: int, ties: bool) -> None:
        super().__init__(n_items, 4, max_length=5)
        rng = torch.Generator().manual_seed(n_items)
        with torch.no_grad():
            values = torch.randn(n_items + 1, 4, generator=rng)
            self.items.weight.copy_(values.round() if ties else values)

    def encode(self, rows: Sequences) -> Tensor:
        return self.items(torch.from_numpy(rows.values[rows.offsets[1:] - 1].astype(np.int64)))


def case(seed: int) -> tuple[Sequences, np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    n_items = int(rng.integers(3, 12))
    lengths = rng.integers(3, 9, size=int(rng.integers(1, 9)))
    values = rng.integers(1, n_items + 1, size=lengths.sum()).astype(np.int32)
    sequences = Sequences(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    return sequences, np.arange(len(lengths)), sequences.offsets[1:] - 1, n_items


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.booleans())
def test_ranks_equal_a_loop_over_users(seed: int, ties: bool) -> None:
    sequences, users, ends, n_items = case(seed)
    encoder = LastItem(n_items, ties)
    queries = query_prefixes(sequences, users, ends, 2)
    histories = query_prefixes(sequences, users, ends, 1000)
    ranks = rank_queries(scores_of(encoder), queries, histories, 3, top=4)
    assert ranks.unmasked_list is not None
    assert ranks.masked_list is not None
    table = encoder.item_embeddings.detach()
    for user in users:
        history, target = sequences.of(user)[:-1], int(sequences.of(user)[-1])
        scores = table[1:] @ table[int(history[-1])]
        others = [i for i in range(1, n_items + 1) if i != target]
        worse_or_tied = [i for i in others if scores[i - 1] >= scores[target - 1]]
        assert ranks.unmasked[user] == 1 + len(worse_or_tied)
        assert ranks.masked[user] == 1 + len([i for i in worse_or_tied if i not in history])
        competing = [i for i in range(1, n_items + 1) if i == target or i not in history]
        for listed, of in ((ranks.unmasked_list, [target, *others]), (ranks.masked_list, competing)):
            found = [int(i) for i in listed[user] if i]
            assert len(set(found) & set(of)) == len(found) == min(4, len(of))
            best = sorted((float(scores[i - 1]) for i in of), reverse=True)[: len(found)]
            assert [float(scores[i - 1]) for i in found] == pytest.approx(best, abs=1e-5)


def test_a_broken_score_ranks_last() -> None:
    sequences, users, ends, n_items = case(1)
    encoder = LastItem(n_items, False)
    with torch.no_grad():
        encoder.items.weight.fill_(float("nan"))
    queries = query_prefixes(sequences, users, ends, 5)
    ranks = rank_queries(scores_of(encoder), queries, queries, 8)
    assert (ranks.unmasked == n_items).all()


def test_metrics_agree_with_ir_measures() -> None:
    rng = np.random.default_rng(3)
    ranks = rng.integers(1, 40, size=200)
    run, qrels = [], []
    for query, rank in enumerate(ranks):
        qrels.append(ir_measures.Qrel(str(query), "target", 1))
        for place in range(1, 41):
            name = "target" if place == rank else f"d{place}"
            run.append(ir_measures.ScoredDoc(str(query), name, 100.0 - place))
    measures = [
        ir_measures.nDCG @ 5,
        ir_measures.nDCG @ 20,
        ir_measures.Success @ 10,
        ir_measures.RR @ 10,
    ]
    theirs = ir_measures.calc_aggregate(measures, qrels, run)
    ours = mean_metrics(ranks, (5, 10, 20))
    pairs = zip(("NDCG@5", "NDCG@20", "HR@10", "MRR@10"), measures, strict=True)
    for name, measure in pairs:
        assert ours[name] == pytest.approx(theirs[measure], abs=1e-9)


def test_paired_test_sees_a_difference_and_no_difference() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(2000)
    same = paired_test(first, first + rng.normal(0, 0.1, 2000), seed=1)
    assert same.p_value > 0.01
    better = paired_test(first + 0.02 + rng.normal(0, 0.1, 2000), first, seed=1)
    assert better.difference > 0
    assert better.p_value < 0.001
    assert paired_test(first, first, seed=1).p_value == 1.0


def test_paired_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(5)
    values = [paired_test(rng.normal(size=60), rng.normal(size=60), seed=i).p_value for i in range(200)]
    assert 0.4 < np.mean(values) < 0.6
    assert np.mean(np.array(values) < 0.1) < 0.2
