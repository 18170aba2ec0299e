"""The semantic neighbors of a history: training prefixes of others whose text is nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sracl_core.errors import InputError
from sracl_core.explorer.answers import UserNeighbor, UserNeighbors
from sracl_core.explorer.histories import Query
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval.best import best


@dataclass(frozen=True)
class NearPrefixes:
    """rows: int64 [K] of the training prefixes, nearest first. similarities: float32 [K].

    weights: float32 [K] of the synthesizer, None where the run has none.
    """

    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]
    weights: NDArray[np.float32] | None
    method: str
    recall: float | None


def near_prefixes(loaded: LoadedRun, query: Query, k: int, distinct: bool) -> NearPrefixes:
    """The `k` training prefixes of other users that are nearest to a history.

    With `distinct`, only the nearest prefix of each user. Where user texts are not made of item
    vectors (semantics.users titles or llm), the neighbors are those that training used for the
    user's latest training prefix; a raw history then raises InputError.
    """
    if loaded.pools_items:
        return _searched(loaded, query, k, distinct)
    return _from_table(loaded, query, k, distinct)


def neighbors_of(loaded: LoadedRun, query: Query, k: int, distinct: bool) -> UserNeighbors:
    """`near_prefixes` as a person reads them."""
    near = near_prefixes(loaded, query, k, distinct)
    mine = set(query.items.tolist())
    return UserNeighbors(
        user=loaded.dataset.users.id_of(query.user) if query.user >= 0 else None,
        history=loaded.items(query.items),
        method=near.method,
        recall=near.recall,
        synthesizer=loaded.synthesizer_kind,
        neighbors=[_shown(loaded, query, near, place, mine) for place in range(len(near.rows))],
    )


def _shown(loaded: LoadedRun, query: Query, near: NearPrefixes, place: int, mine: set[int]) -> UserNeighbor:
    prefixes, row = loaded.prefixes, int(near.rows[place])
    user, end = int(prefixes.users[row]), int(prefixes.ends[row])
    items = prefixes.values[prefixes.starts[row] : end]
    following = int(prefixes.values[end])
    return UserNeighbor(
        user=loaded.dataset.users.id_of(user),
        similarity=float(near.similarities[place]),
        weight=float(near.weights[place]) if near.weights is not None else None,
        length=end - int(loaded.sources.split.train.offsets[user]),
        shared=loaded.items([item for item in dict.fromkeys(items.tolist()) if item in mine]),
        next=loaded.item(following),
        prefix=loaded.items(items),
        hits_held_out=query.held_out.get(following),
    )


def _searched(loaded: LoadedRun, query: Query, k: int, distinct: bool) -> NearPrefixes:
    search, prefixes = loaded.prefix_search, loaded.prefixes
    anchor = search.vector(query.items[-loaded.config.model.max_length :])
    scores = search.similarities(anchor)
    if query.user >= 0:
        scores[prefixes.users == query.user] = -np.inf
    wanted = 4 * k if distinct else k
    rows = best(scores, wanted)
    if distinct:
        while len(_first_of_each(prefixes.users[rows])) < k and wanted < len(scores):
            wanted *= 4
            rows = best(scores, wanted)
        rows = rows[_first_of_each(prefixes.users[rows])][:k]
    weights = _weights(loaded, anchor, rows)
    return NearPrefixes(rows, scores[rows], weights, "exact", None)


def _from_table(loaded: LoadedRun, query: Query, k: int, distinct: bool) -> NearPrefixes:
    table, prefixes = loaded.prefix_table, loaded.prefixes
    kind = loaded.config.semantics.users
    if table is None:
        raise InputError(
            f"this run has no neighbors of users: no part of its loss reads them (user texts: {kind})"
        )
    own = np.flatnonzero(prefixes.users == query.user)
    if not len(own):
        raise InputError(
            f"neighbors of a history need semantics.users pooled or recency, this run has {kind}; "
            "ask for a user of its dataset with at least two training interactions"
        )
    row = int(own[-1])
    places = np.flatnonzero((table.ids[row] >= 0) & (prefixes.users[table.ids[row]] != query.user))
    if distinct:
        places = places[_first_of_each(prefixes.users[table.ids[row][places]])]
    places = places[:k]
    return NearPrefixes(
        table.ids[row][places].astype(np.int64), table.scores[row][places], None, table.method, table.recall
    )


def _first_of_each(users: NDArray[np.int32]) -> NDArray[np.int64]:
    """Positions of each user's first appearance, in order."""
    return np.sort(np.unique(users, return_index=True)[1])


@torch.no_grad()
def _weights(
    loaded: LoadedRun, anchor: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """What the synthesizer gives each neighbor, float32 [K], summing to 1."""
    if loaded.synthesizer is None or not len(rows):
        return None
    vectors = loaded.prefix_search.vectors_of(rows)
    weights: NDArray[np.float32] = loaded.synthesizer.weights(
        torch.from_numpy(anchor[None]),
        torch.from_numpy(vectors),
        torch.arange(len(rows))[None],
        torch.ones(1, len(rows), dtype=torch.bool),
    )[0].numpy()
    return weights
