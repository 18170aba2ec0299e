"""Exact nearest neighbors by blocked matrix products: the oracle, and all that small data needs.

Shapes: n vectors of width D, B rows of a block, k neighbors.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sracl_core.device import CPU, as_tensor, searched_rows_at_once, whole_mantissas
from sracl_core.progress import in_units_of
from sracl_core.retrieval.exclusion import Exclusion
from sracl_core.team import Team

if TYPE_CHECKING:
    from sracl_core.progress import Progress

_COLUMNS = 32_768

Found = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Ids (-1 where fewer exist) and cosines (-1 there), both [rows, k], best first, ties by id."""


def exact_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    exclusion: Exclusion,
    rows: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
    device: torch.device = CPU,
) -> Found:
    """The k best other rows for each of `rows` (all by default), by dot product.

    vectors: float32 [n, D] of unit length, held on `device` beside a block of scores of at most
    `searched_rows_at_once` x 32,768.
    """
    table = as_tensor(vectors).to(device)
    rows = np.arange(len(vectors)) if rows is None else rows
    ids = np.empty((len(rows), k), dtype=np.int32)
    scores = np.empty((len(rows), k), dtype=np.float32)
    at_once = searched_rows_at_once(device)
    with whole_mantissas():
        for start in range(0, len(rows), at_once):
            block = rows[start : start + at_once]
            places = [torch.from_numpy(one).to(device) for one in (block, *exclusion.pairs(block))]
            best_ids, best = best_of_block(table, places[0], places[1], places[2], k)
            found = best_first(best_ids.cpu().numpy(), best.cpu().numpy(), k)
            ids[start : start + at_once], scores[start : start + at_once] = found
            if progress is not None:
                progress("neighbors", start + len(block), len(rows))
    return ids, scores


def shared_exact_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    exclusion: Exclusion,
    progress: Progress | None,
    device: torch.device,
    team: Team,
) -> Found:
    """`exact_neighbors` of all rows, of a team each process some of them."""
    parts = team.blocks(len(vectors), searched_rows_at_once(device))
    own = partial(_of_rows, progress=in_units_of(progress, len(vectors)))
    found = team.spread(_of_rows, (vectors, k, exclusion.codes, device), parts, own)
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def _of_rows(
    vectors: NDArray[np.float32],
    k: int,
    codes: NDArray[np.int64],
    device: torch.device,
    mine: slice,
    progress: Progress | None = None,
) -> Found:
    rows = np.arange(mine.start, mine.stop)
    return exact_neighbors(vectors, k, Exclusion(len(vectors), codes), rows, progress, device)


def best_of_block(
    table: Tensor, rows: Tensor, positions: Tensor, excluded: Tensor, k: int
) -> tuple[Tensor, Tensor]:
    """(ids, scores) of the about k best of `table` for its rows `rows`, in no order; all on one device.

    positions, excluded: pairs of a place in `rows` and a row that it must not find, which scores -inf.
    """
    queries = table[rows]
    best_scores = torch.full((len(rows), 0), -torch.inf, device=table.device)
    best_ids = torch.zeros((len(rows), 0), dtype=torch.int64, device=table.device)
    for first in range(0, len(table), _COLUMNS):
        tile = table[first : first + _COLUMNS]
        scores = queries @ tile.T
        inside = (excluded >= first) & (excluded < first + len(tile))
        scores[positions[inside], excluded[inside] - first] = -torch.inf
        top = scores.topk(min(k, len(tile)), dim=1)
        best_scores = torch.cat([best_scores, top.values], dim=1)
        best_ids = torch.cat([best_ids, top.indices + first], dim=1)
        if best_scores.shape[1] > k:
            best_scores, places = best_scores.topk(k, dim=1)
            best_ids = best_ids.gather(1, places)
    return best_ids, best_scores


def best_first(ids: NDArray[np.integer], scores: NDArray[np.float32], k: int) -> Found:
    """The k best of each row's candidates, highest score first, ties by id; -inf marks no candidate."""
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    ids, scores = np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)
    absent = np.isneginf(scores)
    found_ids = np.where(absent, -1, ids).astype(np.int32)
    found_scores = np.where(absent, -1.0, np.clip(scores, -1.0, 1.0)).astype(np.float32)
    missing = k - found_ids.shape[1]
    if missing > 0:
        found_ids = np.pad(found_ids, ((0, 0), (0, missing)), constant_values=-1)
        found_scores = np.pad(found_scores, ((0, 0), (0, missing)), constant_values=-1.0)
    return found_ids, found_scores
