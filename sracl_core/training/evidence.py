"""How much each kind of evidence goes into the scores, fitted to a frozen encoder.

On validation queries, since what followed what in training holds every training target itself. It is a number
a kind, so that an epoch may be chosen by the same queries.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sracl_core.data.prefixes import Prefixes
from sracl_core.device import logit_rows_at_once
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.evidence import Evidence, held
from sracl_core.seeding import generator

SAMPLE = 5_000
LEAST = 20
MOST = 2.0
"""The largest weight."""

Floats = NDArray[np.float64]


def fit_evidence(encoder: SequenceEncoder, queries: Prefixes, seed: int, sample: int = SAMPLE) -> bool:
    """Set weights and lift of `encoder.evidence` to what explains validation best; the rest stays.

    Only items count that the history does not hold, as candidates and as targets. With p the encoder's
    softmax over them and x what `Evidence.said` gives, a target's loss is
    log(1 + sum_j p_j (exp(w x_j) - 1)) - w x_target: exact, convex in w, and as cheap as the histories are
    short. The lift is the mean of the logarithm, so that the chance of a repeat stays where it was.

    Args:
        queries: validation prefixes, their targets the held-out items.

    Returns:
        Whether there was enough to fit on (`LEAST` queries for an item that is new to its user); if not,
        the weights are 0.
    """
    evidence = encoder.evidence
    assert evidence is not None
    evidence.weights.zero_()
    evidence.lift.zero_()
    rows = np.sort(generator(seed, "evidence").permutation(len(queries))[:sample])
    was_training = encoder.training
    encoder.eval()
    row, share_S, said_SF, of_targets_RF = _asked(encoder, evidence, queries, rows)
    encoder.train(was_training)
    if len(of_targets_RF) < LEAST:
        return False

    def loss(weights_F: Floats) -> tuple[float, Floats]:
        factors_S = share_S * np.exp(said_SF @ weights_F)
        sums_R = 1.0 + np.bincount(row, factors_S - share_S, len(of_targets_RF))
        value = (np.log(sums_R) - of_targets_RF @ weights_F).mean()
        slope = ((factors_S / sums_R[row])[:, None] * said_SF).sum(axis=0) / len(of_targets_RF)
        return float(value), slope - of_targets_RF.mean(axis=0)

    from scipy.optimize import minimize  # half a second, which few commands need

    start = np.full(len(evidence.kinds), 0.1)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, MOST)] * len(start)).x
    sums_R = 1.0 + np.bincount(row, share_S * np.expm1(said_SF @ best), len(of_targets_RF))
    evidence.weights.copy_(torch.from_numpy(best))
    evidence.lift.fill_(float(np.log(sums_R).mean()))
    return True


@torch.no_grad()
def _asked(
    encoder: SequenceEncoder, evidence: Evidence, queries: Prefixes, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Of the R queries whose target is new: row [S], p [S], x [S, F], and x of the targets [R, F]."""
    found = []
    left = 0
    at_once = logit_rows_at_once(encoder.device)
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        histories = queries.take(some)
        scores = encoder.item_scores(encoder.encode(histories))
        targets = torch.from_numpy(queries.targets[some].astype(np.int64)).to(scores.device)
        held_row, held_item = (
            torch.from_numpy(part).to(scores.device) for part in held(histories, encoder.max_length)
        )
        new = torch.ones(len(some), dtype=torch.bool, device=scores.device)
        new[held_row[held_item == targets[held_row]]] = False
        scores = scores.index_put((held_row, held_item - 1), scores.new_tensor(-torch.inf))
        row, item, values = (
            torch.from_numpy(part).to(scores.device) for part in evidence.said(histories, encoder.max_length)
        )
        shares = (scores[row, item - 1] - scores.logsumexp(dim=1)[row]).exp()
        of_targets = torch.zeros(len(some), values.shape[1], device=scores.device)
        hit = item == targets[row]
        of_targets[row[hit]] = values[hit]
        number, stay = new.cumsum(0) - 1 + left, new[row]
        left += int(new.sum())
        # On the host, since mps has no float64.
        parts = (part.cpu().double().numpy() for part in (shares[stay], values[stay], of_targets[new]))
        found.append([number[row[stay]].cpu().numpy(), *parts])
    row_S, share_S, said_SF, of_targets_RF = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return row_S, share_S, said_SF, of_targets_RF
