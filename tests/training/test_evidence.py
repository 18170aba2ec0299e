"""What followed what and whose words are alike, and how much of it goes into the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.related import KEPT, Related, following
from sracl_core.data.sequences import Sequences
from sracl_core.models import sasrec
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder, with_items
from sracl_core.models.evidence import DECAY, FLOORS, Evidence
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.words import near_words, same_words
from sracl_core.training.checkpoint import load_encoder
from sracl_core.training.evidence import fit_evidence
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

N_ITEMS, LENGTH = 30, 4
SETTINGS = sasrec.Settings(hidden_size=8, inner_size=16, max_length=LENGTH, dropout=0.0, evidence="both")
HISTORIES = st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=9), min_size=1, max_size=6)


def told(related: Related) -> list[dict[int, float]]:
    """Of each item, from 1, the related ones and their shares."""
    rows = zip(related.items, related.shares, strict=True)
    return [{}, *({int(i): float(s) for i, s in zip(*row, strict=True) if i} for row in rows)]


def followed_by_hand(sequences: list[list[int]]) -> list[dict[int, float]]:
    often = np.bincount([item for one in sequences for item in one], minlength=N_ITEMS + 1)
    shares: list[dict[int, float]] = [{} for _ in range(N_ITEMS + 1)]
    for one in sequences:
        for at, item in enumerate(one):
            for distance, later in enumerate(one[at + 1 : at + 6], start=1):
                if later != item:
                    more = 1 / distance / np.sqrt(often[item] * often[later])
                    shares[item][later] = shares[item].get(later, 0.0) + more
    return shares


@settings(deadline=None, max_examples=40)
@given(HISTORIES)
def test_what_followed_what_is_counted(sequences: list[list[int]]) -> None:
    found = told(following(Sequences.from_lists(sequences), N_ITEMS))
    for mine, expected in zip(found, followed_by_hand(sequences), strict=True):
        assert mine == pytest.approx(expected)


def test_the_strongest_are_kept_and_equal_ones_by_number() -> None:
    items = list(range(2, KEPT + 12))
    train = Sequences.from_lists([[1, item] for item in items] + [[1, items[-1]]])
    related = following(train, items[-1])
    assert related.items[0].tolist() == [items[-1], *items[: KEPT - 1]]
    assert (np.diff(related.shares[0]) <= 0).all()


def test_items_of_the_same_words_are_related_by_the_cosine_of_their_weights() -> None:
    texts = ["red tea cup", "green tea cup", "red shoe", "blue shoe", "", "only here"]
    found = told(same_words(texts))
    assert set(found[1]) == {2, 3}
    assert found[1][2] > found[1][3] > 0
    assert found[3].keys() == {1, 4}
    assert found[5] == found[6] == {}
    assert not same_words(["a b", "c d"]).shares.any()
    many = [f"brand{i % 3} kind{i % 7} w{i % 11}" for i in range(300)]
    near = same_words(many)
    assert (near.items > 0).all()
    assert 1 not in near.items[0]
    assert (np.diff(near.shares, axis=1) <= 0).all()


def known(seed: int = 0) -> Evidence:
    """Evidence of both kinds, drawn."""
    rng, evidence = np.random.default_rng(seed), Evidence(N_ITEMS, ("transitions", "words"))
    for kind in evidence.kinds:
        items = np.zeros((N_ITEMS, KEPT), dtype=np.int32)
        shares = np.zeros((N_ITEMS, KEPT), dtype=np.float32)
        for row in range(N_ITEMS):
            n = int(rng.integers(0, 9))
            items[row, :n] = rng.permutation(N_ITEMS)[:n] + 1
            shares[row, :n] = rng.random(n) * 0.1 + 1e-4
        evidence.know(kind, Related(items, shares))
    evidence.weights.copy_(torch.tensor([0.7, 0.3]))
    evidence.lift.fill_(0.5)
    return evidence


@settings(deadline=None, max_examples=40)
@given(HISTORIES)
def test_scores_are_those_of_the_plain_loops(histories: list[list[int]]) -> None:
    evidence, rows = known(), Sequences.from_lists(histories)
    plain = torch.zeros(len(histories), N_ITEMS)
    for row, history in enumerate(histories):
        latest = history[-LENGTH:]
        weights = [DECAY**age for age in range(len(latest))][::-1]
        for place, kind in enumerate(evidence.kinds):
            near = told(Related(evidence.items[place].numpy(), evidence.shares[place].numpy()))
            for item in range(1, N_ITEMS + 1):
                mean = sum(w * near[i].get(item, 0.0) for w, i in zip(weights, latest, strict=True))
                x = np.log1p(mean / sum(weights) / FLOORS[kind])
                plain[row, item - 1] += float(evidence.weights[place]) * float(x)
        plain[row, torch.tensor(latest) - 1] = 0.5
    added = torch.zeros_like(plain)
    evidence.add_to(added, rows, LENGTH)
    torch.testing.assert_close(added, plain)


@pytest.fixture
def encoder() -> SequenceEncoder:
    encoder = build_encoder(SETTINGS, N_ITEMS, seed=1).eval()
    encoder.evidence = known()
    encoder.evidence.weights.zero_()
    return encoder


def queries(follow: float, count: int = 400) -> Prefixes:
    """Users whose last item is one that `known` relates to the one before it by this chance."""
    rng, evidence = np.random.default_rng(0), known()
    sequences = []
    for _ in range(count):
        history = rng.permutation(N_ITEMS)[:LENGTH] + 1
        near = [int(item) for item in evidence.items[0, history[-1] - 1] if item and item not in history]
        free = near if near and rng.random() < follow else np.setdiff1d(np.arange(1, N_ITEMS + 1), history)
        sequences.append([*history, int(rng.choice(free))])
    whole = Sequences.from_lists(sequences)
    users = np.arange(count, dtype=np.int32)
    return query_prefixes(whole, users, whole.offsets[1:] - 1, LENGTH)


def loss_by_hand(encoder: SequenceEncoder, asked: Prefixes) -> float:
    """Cross-entropy over what the history does not hold."""
    rows = asked.take(np.arange(len(asked)))
    with torch.no_grad():
        scores = encoder.score(encoder.encode(rows), rows)
    for row in range(len(rows)):
        scores[row, torch.from_numpy(rows.of(row).astype(int)) - 1] = -torch.inf
    return torch.nn.functional.cross_entropy(scores, torch.from_numpy(asked.targets.astype(int)) - 1).item()


def test_the_fit_is_the_minimum_over_new_items(encoder: SequenceEncoder) -> None:
    asked, evidence = queries(0.6), encoder.evidence
    assert evidence is not None
    before = loss_by_hand(encoder, asked)
    assert fit_evidence(encoder, asked, seed=0)
    assert evidence.weights[0] > 0.1
    best, weights = loss_by_hand(encoder, asked), evidence.weights.clone()
    assert best < before
    for place in range(2):
        for step in (-0.05, 0.05):
            evidence.weights.copy_(weights)
            evidence.weights[place] = max(float(weights[place]) + step, 0.0)
            assert loss_by_hand(encoder, asked) > best - 1e-5


def test_the_chance_of_a_repeat_stays_where_it_was(encoder: SequenceEncoder) -> None:
    asked = queries(0.6)
    rows = asked.take(np.arange(len(asked)))

    def held() -> float:
        with torch.no_grad():
            shares = encoder.score(encoder.encode(rows), rows).log_softmax(dim=1)
        own = [shares[row, torch.from_numpy(rows.of(row).astype(int)) - 1] for row in range(len(rows))]
        return float(torch.stack([one.logsumexp(dim=0) for one in own]).mean())

    before = held()
    assert fit_evidence(encoder, asked, seed=0)
    assert held() == pytest.approx(before, abs=0.02)


def test_too_few_queries_leave_it_at_nothing(encoder: SequenceEncoder) -> None:
    assert encoder.evidence is not None
    encoder.evidence.weights.fill_(3.0)
    assert not fit_evidence(encoder, queries(0.6, count=9), seed=0)
    assert not encoder.evidence.weights.any()
    assert not encoder.evidence.lift.any()


def test_items_that_are_added_are_known_nothing_of(encoder: SequenceEncoder) -> None:
    larger = with_items(SETTINGS, encoder, {"items.weight": torch.ones(2, 8)})
    assert larger.evidence is not None
    assert encoder.evidence is not None
    assert not larger.evidence.shares[:, N_ITEMS:].any()
    torch.testing.assert_close(larger.evidence.shares[:, :N_ITEMS], encoder.evidence.shares)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4), min_size=4, max_size=20))
def test_new_items_are_related_by_words_as_if_they_had_been_there(words: list[list[str]]) -> None:
    texts = [" ".join(f"{letter}{letter}" for letter in one) for one in words]
    known = len(texts) * 2 // 3
    small = Evidence(known, ("transitions", "words"))
    small.know("words", same_words(texts[:known]))
    larger = small.grown(len(texts) - known, {"words": near_words(texts[:known], texts[known:])})
    whole, found = told(same_words(texts)), told(Related(larger.items[1].numpy(), larger.shares[1].numpy()))
    before = told(same_words(texts[:known]))
    for item in range(1, len(texts) + 1):
        new = range(known + 1, len(texts) + 1)
        expected = {other: share for other, share in whole[item].items() if (item in new) != (other in new)}
        assert {other: share for other, share in found[item].items() if item in new or other in new} == (
            pytest.approx(expected)
        )
        if item <= known:
            assert {k: v for k, v in found[item].items() if k <= known} == pytest.approx(before[item])
    assert not larger.shares[0].any()


def test_a_new_item_comes_to_a_full_row_only_where_it_is_nearer() -> None:
    n = KEPT + 1
    full = Related(np.zeros((n, KEPT), np.int32), np.zeros((n, KEPT), np.float32))
    full.items[0], full.shares[0] = np.arange(2, n + 1), 0.5
    near = Related(np.zeros((2, KEPT), np.int32), np.zeros((2, KEPT), np.float32))
    near.items[:, :2], near.shares[:, :2] = [1, 2], [[0.6, 0.1], [0.4, 0.1]]
    small = Evidence(n, ("words",))
    small.know("words", full)
    larger = small.grown(2, {"words": near})
    found = told(Related(larger.items[0].numpy(), larger.shares[0].numpy()))
    assert found[1] == pytest.approx({**dict.fromkeys(range(2, n + 1), 0.5), n + 1: 0.6})
    assert found[2] == pytest.approx({n + 1: 0.1, n + 2: 0.1})


def test_a_run_keeps_its_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    config = tiny_config(tiny_dataset(tmp_path), {"model.evidence": "both", "training.max_epochs": 1})
    run = tiny_run(config, tmp_path, "both")
    evidence = load_encoder(run).evidence
    assert evidence is not None
    assert evidence.shares.flatten(1).any(dim=1).all()
    results = run.results()
    assert results is not None
    assert results["protocol"]["evidence"].startswith("transitions and words, ")
