"""The results of a run: ranks of held-out items, metrics, and the protocol that they follow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from sracl_core.data import ties
from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.sources import Sources
from sracl_core.data.splits.base import Split
from sracl_core.evaluation.metrics import mean_metrics
from sracl_core.evaluation.ranking import Ranks, Scores, rank_queries
from sracl_core.evaluation.stored import LISTS
from sracl_core.files import whole_file, write_json
from sracl_core.models.base import SequenceEncoder
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig
from sracl_core.settings.section import WHOLE_HISTORY
from sracl_core.team import ALONE, Team
from sracl_core.words import counted

LIST_LENGTH = 20
"""Items kept of each test user's list, from which coverage and the like are told later."""


def validated(config: RunConfig, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(users, places of their held-out items) of validation: all, or `evaluation.valid_users` drawn of them.

    Every run of the same data and limit draws the same.
    """
    users, ends, most = split.valid_users, split.valid_ends, config.evaluation.valid_users
    if not 0 < most < len(users):
        return users, ends
    drawn = np.sort(np.random.default_rng(0).choice(len(users), most, replace=False))
    return users[drawn], ends[drawn]


def queries_of(config: RunConfig, sources: Sources, part: str, most: int) -> Prefixes:
    """The latest `most` items before each held-out item of `part`, "valid" or "test", which is the target."""
    split = sources.split
    users, ends = validated(config, split) if part == "valid" else (split.test_users, split.test_ends)
    return query_prefixes(sources.dataset.sequences, users, ends, most)


def rank_split(
    config: RunConfig,
    sources: Sources,
    scores: Scores,
    part: str,
    progress: Progress | None,
    top: int = 0,
    team: Team = ALONE,
) -> Ranks:
    """Ranks of the held-out items of `part`, "valid" or "test", and the best `top` items of each user."""
    queries, histories = (
        queries_of(config, sources, part, most) for most in (config.model.reach, WHOLE_HISTORY)
    )
    told = partial(progress, "evaluate") if progress else None
    holders = team if config.training.shard_items else ALONE
    return rank_queries(scores, queries, histories, config.evaluation.batch_size, told, top, team, holders)


def protocol(config: RunConfig, sources: Sources, encoder: SequenceEncoder | None = None) -> dict[str, Any]:
    """How every metric of a run is to be read; encoder: what has been fitted, where that is known."""
    n_valid = len(validated(config, sources.split)[0])
    return {
        "split": sources.split.name,
        "ranking": "all items",
        "seen_items": "unmasked: every item competes; masked: items of the user's history before the "
        "held-out one do not, the held-out one always does",
        "ties": "count against the held-out item",
        "same_time": ties.in_short(sources.dataset.manifest.get("ties")),
        "valid_users": n_valid,
        "test_users": len(sources.split.test_users),
        "items": sources.dataset.n_items,
        "filters": sources.dataset.manifest.get("filters", {}),
        "learned_from": list(config.active_objectives) or "counts",
        "repeats": _repeats(config, len(sources.prefixes), encoder),
        "evidence": _evidence(config, n_valid, encoder),
        "chosen_by": "nothing" if config.floor else f"validation {config.training.monitor}",
    }


def _repeats(config: RunConfig, n_prefixes: int, encoder: SequenceEncoder | None) -> str:
    if config.floor is not None or config.model.repeats == "none":
        return "none: scores of items in the history are as they come"
    said = []
    if encoder is None or encoder.repeat_bias.any():
        said.append("a bias by recency on items of the history, fitted on training prefixes")
    if config.model.repeats == "counted" and (
        encoder is None or (encoder.counts is not None and encoder.counts.weights.any())
    ):
        said.append("how often the history holds an item, by weights chosen on validation")
    few = counted(n_prefixes, "training prefix", "training prefixes")
    return ", and ".join(said) or f"none: no bias by recency could be fitted on {few}"


def _evidence(config: RunConfig, n_queries: int, encoder: SequenceEncoder | None) -> str:
    kinds = () if config.floor else config.model.kinds_of_evidence
    if not kinds:
        return "none"
    evidence, told = None if encoder is None else encoder.evidence, " and ".join(kinds)
    if evidence is not None and not evidence.weights.any():
        return f"none: {told} got no weight on {counted(n_queries, 'validation query', 'validation queries')}"
    return f"{told}, their weights fitted on validation"


def write_results(
    run: RunDirectory,
    sources: Sources,
    scores: Scores,
    progress: Progress | None,
    best_epoch: int | None,
    training_seconds: float | None,
    stages: Mapping[str, float],
    parameters: int,
    memory: int | None,
    test: bool = True,
    team: Team = ALONE,
    encoder: SequenceEncoder | None = None,
) -> dict[str, Any]:
    """Rank both parts, and write ranks.npz and results.json, which is returned; the first of a team writes.

    training_seconds: of training and validation, over all sittings. stages: seconds of each earlier stage,
    over all sittings. parameters: numbers that were learned. memory: bytes at the peak. test: False leaves
    that part out, for a run among which is still chosen. encoder: what scores; a floor has none.
    """
    config, began = run.config, time.monotonic()
    ranks = {"valid": rank_split(config, sources, scores, "valid", progress, team=team)}
    if test:
        ranks["test"] = rank_split(config, sources, scores, "test", progress, LIST_LENGTH, team)
    results = {
        "protocol": protocol(config, sources, encoder),
        **{part: all_metrics(config, found) for part, found in ranks.items()},
        "best_epoch": best_epoch,
        "training_seconds": training_seconds,
        "stages": {**stages, "evaluate": time.monotonic() - began},
        "parameters": parameters,
        "peak_memory": memory,
    }
    if not team.first:
        return results
    arrays = {
        f"{part}_{name}": getattr(found, name)
        for part, found in ranks.items()
        for name in ("users", "unmasked", "masked")
    }
    if test:
        arrays |= {f"test_{name}": getattr(ranks["test"], name) for name in LISTS}
    with whole_file(run.ranks_path) as file:
        np.savez(file, **arrays)
    write_json(run.results_path, results, seal=True)
    return results


def all_metrics(config: RunConfig, ranks: Ranks) -> dict[str, dict[str, float]]:
    """{"unmasked": {"HR@5": ...}, "masked": {...}} at the cut-offs of `config`."""
    ks = config.evaluation.ks
    return {"unmasked": mean_metrics(ranks.unmasked, ks), "masked": mean_metrics(ranks.masked, ks)}
