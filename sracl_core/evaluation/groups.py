"""For whom and for which items a run is good, and what its lists show beside hits.

All from the stored ranks and lists of a run; nothing is ranked anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sracl_core.data.sources import Sources
from sracl_core.errors import RunError
from sracl_core.evaluation.metrics import mean_metrics
from sracl_core.evaluation.stored import load_lists, load_ranks
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import MASKS

ROWS_AT_ONCE = 1024
LENGTHS = (5, 10, 20, 50)
"""Histories of up to 5 items, of 6 to 10, and so on."""
COLD = 3
"""Up to so many items in the training part make a user cold."""
TENTHS = 10
HEAD, MIDDLE = 0.5, 0.8
"""The most popular items with half of all training interactions are the head; up to 80%, the middle."""


def bands(popularity: np.ndarray) -> np.ndarray:
    """Of each item 0 for the head, 1 for the middle, 2 for the tail, 3 for one not seen in training.

    Args:
        popularity: int64 [N], training interactions of each item.
    """
    order = np.argsort(-popularity, kind="stable")
    before = np.concatenate(([0], np.cumsum(popularity[order])[:-1])) / max(int(popularity.sum()), 1)
    band = np.empty(len(popularity), dtype=np.int64)
    band[order] = np.searchsorted([HEAD, MIDDLE], before, side="right")
    band[popularity == 0] = 3
    return band


def gini(counts: np.ndarray) -> float:
    """0 where all items are shown equally often, towards 1 where one has it all.

    >>> gini(np.array([1, 1, 1, 1])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)
    """
    ordered = np.sort(counts).astype(np.float64)
    n, total = len(ordered), ordered.sum()
    if not total:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def groups(run: RunDirectory, sources: Sources, ks: Sequence[int]) -> list[dict[str, Any]]:
    """Metrics of the test users of each group: {"by", "group", "users", "unmasked", "masked"}.

    Raises RunError where the run ranked other users than the dataset's split asks.
    """
    ranks = load_ranks(run, "test")
    split, sequences = sources.split, sources.dataset.sequences
    users = split.test_users
    if not np.array_equal(ranks["users"], users):
        raise RunError(
            f"{run.path} ranked other users than its dataset has; `sracl evaluate` ranks them anew"
        )
    lengths = split.test_ends - sequences.offsets[users]
    edges = [0, *LENGTHS]
    found = [
        ("history", f"{low + 1} to {high}", (lengths > low) & (lengths <= high))
        for low, high in zip(edges, LENGTHS, strict=False)
    ]
    found.append(("history", f"over {LENGTHS[-1]}", lengths > LENGTHS[-1]))
    band = bands(_popularity(sources))[split.test_targets - 1]
    for at, name in enumerate(("head", "middle", "tail", "new in test")):
        found.append(("target", name, band == at))
    cold = split.train.lengths[users] <= COLD
    found.append(("user", f"cold, up to {COLD} in training", cold))
    found.append(("user", f"warm, over {COLD} in training", ~cold))
    return [
        {"by": by, "group": name, "users": int(inside.sum())}
        | {mask: mean_metrics(ranks[mask][inside], ks) for mask in MASKS}
        for by, name, inside in found
    ]


def beyond_accuracy(
    run: RunDirectory, sources: Sources, item_vectors_NE: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """What the lists of the test users show, by mask.

    coverage: share of all items that stand in some list. head: share of places that items of the head
    take. gini: of how often items are shown. novelty: mean of -log2 of an item's share of the training
    interactions, one added to each (Zhou et al., PNAS 2010), in bits. diversity, where `item_vectors_NE`
    of the texts are given: see `diversity`.
    """
    popularity = _popularity(sources)
    band, n_items = bands(popularity), len(popularity)
    surprise = -np.log2((popularity + 1) / (popularity.sum() + n_items))
    told = {}
    for mask, shown in zip(MASKS, load_lists(run).values(), strict=True):
        places = shown[shown > 0] - 1
        counts = np.bincount(places, minlength=n_items)
        told[mask] = {
            "length": float(shown.shape[1]),
            "coverage": float((counts > 0).mean()),
            "head": float((band[places] == 0).mean()),
            "gini": gini(counts),
            "novelty": float(surprise[places].mean()),
        }
        if item_vectors_NE is not None:
            told[mask]["diversity"] = diversity(shown, item_vectors_NE)
    return told


def long_tail(run: RunDirectory, sources: Sources) -> dict[str, list[float]]:
    """Of each tenth of the items, the most popular in training first, its share: {"train": of training
    interactions, "unmasked", "masked": of the places in the lists of the test users}.
    """
    popularity = _popularity(sources)
    tenth = np.empty(len(popularity), dtype=np.int64)
    tenth[np.argsort(-popularity, kind="stable")] = np.arange(len(popularity)) * TENTHS // len(popularity)
    counts = {"train": popularity}
    for mask, shown in zip(MASKS, load_lists(run).values(), strict=True):
        counts[mask] = np.bincount(shown[shown > 0] - 1, minlength=len(popularity))
    return {
        name: (np.bincount(tenth, weights=each, minlength=TENTHS) / max(int(each.sum()), 1)).tolist()
        for name, each in counts.items()
    }


def diversity(lists_QK: np.ndarray, item_vectors_NE: np.ndarray) -> float:
    """Mean over lists of 1 - cosine of the texts of two of its items, over all pairs.

    Intra-list distance (Ziegler et al., WWW 2005). A list of one item has none, and is left out. A sum of
    unit vectors holds the cosines of all pairs: |sum|^2 = K + the sum over ordered pairs.
    """
    length_N = np.maximum(np.linalg.norm(item_vectors_NE, axis=1, keepdims=True), 1e-12)
    unit_NE = np.vstack((np.zeros((1, item_vectors_NE.shape[1])), item_vectors_NE / length_N))
    unit_NE = unit_NE.astype(np.float32)
    count_Q = (lists_QK > 0).sum(axis=1)
    squared_Q = np.empty(len(lists_QK))
    for start in range(0, len(lists_QK), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        squared_Q[rows] = np.square(unit_NE[lists_QK[rows]].sum(axis=1)).sum(axis=1)
    several = count_Q > 1
    count, squared = count_Q[several], squared_Q[several]
    return float((1.0 - (squared - count) / (count * (count - 1))).mean()) if len(count) else 0.0


def _popularity(sources: Sources) -> np.ndarray:
    return np.bincount(sources.split.train.values - 1, minlength=sources.dataset.n_items)
