"""One study of Optuna: which settings of a method were tried, each as a run, and what validation said.

The study is a SQLite file that any number of processes share. A trial is claimed under a lock and held by
its run's own lock, so that one whose process was killed is seen as such, and goes on from its run's
checkpoint. Nothing of test is read: see `pipeline.run.try_out`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sracl_core.data.sources import load_sources
from sracl_core.errors import ConfigError, InputError, Interrupted, NonFiniteLossError, RunError
from sracl_core.files import make_folder
from sracl_core.locks import holding
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.runs.events import Record
from sracl_core.runs.lock import is_written
from sracl_core.runs.records import metric
from sracl_core.runs.writer import RunWriter
from sracl_core.seeding import derive_seed
from sracl_core.settings.deciding import deciding_settings
from sracl_core.settings.known import flatten
from sracl_core.settings.models import RunConfig
from sracl_core.settings.space import Choices, Range, Space
from sracl_core.studies import storage
from sracl_core.studies.crew import share_of_cores
from sracl_core.studies.earlier import EarlierRuns
from sracl_core.studies.filling import FOLDER, write_filling
from sracl_core.studies.spaces import chosen

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

BEFORE_PRUNING = 4
"""Trials that are finished before any is pruned: fewer have no middle that says anything."""


@dataclass(frozen=True)
class Task:
    """What is tuned: `config` but for the settings of `space`, by `metric` on validation."""

    method: str
    config: RunConfig
    space: dict[str, Space]
    dataset: str
    identity: str

    @property
    def metric(self) -> str:
        """Such as "masked/NDCG@20": what also chooses the best epoch of a run."""
        return self.config.training.monitor

    def told(self) -> dict[str, Any]:
        """As the study's file has it."""
        space = {key: asdict(one) for key, one in self.space.items()}
        held = {"method": self.method, "dataset": self.dataset, "identity": self.identity, "space": space}
        held["config"] = self.config.model_dump(mode="json")
        return json.loads(json.dumps(held))  # type: ignore[no-any-return]

    @staticmethod
    def read(held: dict[str, Any]) -> Task:
        """What `told` gave."""
        space = {key: _space(one) for key, one in held["space"].items()}
        config = RunConfig.model_validate(held["config"])
        return Task(held["method"], config, space, held["dataset"], held["identity"])


def _space(told: dict[str, Any]) -> Space:
    return Choices(tuple(told["values"])) if "values" in told else Range(**told)


def open_study(path: Path, task: Task) -> Study:
    """The study in `path`, which is made where there is none; its first trial has the settings as they are.

    Raises InputError for a study of another dataset, of other settings or of another space.
    """
    make_folder(path.parent)
    values = flatten(task.config)
    first = {key: values[key] for key, one in task.space.items() if one.holds(values[key])}
    with holding(Path(f"{path}.lock")):
        storage.begin(path, task.told(), first)
        study = storage.load_study(path)
        _require_same(path, task, Task.read(storage.about(path, study)))
    return study


def _require_same(path: Path, task: Task, held: Task) -> None:
    if held.identity != task.identity:
        raise InputError(
            f"{path} is a study of another dataset, {held.dataset} (identity {held.identity[:12]}; this is "
            f"{task.dataset}, {task.identity[:12]}); name another"
        )
    now, then = deciding_settings(task.config), deciding_settings(held.config)
    differing = [key for key in now if now[key] != then.get(key) and key not in task.space]
    if differing or task.space != held.space:
        what = ", ".join(f"{key} {then.get(key)}, now {now[key]}" for key in differing) or "what is searched"
        raise InputError(f"{path} was begun with other settings ({what}); name another")


class Attempt:
    """A trial and the run that it is, held by this process until it is told."""

    def __init__(self, study: Study, trial: Trial, task: Task, run: RunDirectory) -> None:
        self._study, self._trial, self._task = study, trial, task
        self.run = run
        self.pruned = False
        self._resumed = run.metrics_path.is_file()
        self._writer = RunWriter(run, self._heard)
        trial.set_user_attr("run", run.name)

    def _heard(self, record: Record) -> None:
        value = metric(record.get("valid"), self._task.metric) if record["event"] == "epoch" else None
        if value is not None:
            self._trial.report(value, int(record["epoch"]))
            self.pruned = self._trial.should_prune()

    def go(self) -> None:
        """Train, and tell the study. A signal leaves the trial to whoever comes next."""
        from optuna.trial import TrialState

        from sracl_core.pipeline.run import try_out

        with self._writer as writer:
            try:
                results = try_out(self.run, writer, lambda: self.pruned, self._resumed)
            except Interrupted:
                if not self.pruned:
                    raise
                writer.message("pruned: at this epoch half of the trials before were better")
                storage.tell(self._study, self._trial, state=TrialState.PRUNED)
            except NonFiniteLossError as error:
                self._trial.set_user_attr("problem", str(error))
                storage.tell(self._study, self._trial, state=TrialState.FAIL)
            else:
                storage.tell(self._study, self._trial, metric(results["valid"], self._task.metric))


def _show(path: Path, study: Study, task: Task, runs_dir: Path, most: int) -> None:
    """Which trials there are of how many, for anybody who watches: a file for each study in `runs_dir`."""
    place = os.path.relpath(path.resolve(), runs_dir.resolve())
    what = f"{task.dataset}  {task.method}"
    if Path(place).parent != Path(FOLDER):  # two studies of one task are told apart
        what += f"  {path.name}"
    trials = study.get_trials(deepcopy=False)
    with_run = {f"trial {one.number}": one for one in trials if "run" in one.user_attrs}
    runless = sum(one.state.is_finished() and "run" not in one.user_attrs for one in trials)
    tried = {
        name: {key: one.params[key] for key in task.space if key in one.params}
        for name, one in with_run.items()
    }
    about = {"kind": "tune", "dataset": what, "metric": task.metric, "most": most - runless, "tried": tried}
    rows = {name: [one.user_attrs["run"]] for name, one in with_run.items()}
    write_filling(runs_dir / FOLDER / f"tune-{sha256(place.encode()).hexdigest()[:8]}.json", about, rows)


def try_settings(path: Path, runs_dir: Path, most: int, workers: int) -> None:
    """Try settings of the study in `path` until it has `most` trials, beside others. Raises SraclError."""
    with storage.told(path):
        while (attempt := claim(path, runs_dir, most, workers)) is not None:
            attempt.go()


def claim(path: Path, runs_dir: Path, most: int, workers: int = 1) -> Attempt | None:
    """The next trial: one that nobody goes on with, else a new one, else None where there are `most`."""
    with holding(Path(f"{path}.lock")):
        study = storage.load_study(path)
        task = Task.read(storage.about(path, study))
        trials = chain(_left(study, runs_dir), _new(study, most))
        begun = (_begun(path, study, trial, task, runs_dir, workers) for trial in trials)
        found = next((one for one in begun if one is not None), None)
        _show(path, study, task, runs_dir, most)
    return found


def _new(study: Study, most: int) -> Iterator[Trial]:
    while count_trials(study) < most:
        yield study.ask()


def count_trials(study: Study) -> int:
    """Those that were begun."""
    from optuna.trial import TrialState

    return sum(one.state != TrialState.WAITING for one in study.get_trials(deepcopy=False))


def _left(study: Study, runs_dir: Path) -> Iterator[Trial]:
    """Trials of processes that are gone. Whoever lives holds the run; before that, the study's lock."""
    from optuna.trial import Trial, TrialState

    for one in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        run = run_of(one, runs_dir)
        # Whoever ends a trial tells the study first and lets go of the run then: asked in the other order.
        if (run is None or not is_written(run)) and not _finished(study, one.number):
            yield Trial(study, one._trial_id)


def _finished(study: Study, number: int) -> bool:
    return study.get_trials(deepcopy=False)[number].state.is_finished()


def run_of(trial: FrozenTrial, runs_dir: Path) -> RunDirectory | None:
    """The run of a trial, where it has one that is still there."""
    name = str(trial.user_attrs.get("run") or "")
    if Path(name).name != name:  # a study may be somebody else's; its names are no paths
        return None
    try:
        return open_run(runs_dir / name) if name else None
    except RunError:
        return None


def _begun(
    path: Path, study: Study, trial: Trial, task: Task, runs_dir: Path, workers: int
) -> Attempt | None:
    """A trial with its run; None where it needs none, and was told at once."""
    import optuna
    from optuna.trial import TrialState

    from sracl_core.pipeline.new_run import new_run

    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=BEFORE_PRUNING, n_warmup_steps=1)
    values = {key: _suggested(study, trial, task, key) for key in task.space}
    try:
        config = chosen(task.config, values)
    except ConfigError as error:
        trial.set_user_attr("problem", str(error))
        storage.tell(study, trial, state=TrialState.FAIL)
        return None
    load_sources(config)
    run = run_of(study.get_trials(deepcopy=False)[trial.number], runs_dir)
    if run is not None and deciding_settings(run.config) != deciding_settings(config):
        raise storage.damaged(path, f"trial {trial.number} has other settings than its run {run.name}")
    run = run or EarlierRuns(runs_dir).find(config, task.identity)
    if run is not None and run.status() == "finished":
        trial.set_user_attr("run", run.name)
        storage.tell(study, trial, metric((run.results() or {}).get("valid"), task.metric))
        return None
    if run is not None and is_written(run):
        run = None
    config = share_of_cores(config, workers)
    return Attempt(study, trial, task, run or new_run(config, runs_dir, f"tune-{trial.number}"))


def _suggested(study: Study, trial: Trial, task: Task, key: str) -> Any:
    """A function of what was tried before: whoever goes on, even within a trial, asks the same."""
    import optuna

    seed = derive_seed(task.config.training.seed, "tune", trial.number, key) % 2**32
    study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    space = task.space[key]
    if isinstance(space, Choices):
        return trial.suggest_categorical(key, list(space.values))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(key, space.low, space.high, log=space.log)
    return trial.suggest_float(key, space.low, space.high, log=space.log)
