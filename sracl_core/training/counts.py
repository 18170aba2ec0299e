"""How much it says that a history holds an item, and how often, chosen with a frozen encoder.

On validation queries, as evidence is: training prefixes are far shorter than what people have when they are
asked. By what ranks best and not by likelihood, which pays for the many whose next item is new: on a grocer's
log it all but leaves out how often.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from sracl_core.data.prefixes import Prefixes
from sracl_core.device import logit_rows_at_once
from sracl_core.evaluation.metrics import per_query
from sracl_core.models.base import SequenceEncoder
from sracl_core.seeding import generator
from sracl_core.training.evidence import LEAST, SAMPLE, Floats

METRIC, K = "NDCG@20", 20
HELD = (0.0, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0)
OFTEN = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""The weights that are tried, each of one with each of the other; of equals the first."""


def fit_counts(encoder: SequenceEncoder, queries: Prefixes, seed: int, sample: int = SAMPLE) -> int:
    """Set the weights of `encoder.counts` to those that rank validation best, unmasked; all else stays.

    Args:
        queries: validation prefixes with their whole histories, their targets the held-out items.

    Returns:
        How many targets the history holds of the queries that were asked; fewer than `LEAST` are too few to
        choose by, and leave the weights at 0.
    """
    counts = encoder.counts
    assert counts is not None
    counts.weights.zero_()
    rows = np.sort(generator(seed, "counts").permutation(len(queries))[:sample])
    if (held := _held(queries, rows)) < LEAST:
        return held
    was_training = encoder.training
    encoder.eval()
    others_RK, row_U, score_U, said_U2, target_R, said_R2 = _asked(encoder, queries, rows)
    encoder.train(was_training)

    def ranked(weights: Floats) -> float:
        target = target_R + said_R2 @ weights
        ranks = (others_RK >= target[:, None]).sum(axis=1)
        ranks += np.bincount(row_U, score_U + said_U2 @ weights >= target[row_U], len(rows)).astype(np.int64)
        # Ties count against the target, which is among its own pairs where the history holds it.
        ranks += said_R2[:, 0] == 0
        return float(per_query(METRIC, ranks).mean())

    tried = [np.array(pair) for pair in product(HELD, OFTEN)]
    counts.weights.copy_(torch.from_numpy(max(tried, key=ranked)))
    return held


def _held(queries: Prefixes, rows: NDArray[np.int64]) -> int:
    """How many of these queries' targets stand in their histories."""
    histories, targets = queries.take(rows), queries.targets[rows]
    again = np.repeat(targets, histories.lengths) == histories.values
    return len(np.unique(np.repeat(np.arange(len(rows)), histories.lengths)[again]))


@torch.no_grad()
def _asked(
    encoder: SequenceEncoder, queries: Prefixes, rows: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64], Floats, Floats, Floats, Floats]:
    """Of R queries and the U pairs of one with an item that its history holds, by scores without the counts.

    Returns:
        the K best scores of items that it does not hold, but for the target [R, K]; the pairs' query [U],
        score [U] and what the weights multiply [U, 2]; the target's score [R] and what they multiply [R, 2]
    """
    assert encoder.counts is not None
    found = []
    at_once = logit_rows_at_once(encoder.device)
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        histories = queries.take(some)
        scores = encoder.score(encoder.encode(histories), histories)
        row, item, values = encoder.counts.said(histories)
        targets = torch.from_numpy(queries.targets[some].astype(np.int64)).to(scores.device)
        of_pairs, of_targets = scores[row, item - 1], scores.gather(1, targets[:, None] - 1)
        said = torch.zeros(len(some), 2, device=scores.device)
        hit = item == targets[row]
        said[row[hit]] = values[hit]
        scores[row, item - 1] = -torch.inf
        scores.scatter_(1, targets[:, None] - 1, -torch.inf)
        others = scores.topk(min(K, scores.shape[1]), dim=1).values
        # On the host, since mps has no float64.
        parts = (part.cpu().double().numpy() for part in (of_pairs, values, of_targets[:, 0], said))
        found.append([others.cpu().double().numpy(), row.cpu().numpy() + start, *parts])
    others_RK, row_U, score_U, said_U2, target_R, said_R2 = (
        np.concatenate(parts) for parts in zip(*found, strict=True)
    )
    return others_RK, row_U, score_U, said_U2, target_R, said_R2
