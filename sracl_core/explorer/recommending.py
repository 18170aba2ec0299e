"""Lists of items for a history, with or without a text that steers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sracl_core.explorer.answers import (
    Attribution,
    HeldOut,
    Item,
    RankedItem,
    Recommendation,
    Recommendations,
)
from sracl_core.explorer.histories import Query
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval.best import standard
from sracl_core.rules.applied import Applied


@dataclass(frozen=True)
class Steering:
    """A text that pulls the list towards its meaning.

    weight: 0 is the history alone, 1 the text alone.
    similarities: float32 [N], cosine of the text with each item's.
    likeness: float32 [N], how far each item is what the text asks for (`rules.prompting`).
    """

    text: str
    weight: float
    similarities: NDArray[np.float32]
    likeness: NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """encoder: float32 [N], as the evaluation ranks. total: what orders the list, float32 [N]."""

    encoder: NDArray[np.float32]
    total: NDArray[np.float32]


def score(loaded: LoadedRun, query: Query, steering: Steering | None) -> Scores:
    """Scores of every item; column j is item j + 1."""
    encoder = loaded.scores([query.items])[0]
    if steering is None:
        return Scores(encoder, encoder)
    weight = np.float32(steering.weight)
    return Scores(encoder, (1 - weight) * standard(encoder) + weight * steering.likeness)


def recommend(
    loaded: LoadedRun,
    query: Query,
    k: int,
    rules: Applied,
    steering: Steering | None,
    ranks_of: Sequence[int] = (),
) -> Recommendations:
    """The best `k` items for a history, best first, and the ranks of the items `ranks_of` (indices)."""
    scores = score(loaded, query, steering)
    seen = np.zeros(len(scores.total), dtype=bool)
    seen[query.items - 1] = True
    candidates = rules.candidates(scores.total, np.flatnonzero(seen))
    chosen = rules.choose(candidates, k)
    trained = loaded.trained.dataset.n_items
    return Recommendations(
        user=loaded.dataset.users.id_of(query.user) if query.user >= 0 else None,
        history=loaded.items(query.items),
        until=query.until,
        items=_listed(loaded, query, scores, chosen, seen, steering),
        held_out={
            part: HeldOut(
                *_named(loaded, item), rank=_rank(scores.total[:trained], candidates[:trained], item)
            )
            for part, item in query.next_held_out.items()
        },
        method="exact",
        text=steering.text if steering else None,
        text_weight=steering.weight if steering else 0.0,
        notes=[
            *rules.notes,
            *rules.said_of(len(chosen), k),
            *loaded.catalogue.said_of_added(chosen),
            *_said_of_left_out(loaded, query, rules),
        ],
        ranks_of=[
            RankedItem(
                *_named(loaded, item),
                rank=_rank(scores.total, candidates, item),
                score=float(scores.total[item - 1]),
            )
            for item in ranks_of
        ],
    )


def _listed(
    loaded: LoadedRun,
    query: Query,
    scores: Scores,
    chosen: NDArray[np.integer],
    seen: NDArray[np.bool_],
    steering: Steering | None,
) -> list[Recommendation]:
    """The rows `chosen` of the scores, best first."""
    items = []
    for rank, row in enumerate(chosen.tolist(), start=1):
        named = loaded.item(row + 1)
        items.append(
            Recommendation(
                named.item,
                named.title,
                rank=rank,
                score=float(scores.total[row]),
                encoder_score=float(scores.encoder[row]),
                text_similarity=float(steering.similarities[row]) if steering else None,
                seen=bool(seen[row]),
                held_out=query.held_out.get(row + 1),
                why=None,
            )
        )
    return items


def with_reasons(found: Recommendations, reasons: list[Attribution]) -> Recommendations:
    """`found` with an attribution for each item, in the same order."""
    items = [replace(item, why=why) for item, why in zip(found.items, reasons, strict=True)]
    return replace(found, items=items)


def _named(loaded: LoadedRun, item: int) -> tuple[str, str]:
    named: Item = loaded.item(item)
    return named.item, named.title


def _said_of_left_out(loaded: LoadedRun, query: Query, rules: Applied) -> list[str]:
    """A line for each held-out item that no list of these rules holds."""
    allowed = rules.allowed
    return [
        f"the rules leave out {loaded.item(item).item}, held out for {part}; its rank is as if they kept it"
        for part, item in query.next_held_out.items()
        if allowed is not None and not allowed[item - 1]
    ]


def _rank(total: NDArray[np.float32], candidates: NDArray[np.float32], item: int) -> int:
    """The rank that the evaluation gives: an equal score counts as better, the item always competes.

    A score that is not finite ranks last.
    """
    row = item - 1
    if not np.isfinite(total[row]):
        return len(total)
    return int((candidates >= total[row]).sum()) - int(candidates[row] >= total[row]) + 1
