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
from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.team import ALONE, Team

Scores = Callable[[Sequences], Tensor]
"""Scores of all items after each of R histories, [R, N]; column j is item j + 1."""


@dataclass(frozen=True)
class Ranks:
    """Ranks of the held-out items, 1 is best; an item with an equal score counts as better."""

    users: np.ndarray
    """int32 [Q]."""
    unmasked: np.ndarray
    """int32 [Q], among all items."""
    masked: np.ndarray
    """int32 [Q], among the items that are not in the user's history before the held-out one."""
    unmasked_list: np.ndarray | None = None
    masked_list: np.ndarray | None = None
    """int32 [Q, K], the best items of each protocol, best first; 0 where fewer compete."""


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
    unmasked = _at_least(scores_bN, target_b1)
    ahead = scores_bN[seen_b, seen_items - 1] >= target_b1.squeeze(1)[seen_b]
    masked = unmasked - torch.zeros_like(unmasked).index_add_(0, seen_b, ahead.to(unmasked.dtype))
    broken = ~torch.isfinite(target_b1.squeeze(1))
    last = scores_bN.shape[1]
    return unmasked.masked_fill(broken, last), masked.masked_fill(broken, last)


def _at_least(scores_bN: Tensor, least_b1: Tensor) -> Tensor:
    """How many scores of each row reach `least_b1`, int64 [b]."""
    if scores_bN.device.type != "cpu":
        return (scores_bN >= least_b1).sum(dim=1, dtype=torch.int32).long()
    # Row by row, what was compared is counted while the cache holds it; see benchmarks/ranking.py.
    rows = zip(scores_bN.numpy(), least_b1.numpy(), strict=True)
    return torch.tensor([np.count_nonzero(scores >= least) for scores, least in rows], dtype=torch.int64)


def best_items(scores_bN: Tensor, seen_b: Tensor, seen_items: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The best `most` items of each row, int64 [b, K], of all and of those not seen; 0 where none is left."""
    n_items, n_seen = scores_bN.shape[1], torch.bincount(seen_b, minlength=1).max()
    best_bM = scores_bN.topk(min(most + int(n_seen), n_items), dim=1).indices
    places_bM = best_bM + n_items * torch.arange(len(best_bM), device=best_bM.device)[:, None]
    held_bM = torch.isin(places_bM, seen_b * n_items + seen_items - 1)
    order_bM = held_bM.to(torch.int8).argsort(dim=1, stable=True)
    left_bM = (best_bM + 1).masked_fill(held_bM, 0).gather(1, order_bM)
    return best_bM[:, :most] + 1, left_bM[:, :most]


@torch.no_grad()
def rank_queries(
    scores: Scores,
    queries: Prefixes,
    histories: Prefixes,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    top: int = 0,
    team: Team = ALONE,
) -> Ranks:
    """Rank every query's held-out item, and keep the best `top` items of each.

    A team shares the batches, which are those of one process, and each of it gets all ranks.

    Memory is batch_size x N scores, whatever the number of queries. See `seen_pairs` for `histories`.
    """
    ranks = {name: np.zeros(len(queries), dtype=np.int32) for name in ("unmasked", "masked")}
    lists = {name: np.zeros((len(queries), top), dtype=np.int32) for name in ranks}
    # Rows of like length together: an encoder then packs them without padding.
    order = np.argsort(queries.lengths, kind="stable")
    for start in range(0, len(order), batch_size)[team.rank :: team.size]:
        rows = order[start : start + batch_size]
        scores_bN = scores(queries.take(rows))
        device = scores_bN.device
        position, seen = (torch.from_numpy(part).to(device) for part in seen_pairs(queries, histories, rows))
        targets = torch.from_numpy(queries.targets[rows].astype(np.int64)).to(device)
        for name, found in zip(ranks, rank_scores(scores_bN, targets, position, seen), strict=True):
            ranks[name][rows] = found.cpu().numpy()
        if top:
            for name, items in zip(lists, best_items(scores_bN, position, seen, top), strict=True):
                lists[name][rows, : items.shape[1]] = items.cpu().numpy()
        if progress:
            progress(min(start + batch_size, len(order)), len(order))
    ranks, lists = ({name: team.total(part) for name, part in kind.items()} for kind in (ranks, lists))
    kept = (lists["unmasked"], lists["masked"]) if top else (None, None)
    return Ranks(queries.users, ranks["unmasked"], ranks["masked"], *kept)


def scores_of(encoder: SequenceEncoder) -> Scores:
    """The scores of an encoder, which is in evaluation mode while it is asked."""

    def scores(rows: Sequences) -> Tensor:
        was_training = encoder.training
        encoder.eval()
        found = encoder.score(encoder.encode(rows), rows)
        encoder.train(was_training)
        return found

    return scores
