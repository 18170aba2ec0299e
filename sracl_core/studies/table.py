"""Many runs as one table: means over seeds, and whether a difference to the baseline is more than luck."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sracl_core.errors import SraclError
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.protocols import require_comparable, unlike
from sracl_core.evaluation.significance import holm, paired_tests
from sracl_core.evaluation.stored import finished_results, load_ranks
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import MASKS

if TYPE_CHECKING:
    from sracl_core.studies.grouping import Groups


@dataclass(frozen=True)
class Spread:
    """Over seeds; the sample deviation is None for a single one."""

    mean: float
    deviation: float | None


@dataclass(frozen=True)
class Tested:
    """Against the baseline, over users; p_holm is corrected for the rows of the table."""

    difference: float
    relative: float
    p_value: float
    p_holm: float
    users: int


@dataclass(frozen=True)
class Row:
    """One method. test, valid: by "mask/metric@k". seconds: of training. paired: None for the baseline.

    best_epochs: of each run, from 0; None of one that learns in no epochs. memory: bytes at the peak, of the
    largest run. differs: in what of its protocol from the baseline, in a table that may be mixed.
    """

    name: str
    runs: list[str]
    test: dict[str, Spread]
    valid: dict[str, Spread]
    best_epochs: list[int | None]
    seconds: Spread
    memory: int | None
    parameters: int | None
    paired: dict[str, Tested] | None
    differs: list[str]


@dataclass(frozen=True)
class Table:
    """A comparison. protocol: what holds of every row. tested: the metrics of the paired test.

    environments: the machines and versions of packages that runs were trained on, each once. notes: what a
    reader of the figures must know. tuned: by row how its settings were chosen. groups: where asked for.
    failed: by row that is left out, which of its runs failed, and why.
    """

    dataset: dict[str, Any]
    environments: list[dict[str, Any]]
    protocol: dict[str, Any]
    baseline: str
    tested: list[str]
    rows: list[Row]
    published: list[dict[str, Any]]
    notes: list[str]
    tuned: dict[str, Any] = field(default_factory=dict)
    groups: Groups | None = None
    failed: dict[str, str] = field(default_factory=dict)

    def require_whole(self) -> None:
        """Raise SraclError where rows are missing, as a run of theirs failed."""
        if self.failed:
            of = len(self.failed) + len(self.rows)
            raise SraclError(
                f"{len(self.failed)} of {of} rows are missing, as a run of theirs failed: "
                f"{', '.join(self.failed)}; what is there stays, and the same again goes on from there"
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def build_table(
    runs: Mapping[str, Sequence[RunDirectory]],
    baseline: str,
    published: Sequence[dict[str, Any]] = (),
    tested: Sequence[str] = (),
    mixed: bool = False,
) -> Table:
    """The table of finished runs, by row; a user's value is its mean over the seeds.

    tested: "mask/metric@k" of the paired tests; where none is named, NDCG at the largest cut-off. mixed: a
    row of another dataset or protocol than the baseline's is marked, and not tested.

    Raises IncomparableError for runs of different data or protocols otherwise.
    """
    every = [run for some in runs.values() for run in some]
    results = {run.name: finished_results(run) for run in every}
    metas = {run.name: run.meta() for run in every}
    differs = _differing(runs, baseline, results, metas, mixed)
    tested = list(tested) or _largest(results[every[0].name]["test"]["masked"])
    paired = _paired({name: some for name, some in runs.items() if not differs[name]}, baseline, tested)
    rows = [
        _row(name, some, [results[run.name] for run in some], paired.get(name), differs[name])
        for name, some in runs.items()
    ]
    dataset = {key: value for key, value in metas[every[0].name]["dataset"].items() if key != "path"}
    told = [one["protocol"] for one in results.values()]
    protocol = {key: value for key, value in told[0].items() if all(one.get(key) == value for one in told)}
    notes = _notes(runs, results, metas)
    return Table(dataset, _environments(metas), protocol, baseline, tested, rows, list(published), notes)


def _row(
    name: str,
    runs: Sequence[RunDirectory],
    results: Sequence[Mapping[str, Any]],
    paired: dict[str, Tested] | None,
    differs: list[str],
) -> Row:
    return Row(
        name,
        runs=[run.name for run in runs],
        test=_metrics(results, "test"),
        valid=_metrics(results, "valid"),
        best_epochs=[one["best_epoch"] for one in results],
        seconds=_spread([float(one["training_seconds"]) for one in results]),
        memory=max((one.get("peak_memory") or 0 for one in results), default=0) or None,
        parameters=results[0].get("parameters"),
        paired=paired,
        differs=differs,
    )


def _environments(metas: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The machines and versions that runs were trained on, each once."""
    found: list[dict[str, Any]] = []
    for meta in metas.values():
        if (one := {"machine": meta.get("machine"), "versions": meta.get("versions")}) not in found:
            found.append(one)
    return found


def _notes(
    runs: Mapping[str, Sequence[RunDirectory]],
    results: Mapping[str, Mapping[str, Any]],
    metas: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """What a reader of the figures must know."""
    every = [run for some in runs.values() for run in some]
    past = [_past_its_budget(run, metas[run.name], results[run.name]) for run in every]
    notes = [note for note in past if note]
    if rising := [
        name for name, some in runs.items() if any(_rising(run, results[run.name]) for run in some)
    ]:
        notes.append(
            f"best in the last epoch that was trained, so that more might give more: {', '.join(rising)}"
        )
    return notes


def _largest(metrics: Mapping[str, float]) -> list[str]:
    largest = max((name for name in metrics if name.startswith("NDCG")), key=lambda name: int(name[5:]))
    return [f"{mask}/{largest}" for mask in MASKS]


def _metrics(results: Sequence[Mapping[str, Any]], part: str) -> dict[str, Spread]:
    return {
        f"{mask}/{metric}": _spread([one[part][mask][metric] for one in results])
        for mask in MASKS
        for metric in results[0][part][mask]
    }


def _differing(
    runs: Mapping[str, Sequence[RunDirectory]],
    baseline: str,
    results: Mapping[str, Any],
    metas: Mapping[str, Mapping[str, Any]],
    mixed: bool,
) -> dict[str, list[str]]:
    """By row, in what its runs differ from the baseline's first. Raises IncomparableError unless `mixed`."""
    base = runs[baseline][0]
    first = base.dataset_identity(metas[base.name])
    found: dict[str, list[str]] = {}
    for name, some in runs.items():
        found[name] = []
        for run in some:
            identities = [first, run.dataset_identity(metas[run.name])]
            differing = unlike(identities, [results[one.name]["protocol"] for one in (base, run)])
            if differing and not mixed:
                require_comparable([base, run])
            found[name] += [what for what in differing if what not in found[name]]
    return found


def _past_its_budget(run: RunDirectory, meta: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """A warning where one epoch alone took longer than the minutes that a run was given."""
    config = meta.get("config")
    minutes = config.get("training.max_minutes") if isinstance(config, dict) else None
    seconds = result["training_seconds"]
    if not minutes or run.state().get("epoch") != 0 or seconds <= 60.0 * minutes:
        return None
    return (
        f"{run.name}: the budget of {minutes:g} minutes is too small for one epoch, which took "
        f"{seconds / 60.0:.1f}; it was finished, so that the minutes are not equal"
    )


def _rising(run: RunDirectory, result: Mapping[str, Any]) -> bool:
    """Whether no epoch came after the best."""
    return result["best_epoch"] is not None and result["best_epoch"] == run.state().get("epoch")


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _paired(
    runs: Mapping[str, Sequence[RunDirectory]], baseline: str, tested: Sequence[str]
) -> dict[str, dict[str, Tested]]:
    """For each row but the baseline; Holm's family is the rows, for each metric."""
    values = _values(runs, tested)
    others = [name for name in runs if name != baseline]
    differences = [values[name][metric] - values[baseline][metric] for metric in tested for name in others]
    tests = iter(paired_tests(np.array(differences).reshape(len(differences), -1)) if others else ())
    found: dict[str, dict[str, Tested]] = {name: {} for name in others}
    for metric in tested:
        of_metric = [next(tests) for _ in others]
        base = max(float(values[baseline][metric].mean()), 1e-12)
        corrected = holm([test.p_value for test in of_metric])
        for name, test, p_holm in zip(others, of_metric, corrected, strict=True):
            found[name][metric] = Tested(
                test.difference, test.difference / base, test.p_value, p_holm, test.n
            )
    return found


def _values(
    runs: Mapping[str, Sequence[RunDirectory]], tested: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """By row and metric: of each user the mean over the seeds, float64 [Q]."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, some in runs.items():
        ranks = [load_ranks(run, "test") for run in some]
        found[name] = {
            metric: np.mean([per_query(metric.partition("/")[2], one[mask]) for one in ranks], axis=0)
            for metric in tested
            for mask in [metric.partition("/")[0]]
        }
    return found
