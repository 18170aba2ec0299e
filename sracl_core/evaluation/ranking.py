"""Where the held-out item stands among all items: the rank behind every metric.

Full ranking, never sampled. One pass counts both protocols: with all items, and with those that
the user has already seen left out (masked). Processes that share the items out count each its own part, and
what they count is added up.
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
from sracl_core.retrieval.topk import top_columns
from sracl_core.team import ALONE, Team

Scores = Callable[[Sequences], Tensor]
"""Scores of all items after each of R histories, [R, N]; column j is item j + 1. Where the items are shared
out, those of this process's part."""


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
    scores_bN: Tensor,
    targets_b: Tensor,
    seen_b: Tensor,
    seen_items: Tensor,
    first: int = 0,
    holders: Team = ALONE,
) -> tuple[Tensor, Tensor]:
    """(unmasked, masked) int64 ranks from scores of all items; column j is item j + 1.

    A score that is not finite ranks the target last.

    holders: each has scores of its part of the items, here those after the `first`, and what the ranks of all
    add up to is the rank.
    """
    n = scores_bN.shape[1]
    column_b, held_b = _held(targets_b, first, n)
    target_b1 = holders.summed(scores_bN.gather(1, column_b[:, None]).where(held_b[:, None], 0.0))
    unmasked = _at_least(scores_bN, target_b1)
    column, held = _held(seen_items, first, n)
    ahead = held & (scores_bN[seen_b, column] >= target_b1.squeeze(1)[seen_b])
    masked = unmasked - torch.zeros_like(unmasked).index_add_(0, seen_b, ahead.to(unmasked.dtype))
    broken = ~torch.isfinite(target_b1.squeeze(1))
    return unmasked.masked_fill(broken, n), masked.masked_fill(broken, n)


def _held(items: Tensor, first: int, n: int) -> tuple[Tensor, Tensor]:
    """Columns of items where the n after the `first` have scores, and whether they are of these."""
    columns = items - 1 - first
    return columns.clamp(0, n - 1), (columns >= 0) & (columns < n)


def _at_least(scores_bN: Tensor, least_b1: Tensor) -> Tensor:
    """How many scores of each row reach `least_b1`, int64 [b]."""
    if scores_bN.device.type != "cpu":
        return (scores_bN >= least_b1).sum(dim=1, dtype=torch.int32).long()
    # Row by row, what was compared is counted while the cache holds it; see benchmarks/ranking.py.
    rows = zip(scores_bN.numpy(), least_b1.numpy(), strict=True)
    return torch.tensor([np.count_nonzero(scores >= least) for scores, least in rows], dtype=torch.int64)


def best_items(
    scores_bN: Tensor,
    seen_b: Tensor,
    seen_items: Tensor,
    most: int,
    first: int = 0,
    holders: Team = ALONE,
) -> tuple[Tensor, Tensor]:
    """The best `most` items of each row, int64 [b, K], of all and of those not seen; 0 where none is left.

    first, holders: see `rank_scores`; each has the best of all items.
    """
    n_items = scores_bN.shape[1]
    column, held = _held(seen_items, first, n_items)
    seen_b, seen_items = seen_b[held], column[held] + 1
    n_seen = torch.bincount(seen_b, minlength=1).max()
    best_bM = top_columns(scores_bN, most + int(n_seen))[1]
    places_bM = best_bM + n_items * torch.arange(len(best_bM), device=best_bM.device)[:, None]
    held_bM = torch.isin(places_bM, seen_b * n_items + seen_items - 1)
    order_bM = held_bM.to(torch.int8).argsort(dim=1, stable=True)
    left_bM = (best_bM + 1).masked_fill(held_bM, 0).gather(1, order_bM)
    lists = best_bM[:, :most] + 1, left_bM[:, :most]
    return lists if holders.size == 1 else _best_of_all(scores_bN, lists, first, most, holders)


def _best_of_all(
    scores_bN: Tensor, lists: tuple[Tensor, Tensor], first: int, most: int, holders: Team
) -> tuple[Tensor, Tensor]:
    """The best of the holders' lists, whose columns count from each one's first item."""
    found = []
    for mine_bK in lists:
        scores_bK = scores_bN.gather(1, (mine_bK - 1).clamp(min=0)).masked_fill(mine_bK == 0, -torch.inf)
        items_bK = torch.where(mine_bK > 0, mine_bK + first, 0)
        every_bM, scores_bM = (holders.gather(part.T).T for part in (items_bK, scores_bK))
        best_bK = scores_bM.topk(min(most, scores_bM.shape[1]), dim=1).indices
        found.append(every_bM.gather(1, best_bK))
    return found[0], found[1]


@torch.no_grad()
def rank_queries(
    scores: Scores,
    queries: Prefixes,
    histories: Prefixes,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    top: int = 0,
    team: Team = ALONE,
    holders: Team = ALONE,
) -> Ranks:
    """Rank every query's held-out item, and keep the best `top` items of each.

    A team shares the batches, which are those of one process, and each of it gets all ranks. Where its
    processes are `holders` of a part of the items each, all go through all batches together.

    Memory is batch_size x N scores, whatever the number of queries. See `seen_pairs` for `histories`.
    """
    ranks = {name: np.zeros(len(queries), dtype=np.int32) for name in ("unmasked", "masked")}
    lists = {name: np.zeros((len(queries), top), dtype=np.int32) for name in ranks}
    # Rows of like length together: an encoder then packs them without padding.
    order = np.argsort(queries.lengths, kind="stable")
    starts = range(0, len(order), batch_size)
    for start in starts[team.rank :: team.size] if holders.size == 1 else starts:
        rows = order[start : start + batch_size]
        scores_bN = scores(queries.take(rows))
        device = scores_bN.device
        position, seen = (torch.from_numpy(part).to(device) for part in seen_pairs(queries, histories, rows))
        targets = torch.from_numpy(queries.targets[rows].astype(np.int64)).to(device)
        first = sum(holders.counts(scores_bN.shape[1])[: holders.rank])
        both = rank_scores(scores_bN, targets, position, seen, first, holders)
        for name, found in zip(ranks, both, strict=True):
            ranks[name][rows] = found.cpu().numpy()
        if top:
            best = best_items(scores_bN, position, seen, top, first, holders)
            for name, items in zip(lists, best, strict=True):
                if holders.first:  # of those that have the same lists; what all have is added up
                    lists[name][rows, : items.shape[1]] = items.cpu().numpy()
        if progress:
            progress(min(start + batch_size, len(order)), len(order))
    ranks, lists = ({name: team.total(part) for name, part in kind.items()} for kind in (ranks, lists))
    kept = (lists["unmasked"], lists["masked"]) if top else (None, None)
    return Ranks(queries.users, ranks["unmasked"], ranks["masked"], *kept)


def scores_of(encoder: SequenceEncoder) -> Scores:
    """The scores of an encoder, which is in evaluation mode while it is asked.

    Holders of its items encode a share of the rows each.
    """

    def scores(rows: Sequences) -> Tensor:
        was_training = encoder.training
        encoder.eval()
        found = encoder.score(encoder.encode_shared(rows), rows)
        encoder.train(was_training)
        return found

    return scores
