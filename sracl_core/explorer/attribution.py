"""What speaks for a recommendation: computed, not guessed; docs/explain.md says what it means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sracl_core.explorer.answers import Attribution, HeldCount, HistoryEffect, NeighborEvidence
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
    that one item is left out; what of the score is by count stands beside it.
    """
    older, history = np.split(query.items, [max(0, len(query.items) - loaded.config.model.max_length)])
    rows = np.array(items) - 1
    scores = loaded.scores([query.items])[0][rows]
    effects = _effects(loaded, older, history, rows, scores)
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
                count=_counted(loaded, older, history, item),
                neighbors=[] if near is None else _evidence(loaded, near, bought, item),
            )
        )
    return attributions


def _effects(
    loaded: LoadedRun,
    older: NDArray[np.int32],
    history: NDArray[np.int32],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> NDArray[np.float32] | None:
    """float32 [L, K]: how much the score of each item falls without each of the L that are read.

    None where one is all that is read. The `older` ones are counted, where the run counts, and none of them
    moves in for what is left out.
    """
    if len(history) < 2:
        return None
    left = [np.delete(history, place) for place in range(len(history))]
    without = loaded.scores(left, [np.concatenate([older, some]) for some in left])[:, rows]
    effects: NDArray[np.float32] = scores[None] - without
    return effects


def _counted(
    loaded: LoadedRun, older: NDArray[np.int32], history: NDArray[np.int32], item: int
) -> HeldCount | None:
    """What how often somebody took `item` says; nothing else reads the older purchases."""
    counts = loaded.encoder.counts
    before = int((older == item).sum())
    times = before + int((history == item).sum())
    if counts is None or not times or not counts.weights.any():
        return None
    part, less = counts.of(np.array([times, times - 1])).tolist()
    return HeldCount(times, before, part, part - less if before else None)


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
