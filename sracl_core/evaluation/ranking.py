"""Where the held-out item stands among all items: the rank behind every metric.

Full ranking, never sampled. One pass counts both protocols: with all items, and with those that
the user has already seen left out (masked).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.models.base import SequenceEncoder


@dataclass(frozen=True)
class Ranks:
    """Ranks of the held-out items, 1 is best; an item with an equal score counts as better."""

    users: np.ndarray
    """int32 [Q]."""
    unmasked: np.ndarray
    """int32 [Q], among all items."""
    masked: np.ndarray
    """int32 [Q], among the items that are not in the user's history before the held-out one."""


def seen_pairs(queries: Prefixes, histories: Prefixes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct (query, item) pairs of the whole histories, held-out items left out.

    Args:
        queries: Q evaluation prefixes; their targets are the held-out items.
        histories: the same Q queries with nothing cut to a maximum length.
        rows: int64 [b] which queries.

    Returns:
        (position in `rows` int64 [s], item index int64 [s])
    """
    items_bL = histories.padded(rows, int(histories.lengths[rows].max(initial=1)))
    position, column = np.nonzero(items_bL)
    items = items_bL[position, column].astype(np.int64)
    keep = items != queries.targets[rows][position]
    size = np.int64(items_bL.max(initial=0)) + 1
    pairs = np.unique(position[keep] * size + items[keep])
    return pairs // size, pairs % size


def rank_scores(
    scores_bN: Tensor, targets_b: Tensor, seen_b: Tensor, seen_items: Tensor
) -> tuple[Tensor, Tensor]:
    """(unmasked, masked) int64 ranks from scores of all items; column j is item j + 1.

    A score that is not finite ranks the target last.
    """
    target_b1 = scores_bN.gather(1, (targets_b - 1)[:, None])
    unmasked = (scores_bN >= target_b1).sum(dim=1)
    ahead = scores_bN[seen_b, seen_items - 1] >= target_b1.squeeze(1)[seen_b]
    masked = unmasked - torch.zeros_like(unmasked).index_add_(0, seen_b, ahead.to(unmasked.dtype))
    broken = ~torch.isfinite(target_b1.squeeze(1))
    last = scores_bN.shape[1]
    return unmasked.masked_fill(broken, last), masked.masked_fill(broken, last)


@torch.no_grad()
def rank_targets(
    encoder: SequenceEncoder,
    queries: Prefixes,
    histories: Prefixes,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
) -> Ranks:
    """Rank every query's held-out item; the encoder is put in evaluation mode meanwhile.

    Memory is batch_size x N scores, whatever the number of queries. See `seen_pairs` for `histories`.
    """
    was_training = encoder.training
    encoder.eval()
    device = encoder.device
    unmasked = np.empty(len(queries), dtype=np.int32)
    masked = np.empty(len(queries), dtype=np.int32)
    # Rows of like length together: the encoder then packs them without padding.
    order = np.argsort(queries.lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        history = queries.take(rows)
        scores = encoder.score(encoder.encode(history), history)
        position, seen = (torch.from_numpy(part).to(device) for part in seen_pairs(queries, histories, rows))
        targets = torch.from_numpy(queries.targets[rows].astype(np.int64)).to(device)
        all_items, unseen = rank_scores(scores, targets, position, seen)
        unmasked[rows], masked[rows] = all_items.cpu().numpy(), unseen.cpu().numpy()
        if progress:
            progress(min(start + batch_size, len(order)), len(order))
    encoder.train(was_training)
    return Ranks(queries.users, unmasked, masked)
