"""Neighbor tables of items and prefixes: made once, then found again by what they are made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sracl_core.device import CPU, exact_up_to, limited_threads
from sracl_core.errors import DataError, SraclError
from sracl_core.files import cache_folder, make_folder
from sracl_core.notices import warn
from sracl_core.retrieval.table import NeighborTable
from sracl_core.seeding import generator
from sracl_core.settings.stages import RetrievalConfig
from sracl_core.team import ALONE, Team

if TYPE_CHECKING:
    from sracl_core.progress import Progress
    from sracl_core.retrieval.exclusion import Exclusion

__all__ = ["NeighborTable", "cached_neighbors", "find_neighbors", "table_address"]

SEARCHED_PREFIXES, LEAST_SEARCHES = 250_000, 4
"""stride=auto: about as many prefixes are searched, but not fewer than this many of a mean user."""
MOST_SEARCHED = 1_500_000
"""stride=auto: unless these are more, some 3 GB at 384 numbers a vector."""

_SEARCH_VERSION = 2
_SEARCH_SEED = 42
"""Decides centroids, HNSW's levels and the recall's sample; not a run's seed, so that runs share a table."""
_TIE = 1e-5


def find_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    config: RetrievalConfig,
    groups: NDArray[np.integer] | None = None,
    seed: int = 42,
    threads: int = 0,
    progress: Progress | None = None,
    device: torch.device = CPU,
    team: Team = ALONE,
) -> NeighborTable:
    """The k nearest other rows of each row by cosine, or k at random (`config.source`).

    vectors: float32 [n, D]; scaled to unit length where they are not.
    k: neighbors a row; clamped to n - 1. `config.k` is not read.
    groups: int [n]; rows of the same group are not each other's neighbors, e.g. a prefix's user.
    threads: 0 takes as many as torch has. Neighbors do not depend on it.
    device: where exact search runs, and how many vectors method=auto searches exactly, see
        `device.exact_up_to`.
    seed: decides the neighbors of `source: random`; the others do not depend on it.
    team: shares the search out; called by its process 0, while the others `Team.lend` themselves.

    A row is removed from its own neighbors by its number, never by its rank: identical vectors
    stay each other's neighbors. Every row has min(k, available) neighbors.
    """
    from sracl_core.retrieval.exclusion import Exclusion

    vectors = _unit(vectors)
    k = max(0, min(k, len(vectors) - 1))
    method = resolved_method(len(vectors), config, device)
    exclusion = Exclusion(len(vectors), groups)
    if k == 0:
        nothing = np.empty((len(vectors), 0))
        return NeighborTable(nothing.astype(np.int32), nothing.astype(np.float32), method)
    with limited_threads(threads) as cores:
        ids, scores = _search(vectors, k, method, exclusion, config, seed, cores, progress, device, team)
        recall = None
        if method in ("cells", "hnsw") and config.recall_sample:
            recall = sampled_recall(vectors, scores, k, exclusion, config.recall_sample, device)
        elif method == "exact":
            recall = 1.0
    return NeighborTable(ids, scores, method, recall)


def _search(
    vectors: NDArray[np.float32],
    k: int,
    method: str,
    exclusion: Exclusion,
    config: RetrievalConfig,
    seed: int,
    threads: int,
    progress: Progress | None,
    device: torch.device,
    team: Team,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if method == "random":
        from sracl_core.retrieval.random import random_neighbors

        return random_neighbors(vectors, k, exclusion, seed)
    if method == "exact":
        from sracl_core.retrieval.exact import shared_exact_neighbors

        return shared_exact_neighbors(vectors, k, exclusion, progress, device, team)
    if method == "cells":
        from sracl_core.retrieval.cells import cell_neighbors

        recall = config.cells_recall
        return cell_neighbors(vectors, k, exclusion, recall, _SEARCH_SEED, threads, progress, team)
    from sracl_core.retrieval.hnsw import hnsw_neighbors

    return hnsw_neighbors(vectors, k, exclusion, config, _SEARCH_SEED, threads, progress, team)


def resolved_stride(n_prefixes: int, n_users: int, config: RetrievalConfig) -> int:
    """Every how many prefixes of a user one is searched: what `config` comes to."""
    if config.stride:
        return config.stride
    wanted, most = -(-n_prefixes // SEARCHED_PREFIXES), n_prefixes // max(1, LEAST_SEARCHES * n_users)
    return max(1, min(wanted, most), -(-n_prefixes // MOST_SEARCHED))


def resolved_method(n: int, config: RetrievalConfig, device: torch.device = CPU) -> str:
    """ "exact", "cells", "hnsw" or "random" for n vectors: what `config` comes to."""
    if config.source == "random":
        return "random"
    if config.method == "auto":
        return "exact" if n <= exact_up_to(device) else "cells"
    return config.method


def sampled_recall(
    vectors: NDArray[np.float32],
    scores: NDArray[np.float32],
    k: int,
    exclusion: Exclusion,
    sample: int,
    device: torch.device = CPU,
) -> float | None:
    """Recall@k of `scores` on a sample of rows against exact search under the same exclusion.

    A found neighbor counts when it is as similar as the exact k-th (to 1e-5): among identical
    vectors, which of them is listed is a matter of taste. None where no row has a neighbor.
    """
    from sracl_core.retrieval.exact import exact_neighbors

    n = len(vectors)
    rows = np.sort(generator(_SEARCH_SEED, "recall").choice(n, size=min(sample, n), replace=False))
    exact_ids, exact_scores = exact_neighbors(vectors, k, exclusion, rows, device=device)
    exists = exact_ids >= 0
    counts = exists.sum(axis=1)
    if not counts.any():
        return None
    worst = np.where(exists, exact_scores, np.inf).min(axis=1)
    hits = (scores[rows] >= worst[:, None] - _TIE).sum(axis=1)
    return float(np.minimum(hits, counts).sum() / counts.sum())


def table_address(
    vectors: NDArray[np.float32],
    k: int,
    config: RetrievalConfig,
    groups: NDArray[np.integer] | None,
    seed: int,
    device: torch.device = CPU,
) -> str:
    """Hash of everything that decides a table: vectors, groups, and the settings that are read."""
    method = resolved_method(len(vectors), config, device)
    settings: dict[str, object] = {"version": _SEARCH_VERSION, "method": method, "k": k}
    if method == "random":
        settings["seed"] = seed
    if method == "cells":
        settings["cells"] = [config.cells_recall, config.recall_sample]
    if method == "hnsw":
        settings["hnsw"] = [config.hnsw_m, config.hnsw_ef_construction, config.hnsw_ef, config.recall_sample]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(f"{vectors.dtype} {vectors.shape}".encode())
    digest.update(np.ascontiguousarray(vectors).data)
    if groups is not None:
        digest.update(np.ascontiguousarray(groups, dtype=np.int64).data)
    return digest.hexdigest()


def cached_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    config: RetrievalConfig,
    groups: NDArray[np.integer] | None = None,
    seed: int = 42,
    threads: int = 0,
    progress: Progress | None = None,
    folder: Path | None = None,
    device: torch.device = CPU,
    team: Team = ALONE,
) -> NeighborTable:
    """`find_neighbors`, or the same table from an earlier time (`folder`: the cache folder).

    A table that was cut or altered on disk is made again. Raises StorageError when the folder
    cannot be written.
    """
    address = table_address(vectors, k, config, groups, seed, device)
    place = (folder or cache_folder()) / "neighbors" / address[:32]
    if place.is_dir():
        try:
            table = NeighborTable.load(place)
        except DataError as error:
            warn(str(error).replace("make it again", "it is made again"))
        else:
            if progress is not None:
                progress("neighbors", len(vectors), len(vectors))
            return table
    # A folder that cannot be written must be known before the search, not after.
    make_folder(place.parent)
    table = find_neighbors(vectors, k, config, groups, seed, threads, progress, device, team)
    table.save(place)
    return table


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """`vectors` as float32 rows of unit length; as they are where they are already. Zeros stay."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    if not np.isfinite(norms).all():
        raise SraclError(
            f"row {int(np.flatnonzero(~np.isfinite(norms))[0])} of the vectors is not finite; "
            "no neighbors can be found, encode the texts again"
        )
    if ((np.abs(norms - 1.0) < 1e-4) | (norms == 0.0)).all():
        return vectors
    return np.divide(vectors, np.where(norms > 0.0, norms, 1.0)[:, None], dtype=np.float32)
