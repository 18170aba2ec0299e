"""What speaks for a recommendation: computed, not guessed; docs/explain.md says what it means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sracl_core.explorer.answers import Attribution, HistoryEffect, NeighborEvidence
from sracl_core.explorer.histories import Query
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.neighboring import NearPrefixes

NEIGHBORS = 50
"""Neighbors asked for evidence; more than a list shows, since a single one rarely bought the item."""


def attribute(
    loaded: LoadedRun, query: Query, items: list[int], near: NearPrefixes | None
) -> list[Attribution]:
    """An attribution for each of `items` (indices), all from one batch through the encoder.

    The effect of a history item is the encoder's score with the whole history less its score when
    that one item is left out.
    """
    read = query.items[-loaded.config.model.reach :]
    history = read[-loaded.config.model.max_length :]
    rows = np.array(items) - 1
    scores = loaded.scores([read])[0][rows]
    effects = _effects(loaded, read, len(history), rows, scores)
    bought = [] if near is None else _purchases(loaded, near)
    attributions = []
    for place, item in enumerate(items):
        named = loaded.item(item)
        attributions.append(
            Attribution(
                named.item,
                named.title,
                score=float(scores[place]),
                history=_ordered(loaded, history, None if effects is None else effects[:, place]),
                neighbors=[] if near is None else _evidence(loaded, near, bought, item),
            )
        )
    return attributions


def _effects(
    loaded: LoadedRun,
    read: NDArray[np.int32],
    latest: int,
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> NDArray[np.float32] | None:
    """float32 [L, K]: how much the score of each item falls without each of the `latest` L that are read.

    None where one is all that there is.
    """
    if len(read) < 2:
        return None
    places = range(len(read) - latest, len(read))
    without = loaded.scores([np.delete(read, place) for place in places])[:, rows]
    effects: NDArray[np.float32] = scores[None] - without
    return effects


def _ordered(
    loaded: LoadedRun, history: NDArray[np.int32], effects: NDArray[np.float32] | None
) -> list[HistoryEffect]:
    """The strongest first."""
    order = range(len(history)) if effects is None else np.argsort(-effects, kind="stable").tolist()
    found = []
    for position in order:
        named = loaded.item(int(history[position]))
        effect = None if effects is None else float(effects[position])
        found.append(HistoryEffect(named.item, named.title, position, effect))
    return found


def _purchases(loaded: LoadedRun, near: NearPrefixes) -> list[set[int]]:
    """What each neighbor bought in the training part."""
    train = loaded.sources.split.train
    return [set(train.of(user).tolist()) for user in loaded.prefixes.users[near.rows].tolist()]


def _evidence(
    loaded: LoadedRun, near: NearPrefixes, bought: list[set[int]], item: int
) -> list[NeighborEvidence]:
    """The neighbors that bought `item` in the training part, those for whom it came next first."""
    prefixes = loaded.prefixes
    found = []
    for place, row in enumerate(near.rows.tolist()):
        if item not in bought[place]:
            continue
        found.append(
            NeighborEvidence(
                user=loaded.dataset.users.id_of(int(prefixes.users[row])),
                similarity=float(near.similarities[place]),
                weight=float(near.weights[place]) if near.weights is not None else None,
                bought=True,
                next=int(prefixes.values[prefixes.ends[row]]) == item,
            )
        )
    return sorted(found, key=lambda evidence: (not evidence.next, -evidence.similarity))
