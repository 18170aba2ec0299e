"""Approximate nearest neighbors of every row at once, by cells.

k-means puts the vectors into cells (an inverted file: Sivic and Zisserman, ICCV 2003), and a row looks
through the cells whose centroids are nearest to it. In how many is not guessed: the cells of the exact
neighbors of a sample of rows say how many hold the share of them that is asked for. Rows of near cells
are searched together, so that the work is products of blocks. Every product is made by one thread, and
the blocks do not depend on who makes them: one table at any number of threads or processes.

Shapes: n vectors of width D, C cells, B rows of a block, k neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sracl_core.device import in_threads, limited_threads
from sracl_core.progress import in_units_of
from sracl_core.retrieval.exact import Found, best_first, exact_neighbors
from sracl_core.retrieval.exclusion import Exclusion
from sracl_core.retrieval.kmeans import kmeans
from sracl_core.seeding import generator
from sracl_core.team import ALONE, Team

if TYPE_CHECKING:
    from sracl_core.progress import Progress


_CELLS_A_ROOT, _LEAST_IN_A_CELL = 3.5, 20
"""As many cells as this times the root of n: their centroids cost about as much as a tenth of the search."""
_SAMPLE_A_CELL, _ITERATIONS = 20, 4
"""More of either makes cells smaller by an eighth, and takes three times as long."""
_CELLS_A_GROUP = 64
_QUERIES, _QUERIES_AT_ONCE = 500, 64
_ROWS = 1024
"""Rows whose nearest cells are found at once. A process of a team does whole blocks of these, so that
products are of the same rows whoever makes them."""
_MOST_ROWS, _BLOCKS = 32_768, 8
"""Rows that are searched together are at most so many, and about an eighth of all: the more, the less is
gathered in vain, since cells that are near are few in so many dimensions."""
_CROWD = 16
"""A cell of more than this times the mean is identical vectors; a row looks through a part of it."""
_FIRST = 4
_CENTROIDS, _HOMES, _WHOLE = 1, 2, 16
"""Where the parts of the work end, in sixteenths: centroids are found, rows put to them, all searched."""


def cell_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    exclusion: Exclusion,
    recall: float,
    seed: int,
    threads: int,
    progress: Progress | None = None,
    team: Team = ALONE,
) -> Found:
    """The about k best other rows for each row, by dot product.

    vectors: float32 [n, D] of unit length.
    recall: share of the exact neighbors of 500 rows that the cells looked through hold, 0 to 1.

    A row that finds fewer than it could have is searched exactly, so every row gets min(k, available).
    Of a team each process searches for some of the rows.
    """
    n, progress = len(vectors), in_units_of(progress, len(vectors))
    centroids = _centroids(vectors, seed, progress)
    probes = _probes(vectors, centroids, k, exclusion, recall, seed, threads)
    _tell(progress, _CENTROIDS, n, n)
    at_once = min(_MOST_ROWS, _ROWS * -(-n // (_BLOCKS * _ROWS)))
    parts = team.blocks(n, at_once)
    homes = team.spread(_homes, (vectors, centroids, threads), parts, partial(_homes, progress=progress))
    cells = np.concatenate(homes)
    order = _near_beside(cells, centroids, seed)
    found = team.spread(
        _searched,
        (vectors, exclusion.codes, centroids, cells, order, probes, k, at_once, threads),
        parts,
        partial(_searched, progress=progress),
    )
    ids, scores = np.empty((n, k), dtype=np.int32), np.empty((n, k), dtype=np.float32)
    for part, (some_ids, some_scores) in zip(parts, found, strict=True):
        ids[order[part]], scores[order[part]] = some_ids, some_scores
    short = np.flatnonzero((ids >= 0).sum(axis=1) < np.minimum(k, exclusion.available()))
    if len(short):
        ids[short], scores[short] = exact_neighbors(vectors, k, exclusion, short)
    _tell(progress, _WHOLE, n, n)
    return ids, scores


def _tell(progress: Progress | None, part: int, done: int, n: int) -> None:
    """That `done` of n rows are through all parts up to `part`, and all rows through those before."""
    if progress is not None:
        before = {_CENTROIDS: 0, _HOMES: _CENTROIDS, _WHOLE: _HOMES}[part]
        progress("neighbors", before * n + (part - before) * done, _WHOLE * n)


def _centroids(vectors: NDArray[np.float32], seed: int, progress: Progress | None) -> NDArray[np.float32]:
    """float32 [C, D], of a sample of the vectors."""
    n = len(vectors)
    count = max(1, min(round(_CELLS_A_ROOT * n**0.5), n // _LEAST_IN_A_CELL))
    rng = generator(seed, "cells")
    sample = np.sort(rng.choice(n, min(n, _SAMPLE_A_CELL * count), replace=False))

    def told(iteration: int) -> None:
        _tell(progress, _CENTROIDS, n * iteration // (_ITERATIONS + 1), n)

    with limited_threads(1):
        return kmeans(torch.from_numpy(vectors[sample]), count, rng, _ITERATIONS, told)[0].numpy()


def _probes(
    vectors: NDArray[np.float32],
    centroids: NDArray[np.float32],
    k: int,
    exclusion: Exclusion,
    recall: float,
    seed: int,
    threads: int,
) -> int:
    """How many cells, the nearest first, hold the share `recall` of the k nearest of a row."""
    n, table = len(vectors), torch.from_numpy(vectors)
    rows = np.sort(generator(seed, "probes").choice(n, min(n, _QUERIES), replace=False))
    parts = [rows[start : start + _QUERIES_AT_ONCE] for start in range(0, len(rows), _QUERIES_AT_ONCE)]

    def ranks(some: NDArray[np.int64]) -> NDArray[np.int64]:
        ids, _ = exact_neighbors(vectors, k, exclusion, some)
        nearest = torch.argsort(_nearness(table[some], centroids), dim=1, descending=True)
        places = torch.argsort(nearest, dim=1).numpy()
        near = np.where(ids >= 0, ids, 0)
        cells = _nearest(table[near.ravel()], centroids).reshape(near.shape)
        return np.take_along_axis(places, cells, axis=1)[ids >= 0]

    found = np.concatenate(list(in_threads(ranks, parts, threads)))
    return int(np.quantile(found, recall, method="higher")) + 1 if len(found) else 1


def _nearness(points: Tensor, centroids: NDArray[np.float32]) -> Tensor:
    """[B, C]: the greater, the nearer, as the squared distance has it."""
    of = torch.from_numpy(centroids)
    return points @ of.T - of.square().sum(dim=1) / 2


def _nearest(points: Tensor, centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """The cell of each of the points [B]."""
    return _nearness(points, centroids).argmax(dim=1).numpy().astype(np.int32)


def _homes(
    vectors: NDArray[np.float32],
    centroids: NDArray[np.float32],
    threads: int,
    mine: slice,
    progress: Progress | None = None,
) -> NDArray[np.int32]:
    """The nearest cell of each of the rows `mine`."""
    found, blocks = [np.empty(0, dtype=np.int32)], torch.split(torch.from_numpy(vectors[mine]), _ROWS)
    for place, one in enumerate(in_threads(partial(_nearest, centroids=centroids), blocks, threads), start=1):
        found.append(one)
        _tell(progress, _HOMES, place * len(vectors) // len(blocks), len(vectors))
    return np.concatenate(found)


def _near_beside(cells: NDArray[np.int32], centroids: NDArray[np.float32], seed: int) -> NDArray[np.int64]:
    """All rows so that those of one cell, and of cells that are near, are beside each other."""
    groups = -(-len(centroids) // _CELLS_A_GROUP)
    with limited_threads(1):
        _, of_cell = kmeans(torch.from_numpy(centroids), groups, generator(seed, "groups"), _ITERATIONS)
    return np.lexsort((cells, of_cell.numpy()[cells]))


def _searched(
    vectors: NDArray[np.float32],
    codes: NDArray[np.int64],
    centroids: NDArray[np.float32],
    cells: NDArray[np.int32],
    order: NDArray[np.int64],
    probes: int,
    k: int,
    at_once: int,
    threads: int,
    mine: slice,
    progress: Progress | None = None,
) -> Found:
    """The k best of the rows order[mine] in the `probes` cells that are nearest to each."""
    sizes = np.bincount(cells, minlength=len(centroids))
    members = np.split(np.argsort(cells, kind="stable"), np.cumsum(sizes)[:-1])
    table = _Cells(torch.from_numpy(vectors), torch.from_numpy(codes), centroids, members)
    found = [(np.empty((0, k), dtype=np.int32), np.empty((0, k), dtype=np.float32))]
    blocks = [
        order[start : min(start + at_once, mine.stop)] for start in range(mine.start, mine.stop, at_once)
    ]
    best = partial(table.best, probes=probes, k=k)
    for place, one in enumerate(in_threads(best, blocks, threads, table.ended), start=1):
        found.append(one)
        # The whole is over when those that found too few are searched exactly.
        _tell(progress, _WHOLE, place * (len(vectors) - 1) // len(blocks), len(vectors))
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


class _Cells:
    """Vectors by cell.

    codes: int64 [n]; rows of the same code are not each other's neighbors.
    members: of each cell its rows.
    ended: once set, a search in another thread breaks off.
    """

    def __init__(
        self,
        vectors: Tensor,
        codes: Tensor,
        centroids: NDArray[np.float32],
        members: Sequence[NDArray[np.int64]],
    ) -> None:
        self.vectors, self.codes, self.centroids = vectors, codes, centroids
        self.members = [torch.from_numpy(one) for one in members]
        self.ended = Event()
        self.most = max(_LEAST_IN_A_CELL, _CROWD * len(vectors) // len(members))

    def best(self, rows: NDArray[np.int64], probes: int, k: int) -> Found:
        """The k best of each of `rows` in the `probes` cells that are nearest to it."""
        queries = _Queries(torch.from_numpy(rows), self.vectors, self.codes, k)
        near = (_nearness(part, self.centroids) for part in torch.split(queries.vectors, _ROWS))
        nearest = torch.cat([one.topk(min(probes, one.shape[1]), dim=1).indices for one in near])
        # After the first few cells most others hold nothing better, which their best score alone says.
        for ranks in (nearest[:, :_FIRST], nearest[:, _FIRST:]):
            by_cell = torch.argsort(ranks.flatten(), stable=True)
            counts = torch.bincount(ranks.flatten(), minlength=len(self.members))
            places = torch.split(by_cell // max(1, ranks.shape[1]), counts.tolist())
            for members, looking in zip(self.members, places, strict=True):
                if self.ended.is_set():
                    break
                parts = -(-len(members) // self.most)
                for part in range(parts):
                    if len(looking[part::parts]):
                        queries.look(looking[part::parts], members[part::parts], self.vectors, self.codes)
        return best_first(queries.ids.numpy(), queries.scores.numpy(), k)


class _Queries:
    """Rows that look for others, and the k best that each has found: scores [B, k] with the best first."""

    def __init__(self, rows: Tensor, vectors: Tensor, codes: Tensor, k: int) -> None:
        self.vectors, self.codes = vectors.index_select(0, rows), codes.index_select(0, rows)
        self.scores = torch.full((len(rows), k), -torch.inf)
        self.ids = torch.zeros((len(rows), k), dtype=torch.int64)

    def look(self, places: Tensor, rows: Tensor, vectors: Tensor, codes: Tensor) -> None:
        """Let the queries at `places` see the rows `rows` of vectors [n, D] and codes [n]."""
        scores = self.vectors.index_select(0, places) @ vectors.index_select(0, rows).T
        worst = self.scores[:, -1].index_select(0, places)
        better = torch.nonzero(scores.amax(dim=1) > worst)[:, 0]
        if not len(better):
            return
        places, scores = places.index_select(0, better), scores.index_select(0, better)
        same = self.codes.index_select(0, places)[:, None] == codes.index_select(0, rows)
        top = scores.masked_fill_(same, -torch.inf).topk(min(self.scores.shape[1], len(rows)), dim=1)
        seen = torch.cat([self.scores.index_select(0, places), top.values], dim=1)
        ids = torch.cat([self.ids.index_select(0, places), rows[top.indices]], dim=1)
        best = seen.topk(self.scores.shape[1], dim=1)
        self.scores.index_copy_(0, places, best.values)
        self.ids.index_copy_(0, places, ids.gather(1, best.indices))
