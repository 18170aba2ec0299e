"""How likely people are to take again what they have: a bias by recency, fitted to a frozen encoder.

A state is near the items that it was made from (tied weights), so unmasked they take the upper ranks
whether or not people ever repeat. Learned beside the encoder the bias costs accuracy; fitted afterwards,
by cross-entropy on training prefixes, it costs seconds and uses nothing that the masked protocol does
not use.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sequences import aged
from sracl_core.device import logit_rows_at_once
from sracl_core.models.base import SequenceEncoder
from sracl_core.seeding import generator

SAMPLE = 20_000
LEAST = 50
RIDGE = 1e-4


@torch.no_grad()
def _by_age(encoder: SequenceEncoder, prefixes: Prefixes, rows: np.ndarray) -> list[Tensor]:
    """What the fit reads of each prefix, pairs (prefix, distinct item of its history) being counted alike.

    Returns:
        token's pair [T], token's age [T], pair's prefix [U], pair's log-probability [U] without any bias,
        pair of each target that is a repeat [M]
    """
    found: list[tuple[np.ndarray, ...]] = []
    pairs = 0
    at_once = logit_rows_at_once(encoder.device)
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        history = prefixes.take(some)
        scores = encoder.item_scores(encoder.encode_shared(history))
        row, item, age = aged(history, encoder.max_length)
        keys, token_pair = np.unique(row * (encoder.n_items + 1) + item, return_inverse=True)
        pair_row, pair_item = np.divmod(keys, encoder.n_items + 1)
        place = (torch.from_numpy(part).to(scores.device) for part in (pair_row, pair_item))
        log_shares = _log_shares(encoder, scores, *place).cpu().double().numpy()
        targets = prefixes.values[prefixes.ends[some]]
        again = np.flatnonzero(pair_item == targets[pair_row])
        found.append((token_pair + pairs, age, pair_row + start, log_shares, again + pairs))
        pairs += len(keys)
    return [torch.from_numpy(np.concatenate(parts)) for parts in zip(*found, strict=True)]


def _log_shares(encoder: SequenceEncoder, scores_RN: Tensor, row: Tensor, item: Tensor) -> Tensor:
    """Log-probabilities of pairs by the softmax over all items, of which the holders have scores of parts."""
    column, held = encoder.columns_of(item)
    totals_R, team = scores_RN.logsumexp(dim=1), encoder.holders
    if team.size > 1:
        largest_R = team.largest(totals_R)
        totals_R = team.summed((totals_R - largest_R).exp()).log() + largest_R
    return team.summed(scores_RN[row, column].where(held, 0.0)) - totals_R[row]


def fit_repeats(encoder: SequenceEncoder, prefixes: Prefixes, seed: int, sample: int = SAMPLE) -> bool:
    """Set `encoder.repeat_bias` to what explains a sample of training prefixes best; the rest stays.

    With p the encoder's own softmax and b the sum of the biases of an item's places in the history, the
    target's loss is log(1 + sum_i p_i (exp(b_i) - 1)) - b_target, where i runs over the history alone:
    exact, and as cheap as the histories are short. A small ridge keeps finite what never happens.

    Returns:
        Whether there was enough to fit on (`LEAST` prefixes); if not, the bias is 0.
    """
    encoder.repeat_bias.zero_()
    if len(prefixes) < LEAST:
        return False
    rng = generator(seed, "repeats")
    rows = np.sort(rng.permutation(len(prefixes))[:sample])
    was_training = encoder.training
    encoder.eval()
    token_pair, token_age, pair_row, log_shares, again_pair = _by_age(encoder, prefixes, rows)
    encoder.train(was_training)
    shares = log_shares.exp()
    bias = torch.zeros(encoder.max_length, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        of_pair = torch.zeros(len(pair_row), dtype=torch.float64).index_add(0, token_pair, bias[token_age])
        moved = torch.zeros(len(rows), dtype=torch.float64).index_add(
            0, pair_row, shares * torch.expm1(of_pair)
        )
        return (torch.log1p(moved).sum() - of_pair[again_pair].sum()) / len(
            rows
        ) + RIDGE * bias.square().sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    if not bool(torch.isfinite(bias).all()):
        return False
    encoder.repeat_bias.copy_(bias.detach().float())
    return True
