"""The runs of a folder as one sorted table: seeds together, and what tells the rows apart."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sracl_core.errors import ConfigError, RunError, StorageError
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.protocols import differing
from sracl_core.evaluation.significance import holm, paired_tests
from sracl_core.evaluation.stored import load_ranks
from sracl_core.methods import floors
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.keeping import metric_of, note_of, require_metric
from sracl_core.runs.summary import RunSummary
from sracl_core.settings.reading import takes
from sracl_core.settings.validation import validated

SEED = "training.seed"
_PARTS = ("test", "valid", "")


@dataclass(frozen=True)
class BoardRow:
    """One run, or those that differ in their seed alone, the newest first.

    value: mean of the metric, on test where every run of the row has it, else on validation (`part`); None
    where neither. deviation: over seeds, None of one. difference: to the marked row, relative. p_value: of
    the paired test over users, Holm-corrected over the rows; None where there is none: other data or
    protocol, other users, no ranks.
    seeds: of the runs, in their order; None where one is not known. dataset: its name, with the beginning of
    its identity where several have that name.
    settings: those that are not the same in every row. created: unix time of the newest. seconds: of
    training, their mean. note: what a person wrote about any of them.
    """

    name: str
    runs: list[str]
    seeds: list[int | None]
    dataset: str
    status: str
    part: str
    value: float | None
    deviation: float | None
    difference: float | None
    p_value: float | None
    settings: dict[str, Any]
    created: float
    seconds: float | None
    note: str


def leaderboard(
    summaries: Sequence[RunSummary], metric: str = "", marked: str = "", fold: bool = True
) -> tuple[str, list[BoardRow]]:
    """The metric by which the rows are sorted, and the rows, the best first: those on test, then those on
    validation. Raises InputError for a metric that no run has.

    metric: such as "NDCG@20" or "masked/HR@10"; empty is what chose the newest run's best epoch.
    marked: name of the run that others are held against; empty is none.
    fold: put runs that differ in their seed alone, on the same data, into one row.
    """
    if metric:
        require_metric(summaries, metric)
    metric = metric or (summaries[0].headline if summaries else "")
    mask, _, name = metric.rpartition("/")
    metas = {one.path: RunDirectory(one.path).meta() for one in summaries}
    called = _datasets(summaries, metas)
    groups: dict[str, list[RunSummary]] = {}
    times = Counter[tuple[str, int | None]]()
    for one in summaries:
        kind = _kind(one, metas[one.path]) if fold else str(one.path)
        # A seed that was run twice, or copied, is no second one: the n-th time it is in the n-th row.
        groups.setdefault(f"{kind} {times[kind, one.seed]}", []).append(one)
        times[kind, one.seed] += 1
    base = next((some for some in groups.values() if any(one.name == marked for one in some)), [])
    alike = _alike(groups, base) if base else {}
    tests = _tests(alike, base, mask, name)
    told = _differing({key: metas[some[0].path].get("config") for key, some in groups.items()}, fold)
    of_base, against, _ = _value(base, mask, name)
    rows = []
    for key, some in groups.items():
        measured = part, value, _ = _value(some, mask, name)
        difference = p_value = None
        if base and some is not base and key in alike:
            p_value = tests.get(key)
            difference = value / against - 1 if value is not None and against and part == of_base else None
        rows.append(_row(some, called[some[0].path], measured, difference, p_value, told[key]))
    return metric, sorted(rows, key=lambda row: (_PARTS.index(row.part), -(row.value or 0.0), -row.created))


def _row(
    some: Sequence[RunSummary],
    dataset: str,
    measured: tuple[str, float | None, float | None],
    difference: float | None,
    p_value: float | None,
    settings: dict[str, Any],
) -> BoardRow:
    seconds = [one.training_seconds for one in some if one.training_seconds is not None]
    return BoardRow(
        some[0].name,
        [one.name for one in some],
        [one.seed for one in some],
        dataset,
        some[0].status,
        *measured,
        difference,
        p_value,
        settings,
        created=max(one.created for one in some),
        seconds=statistics.mean(seconds) if seconds else None,
        note=" · ".join(dict.fromkeys(note for one in some if (note := note_of(RunDirectory(one.path))))),
    )


def _kind(one: RunSummary, meta: Mapping[str, Any]) -> str:
    """Equal for runs that differ in their seed alone; one not finished, or damaged, stands for itself."""
    config = meta.get("config")
    if not isinstance(config, dict) or not one.test or one.problem:
        return str(one.path)
    held = {key: value for key, value in config.items() if key != SEED}
    return json.dumps([_identity(meta), held], sort_keys=True, default=str)


def _identity(meta: Mapping[str, Any]) -> str | None:
    dataset = meta.get("dataset")
    return dataset.get("identity") if isinstance(dataset, dict) else None


def _datasets(summaries: Sequence[RunSummary], metas: Mapping[Path, Mapping[str, Any]]) -> dict[Path, str]:
    """By run what its dataset is called, with the beginning of its identity where others have the name:
    a log that has grown keeps it."""
    identities = {one.path: _identity(metas[one.path]) for one in summaries}
    names = Counter(
        name for name, known in {(one.dataset, identities[one.path]) for one in summaries} if known
    )
    return {
        one.path: f"{one.dataset} {str(known)[:8]}"
        if (known := identities[one.path]) and names[one.dataset] > 1
        else one.dataset
        for one in summaries
    }


def _alike(
    groups: Mapping[str, Sequence[RunSummary]], base: Sequence[RunSummary]
) -> dict[str, Sequence[RunSummary]]:
    """The groups whose figures say something beside those of `base`: the same data, read the same way."""
    found = {}
    for key, some in groups.items():
        with suppress(RunError):
            if not differing([RunDirectory(one.path) for one in (base[0], some[0])]):
                found[key] = some
    return found


def _value(some: Sequence[RunSummary], mask: str, name: str) -> tuple[str, float | None, float | None]:
    """(part, mean, deviation) of the metric; none of a run that cannot be used, whatever its files say."""
    if any(one.problem for one in some):
        return "", None, None
    for part in ("test", "valid"):
        values = [metric_of(one, part, mask, name) for one in some]
        held = [value for value in values if value is not None]
        if held and len(held) == len(values):
            return part, statistics.mean(held), statistics.stdev(held) if len(held) > 1 else None
    return "", None, None


def _tests(
    groups: Mapping[str, Sequence[RunSummary]], base: Sequence[RunSummary], mask: str, name: str
) -> dict[str, float]:
    """Holm-corrected p-values against `base` on test, by group; a user's value is its mean over seeds."""
    against = _of_users(base, mask, name) if base else None
    if against is None:
        return {}
    users, expected = against
    found: dict[str, np.ndarray] = {}
    for key, some in groups.items():
        held = _of_users(some, mask, name) if some is not base else None
        if held is not None and np.array_equal(held[0], users):
            found[key] = held[1] - expected
    if not found:
        return {}
    tests = paired_tests(np.array(list(found.values())))
    return dict(zip(found, holm([test.p_value for test in tests]), strict=True))


def _of_users(some: Sequence[RunSummary], mask: str, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(users, mean of the metric over these runs), None where one of them has no ranks."""
    values = []
    users: np.ndarray | None = None
    for one in some:
        try:
            ranks = load_ranks(RunDirectory(one.path), "test")
        except (RunError, StorageError):
            return None
        if users is not None and not np.array_equal(users, ranks["users"]):
            return None
        users = ranks["users"]
        values.append(per_query(name, ranks[mask or one.headline.partition("/")[0]]))
    return None if users is None else (users, np.mean(values, axis=0))


def _read(config: dict[str, Any]) -> dict[str, Any]:
    """Of a floor, which counts and is not trained, what it reads; of others all."""
    method = config.get("model.name")
    if method not in floors():
        return config
    unread: Mapping[str, str] = {}
    with suppress(ConfigError):  # of an earlier version
        unread = validated(config, {}).unread
    return {name: value for name, value in config.items() if takes(method, name) and name not in unread}


def _differing(configs: Mapping[str, Any], fold: bool) -> dict[str, dict[str, Any]]:
    """Of each group the settings that are not the same everywhere; those of a method show beside it alone."""
    held = {key: _read(config) if isinstance(config, dict) else {} for key, config in configs.items()}
    names = list(dict.fromkeys(name for config in held.values() for name in config))
    told = [
        name
        for name in names
        if not (fold and name == SEED)
        and len({json.dumps(config[name]) for config in held.values() if name in config}) > 1
    ]
    return {key: {name: config[name] for name in told if name in config} for key, config in held.items()}
