"""Which item goes with which: by who had both, and by the model (arXiv 2108.06479, section 4.2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences, gathered

PAIRS_AT_ONCE = 1 << 21
ROWS_AT_ONCE = 1024


def most_correlated(train: Sequences, n_items: int) -> tuple[np.ndarray, np.ndarray]:
    """For each item the most correlated other one, int64 [N] row numbers (-1: none), and how much, [N].

    The correlation of i and j is the sum over the users of both of
    1 / (sqrt(|N(i)| |N(j)|) log(1 + |N(u)|)), where N(i) are the users of an item and N(u) the items of
    a user, each counted once. The time is linear in the pairs of items that a user had.
    """
    owners = np.repeat(np.arange(len(train), dtype=np.int64), train.lengths)
    had = np.unique(owners * n_items + train.values - 1)
    users, items = np.divmod(had, n_items)
    of_user = Sequences.of_lengths(items.astype(np.int32), np.bincount(users, minlength=len(train)))
    holders = users[np.argsort(items, kind="stable")]
    count_N = np.bincount(items, minlength=n_items)
    share_U = 1.0 / np.log1p(np.maximum(of_user.lengths, 1))
    partner_N, amount_N = np.full(n_items, -1, dtype=np.int64), np.zeros(n_items)
    # Whole items at a time, so that an item's sums are complete; their pairs fit into memory.
    item_H = np.repeat(np.arange(n_items), count_N)
    chunk_H = np.cumsum(of_user.lengths[holders]) // PAIRS_AT_ONCE
    chunk_N = np.maximum.accumulate(chunk_H[np.minimum(np.cumsum(count_N) - count_N, len(holders) - 1)])
    for first, stop in _stretches(chunk_N):
        mine = slice(*np.searchsorted(item_H, (first, stop)))
        lengths = of_user.lengths[holders[mine]]
        others = gathered(of_user.values, of_user.offsets[holders[mine]], lengths).values.astype(np.int64)
        owner = np.repeat(item_H[mine], lengths)
        amount = np.repeat(share_U[holders[mine]], lengths)
        apart = owner != others
        pairs, place = np.unique(owner[apart] * n_items + others[apart], return_inverse=True)
        one, other = np.divmod(pairs, n_items)
        sums = np.bincount(place, weights=amount[apart], minlength=len(pairs))
        sums = sums / np.sqrt(count_N[one] * count_N[other])
        best = np.lexsort((other, -sums, one))
        best = best[np.diff(one[best], prepend=-1) > 0]
        partner_N[one[best]], amount_N[one[best]] = other[best], sums[best]
    return partner_N, amount_N


def most_alike(items_ND: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """For each item the one of the highest cosine, int64 [N], and it scaled to 0..1 over all pairs, [N].

    Every pair is compared: the time grows with the square of the items.
    """
    unit_ND = nn.functional.normalize(items_ND, dim=1)
    found, least = [], []
    for start in range(0, len(unit_ND), ROWS_AT_ONCE):
        part_RN = unit_ND[start : start + ROWS_AT_ONCE] @ unit_ND.T
        rows_R = torch.arange(len(part_RN), device=part_RN.device)
        least.append(part_RN.min())
        part_RN[rows_R, start + rows_R] = -torch.inf
        found.append(part_RN.max(dim=1))
    highest_N = torch.cat([part.values for part in found])
    low, high = torch.stack(least).min(), highest_N.max()
    scaled_N = (highest_N - low) / (high - low).clamp(min=1e-12)
    return torch.cat([part.indices for part in found]).cpu().numpy(), scaled_N.cpu().double().numpy()


def _stretches(numbers_N: np.ndarray) -> list[tuple[int, int]]:
    """(first, stop) of each run of equal numbers."""
    edges = np.flatnonzero(np.diff(numbers_N, prepend=-1, append=-1))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
