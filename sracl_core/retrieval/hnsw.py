"""Approximate nearest neighbors with hnswlib, the same table at every number of threads.

Adding to one HNSW index from several threads gives another graph each time. So the vectors are
split over a few indexes, each built by one thread in a fixed order, all of them searched. What
they miss is then found among the neighbors of the neighbors (one round of NN-descent, Dong et
al., WWW 2011, doi 10.1145/1963405.1963487), which costs less than a wider search.

Shapes: n vectors of width D, B rows of a block, W kept candidates, k neighbors.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.device import limited_threads
from sracl_core.progress import in_units_of
from sracl_core.retrieval.distinct import Distinct, best_of_flat
from sracl_core.retrieval.exact import Found, best_first, exact_neighbors
from sracl_core.retrieval.exclusion import Exclusion
from sracl_core.seeding import derive_seed
from sracl_core.settings.stages import RetrievalConfig
from sracl_core.team import ALONE, Team

if TYPE_CHECKING:
    from sracl_core.progress import Progress

_ROWS_AN_INDEX = 70_000
_MOST_INDEXES = 4
_ROWS = 8192
_ADDED_ROWS = 1024
_BUILDING, _WHOLE = 2, 4
"""Parts of the work: indexes take about as long as the search in them and what follows together."""
_REFINED_ROWS = 512
_GATHERED_ROWS = 16
"""Rows whose candidates' vectors are gathered at once: 3 MB, which stays in cache; 512 take twice as long."""
_HOPS = 10
_LEAST_WIDTH = 10
_EXTRA_STEPS = (1, 4, 8, 16, 32, 64)


def hnsw_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    exclusion: Exclusion,
    config: RetrievalConfig,
    seed: int,
    threads: int,
    progress: Progress | None = None,
    team: Team = ALONE,
) -> Found:
    """The about k best other rows for each row.

    More are fetched than asked for, by as many as a row excludes (64 at most); a row that is still
    short is searched exactly, so every row gets min(k, available) neighbors. Of a team each process
    searches some of the indexes for all rows, and then refines some of the rows.
    """
    width, progress = max(k, _LEAST_WIDTH), in_units_of(progress, len(vectors))
    count = min(_MOST_INDEXES, -(-len(Distinct(vectors).representatives) // _ROWS_AN_INDEX))
    found = team.spread(
        _of_indexes,
        (vectors, exclusion.codes, width, config, seed, count, threads),
        [range(rank, count, team.size) for rank in range(team.size)],
        partial(_of_indexes, progress=progress),
    )
    ids, scores = (np.concatenate([one[part] for one in found], axis=1) for part in (0, 1))
    ids, scores = best_first(ids, np.where(ids < 0, -np.inf, scores), width)
    short = np.flatnonzero((ids >= 0).sum(axis=1) < np.minimum(width, exclusion.available()))
    if len(short):
        ids[short], scores[short] = exact_neighbors(vectors, width, exclusion, short)
    refined = team.spread(
        _refined,
        (vectors, ids, k, exclusion.codes, threads),
        team.blocks(len(ids), _REFINED_ROWS),
        partial(_refined, progress=progress),
    )
    return np.concatenate([one[0] for one in refined]), np.concatenate([one[1] for one in refined])


def _of_indexes(
    vectors: NDArray[np.float32],
    codes: NDArray[np.int64],
    width: int,
    config: RetrievalConfig,
    seed: int,
    count: int,
    threads: int,
    mine: range,
    progress: Progress | None = None,
) -> Found:
    """The `width` best of all rows in the indexes `mine` of `count`."""
    distinct, exclusion = Distinct(vectors), Exclusion(len(vectors), codes)
    parts = [distinct.representatives[first::count] for first in mine]
    if not parts:
        return np.full((len(vectors), width), -1, np.int32), np.full((len(vectors), width), -1.0, np.float32)
    seeds = [derive_seed(seed, "hnsw", part) % (1 << 31) for part in mine]
    with limited_threads(threads) as cores:
        indexes = list(zip(_built(vectors, parts, config, seeds, cores, progress), parts, strict=True))
        return _search(vectors, indexes, distinct, width, exclusion, config.hnsw_ef, cores, progress)


def _built(
    vectors: NDArray[np.float32],
    parts: list[NDArray[np.int64]],
    config: RetrievalConfig,
    seeds: list[int],
    threads: int,
    progress: Progress | None,
) -> list[Any]:
    """An index of each part, made by one thread each."""
    import hnswlib

    added, whole, broken_off = [0] * len(parts), sum(map(len, parts)), Event()

    def build(place: int) -> Any:
        rows, index = parts[place], hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(
            max_elements=len(rows), M=config.hnsw_m, ef_construction=config.hnsw_ef_construction,
            random_seed=seeds[place],
        )  # fmt: skip
        for start in range(0, len(rows), _ADDED_ROWS):
            if broken_off.is_set():
                break
            block = rows[start : start + _ADDED_ROWS]
            index.add_items(vectors[block], num_threads=1)
            added[place] += len(block)
        return index

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(build, place) for place in range(len(parts))]
        try:
            while wait(running, timeout=1.0).not_done:
                if progress is not None:
                    share = sum(added) / whole
                    progress("neighbors", int(_BUILDING * share * len(vectors)), _WHOLE * len(vectors))
        finally:
            broken_off.set()
        return [one.result() for one in running]


def _search(
    vectors: NDArray[np.float32],
    indexes: list[tuple[Any, NDArray[np.int64]]],
    distinct: Distinct,
    width: int,
    exclusion: Exclusion,
    ef: int,
    threads: int,
    progress: Progress | None,
) -> Found:
    ids = np.empty((len(vectors), width), dtype=np.int32)
    scores = np.empty((len(vectors), width), dtype=np.float32)
    extras = np.asarray(_EXTRA_STEPS)
    wanted = extras[np.minimum(np.searchsorted(extras, exclusion.sizes), len(extras) - 1)]
    done = 0
    for extra in np.unique(wanted):
        fetch = width + int(extra)
        for index, _ in indexes:
            index.set_ef(max(ef, fetch))
        rows = np.flatnonzero(wanted == extra)
        for start in range(0, len(rows), _ROWS):
            block = rows[start : start + _ROWS]
            found = [_query(index, part, vectors[block], fetch, threads) for index, part in indexes]
            positions, rows_found, similarity = distinct.expand(
                np.concatenate([one[0] for one in found], axis=1),
                np.concatenate([one[1] for one in found], axis=1),
                most=fetch,
            )
            allowed = ~exclusion.forbids(block[positions], rows_found[:, None])[:, 0]
            ids[block], scores[block] = best_of_flat(
                len(block), width, positions[allowed], rows_found[allowed], similarity[allowed]
            )
            done += len(block)
            if progress is not None:
                progress("neighbors", _BUILDING * len(vectors) + done, _WHOLE * len(vectors))
    return ids, scores


def _query(
    index: Any, part: NDArray[np.int64], queries: NDArray[np.float32], fetch: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`fetch` candidates for each query; -1 for a query whose part of the graph holds fewer."""
    fetch = min(fetch, len(part))
    try:
        labels, distances = index.knn_query(queries, k=fetch, num_threads=threads)
    except RuntimeError:
        # hnswlib refuses a whole block when one query reaches fewer than `fetch` vectors.
        if len(queries) == 1:
            return np.full((1, fetch), -1), np.full((1, fetch), -np.inf, dtype=np.float32)
        half = len(queries) // 2
        first = _query(index, part, queries[:half], fetch, threads)
        second = _query(index, part, queries[half:], fetch, threads)
        return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])
    return part[labels.astype(np.int64)], 1.0 - distances


def _refined(
    vectors: NDArray[np.float32],
    ids: NDArray[np.int32],
    width: int,
    codes: NDArray[np.int64],
    threads: int,
    mine: slice,
    progress: Progress | None = None,
) -> Found:
    """The `width` best among the neighbors and neighbors' neighbors of the rows `mine`, exactly scored."""
    exclusion, n = Exclusion(len(ids), codes), mine.stop - mine.start
    out_ids = np.empty((n, width), dtype=np.int32)
    out_scores = np.empty((n, width), dtype=np.float32)

    def refine(start: int) -> int:
        rows = np.arange(start, min(start + _REFINED_ROWS, mine.stop))
        candidates, counts = _candidates(ids, rows, exclusion)
        similarity = _similarity(vectors, rows, candidates, counts)
        found, made = best_first(candidates, similarity, width), rows - mine.start
        out_ids[made], out_scores[made] = found
        return int(made[-1]) + 1

    with limited_threads(threads) as cores, ThreadPoolExecutor(cores) as pool:
        for done in pool.map(refine, range(mine.start, mine.stop, _REFINED_ROWS)):
            if progress is not None:
                progress("neighbors", (_BUILDING + 1) * n + done, _WHOLE * n)
    return out_ids, out_scores


def _candidates(
    ids: NDArray[np.int32], rows: NDArray[np.int64], exclusion: Exclusion
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Each row's different allowed candidates, packed to the left, and how many they are."""
    near = ids[rows]
    hops = near[:, :_HOPS]
    second = np.where(hops[:, :, None] >= 0, ids[hops][:, :, :_HOPS], -1)
    candidates = np.sort(np.concatenate([near, second.reshape(len(rows), -1)], axis=1), axis=1)
    forbidden = exclusion.forbids(rows, candidates)
    forbidden[:, 1:] |= candidates[:, 1:] == candidates[:, :-1]
    allowed_first = np.argsort(forbidden, axis=1, kind="stable")
    return np.take_along_axis(candidates, allowed_first, axis=1), (~forbidden).sum(axis=1)


def _similarity(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    candidates: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Dot products of rows[i] with its first counts[i] candidates, -inf for the rest."""
    similarity = np.full(candidates.shape, -np.inf, dtype=np.float32)
    buffer = np.empty((_GATHERED_ROWS * candidates.shape[1], vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _GATHERED_ROWS):
        part = slice(start, start + _GATHERED_ROWS)
        near = candidates[part, : int(counts[part].max())]
        if not near.size:
            continue
        gathered = np.take(vectors, near.ravel(), axis=0, out=buffer[: near.size], mode="clip")
        gathered = gathered.reshape(*near.shape, -1)
        similarity[part, : near.shape[1]] = np.einsum("rcd,rd->rc", gathered, vectors[rows[part]])
    similarity[np.arange(candidates.shape[1]) >= counts[:, None]] = -np.inf
    return similarity
