"""Whether a run that learned from more of the same log may take the place of the one that is live."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.prefixes import query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.sources import Sources, sources_of
from sracl_core.errors import IncomparableError, RunError
from sracl_core.evaluation.metrics import mean_metrics, per_query
from sracl_core.evaluation.ranking import rank_queries, scores_of
from sracl_core.evaluation.significance import paired_test
from sracl_core.evaluation.stored import load_ranks
from sracl_core.explorer.loading import LoadedRun
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.records import at_largest
from sracl_core.settings.models import MASKS
from sracl_core.settings.section import WHOLE_HISTORY

ALPHA = 0.05
Ranks = dict[str, NDArray[np.int64]]


def compare_refreshed(
    live: RunDirectory, fresh: RunDirectory, progress: Progress | None = None
) -> dict[str, Any]:
    """Both runs on the test events of `fresh`, whose log holds that of `live` and what came since.

    The live run ranks them anew: the histories of the grown log among the items that it knows, the added ones
    included. An item that it does not know, or a history of which it knows nothing, is a miss.

    Returns {"runs", "test_users", "unknown_targets", "metrics": {mask: {name: [live, fresh]}}, "paired",
    "headline", "may_go_live", "why"}: `fresh` may not where its headline is lower with p < 0.05.
    Raises IncomparableError where the logs share no item, RunError for a run without ranks.
    """
    sources = sources_of(fresh, fresh.config)
    old = LoadedRun.open(live.path)
    numbers = _numbers(old, sources)
    ranked, unknown = _ranked_by(old, sources, numbers, progress)
    own = load_ranks(fresh, "test")
    if not np.array_equal(own["users"], sources.split.test_users):
        raise RunError(f"{fresh.name} ranked other users than its dataset has; `sracl evaluate` it again")
    ks = fresh.config.evaluation.ks
    means = {mask: (mean_metrics(ranked[mask], ks), mean_metrics(own[mask], ks)) for mask in MASKS}
    names = at_largest(means["masked"][1])
    paired = [_tested(name, mask, ranked, own) for name in names for mask in MASKS]
    headline = fresh.config.training.monitor
    mask, _, metric = headline.partition("/")
    test = _tested(metric, mask, ranked, own)
    worse = test["difference"] < 0 and test["p_value"] < ALPHA
    told = f"{headline} differs by {test['difference']:+.4f}"
    return {
        "runs": [live.name, fresh.name],
        "test_users": len(own["users"]),
        "unknown_targets": unknown,
        "metrics": {
            mask: {name: [one.get(name), other[name]] for name in other}
            for mask, (one, other) in means.items()
        },
        "paired": paired,
        "headline": headline,
        "may_go_live": not worse,
        "why": f"{told} (p {test['p_value']:.4f})",
    }


def _numbers(old: LoadedRun, sources: Sources) -> NDArray[np.int32]:
    """The old run's index of each of the new dataset's items, int32 [N + 1]; 0 where it does not know it."""
    items = old.dataset.items
    known = [items.index(name) if name in items else 0 for name in sources.dataset.items.ids]
    if not any(known):
        raise IncomparableError(
            f"the dataset of {old.run.name} shares no item with {sources.dataset.folder}; "
            "name two runs of one log"
        )
    return np.array([0, *known], dtype=np.int32)


def _ranked_by(
    old: LoadedRun, sources: Sources, numbers: NDArray[np.int32], progress: Progress | None
) -> tuple[Ranks, int]:
    """Ranks of the test events of `sources` by the old run, and how many targets it does not know."""
    split, sequences = sources.split, sources.dataset.sequences
    mapped = numbers[sequences.values]
    kept = np.concatenate(([0], np.cumsum(mapped > 0)))
    whole = Sequences(mapped[mapped > 0], kept[sequences.offsets])
    ends = kept[split.test_ends]
    asked = np.flatnonzero((mapped[split.test_ends] > 0) & (ends > whole.offsets[split.test_users]))
    queries, histories = (
        query_prefixes(whole, split.test_users[asked], ends[asked], most)
        for most in (old.config.model.reach, WHOLE_HISTORY)
    )
    told = partial(progress, "rank") if progress else None
    found = rank_queries(scores_of(old.encoder), queries, histories, old.config.evaluation.batch_size, told)
    last = sources.dataset.n_items
    ranks = {mask: np.full(len(ends), last, dtype=np.int64) for mask in ("unmasked", "masked")}
    for mask, every in ranks.items():
        every[asked] = getattr(found, mask)
    return ranks, int((mapped[split.test_ends] == 0).sum())


def _tested(name: str, mask: str, live: Ranks, fresh: dict[str, np.ndarray]) -> dict[str, Any]:
    test = paired_test(per_query(name, fresh[mask]), per_query(name, live[mask]))
    return {
        "metric": name,
        "mask": mask,
        "difference": test.difference,
        "p_value": test.p_value,
        "users": test.n,
    }
