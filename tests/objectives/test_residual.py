"""What evidence says in the loss: as if of each example nothing after its history had been counted."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.related import KEPT, REACH, Related, following
from sracl_core.data.sequences import Sequences
from sracl_core.models.evidence import DECAY, FLOORS, Evidence
from sracl_core.objectives.next_item.cross_entropy import linear_cross_entropy
from sracl_core.objectives.next_item.residual import WEIGHTS, Residual

N = 7


def known(train: list[list[int]], kinds: tuple[str, ...]) -> Evidence:
    """Evidence of these sequences, and words that are alike by chance."""
    evidence = Evidence(N, kinds)
    if "transitions" in kinds:
        evidence.know("transitions", following(Sequences.from_lists(train), N))
    if "words" in kinds:
        rng = np.random.default_rng(1)
        items, shares = np.zeros((N, KEPT), np.int32), np.zeros((N, KEPT), np.float32)
        items[:, :3] = [rng.permutation(N)[:3] + 1 for _ in range(N)]
        shares[:, :3] = rng.random((N, 3))
        evidence.know("words", Related(items, shares))
    return evidence


def plainly(train: list[list[int]], evidence: Evidence, user: int, place: int) -> list[float]:
    """What is added after a user's items before `place`, counted again without what came after them there."""
    often = Counter(item for items in train for item in items)
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for one, items in enumerate(train):
        for after in range(len(items)):
            for distance in range(1, min(REACH, after) + 1):
                if one != user or after < place or after - distance >= place:
                    counts[items[after - distance], items[after]] += 1 / distance
    history = train[user][:place]
    weights = [DECAY**age for age in reversed(range(place))]
    found = []
    for item in range(1, N + 1):
        added = 0.0
        for kind, near, shares in zip(evidence.kinds, evidence.items, evidence.shares, strict=True):
            mean = 0.0
            for before, weight in zip(history, weights, strict=True):
                held = near[before - 1].tolist().index(item) if item in near[before - 1].tolist() else None
                if held is None:
                    continue
                share = counts[before, item] / max(often[before] * often[item], 1) ** 0.5
                mean += weight * (share if kind == "transitions" else float(shares[before - 1, held]))
            added += WEIGHTS[kind] * float(np.log1p(mean / sum(weights) / FLOORS[kind]))
        found.append(0.0 if item in history else added)
    return found


histories = st.lists(st.lists(st.integers(1, N), min_size=2, max_size=9), min_size=1, max_size=4)


@pytest.mark.parametrize("kinds", [("transitions",), ("words",), ("transitions", "words")])
@given(train=histories)
def test_it_is_what_counting_again_without_the_example_gives(
    kinds: tuple[str, ...], train: list[list[int]]
) -> None:
    evidence = known(train, kinds)
    sequences = Sequences.from_lists(train)
    prefixes = training_prefixes(sequences, 20)
    add_to = Residual(sequences, prefixes, N).of(evidence, np.arange(len(prefixes)))
    logits = torch.zeros(len(prefixes), N)
    add_to(logits[:2], 0)
    add_to(logits[2:], 2)
    every = [(user, place) for user, items in enumerate(train) for place in range(1, len(items))]
    expected = torch.tensor([plainly(train, evidence, *one) for one in every])
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_loss_and_its_gradients_are_those_of_the_scores_with_it() -> None:
    rng = torch.Generator().manual_seed(0)
    states, items = torch.randn(300, 6, generator=rng), torch.randn(11, 6, generator=rng)
    added = torch.rand(300, 11, generator=rng)
    targets = torch.randint(0, 11, (300, 2), generator=rng)
    shares = torch.rand(300, 2, generator=rng).softmax(dim=1)
    dense = torch.zeros(300, 11).scatter_add_(1, targets, shares)

    def add_to(logits: torch.Tensor, first: int) -> None:
        logits += added[first : first + len(logits)]

    results = []
    for loss_of in (
        lambda s, i: linear_cross_entropy(s, i, targets, shares, add_to=add_to),
        lambda s, i: torch.nn.functional.cross_entropy(s @ i.T + added, dense),
    ):
        s, i = states.clone().requires_grad_(), items.clone().requires_grad_()
        loss = loss_of(s, i)
        loss.backward()
        results.append((loss.detach(), s.grad, i.grad))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)
