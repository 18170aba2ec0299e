"""The best settings of a method, chosen by validation alone: one call."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sracl_core.data.sources import load_sources
from sracl_core.errors import InputError, RunError
from sracl_core.pipeline.settled import settled
from sracl_core.progress import Progress, ending_once
from sracl_core.settings.deciding import settings_hash
from sracl_core.settings.models import RunConfig
from sracl_core.studies.crew import run_crew
from sracl_core.studies.filling import FOLDER
from sracl_core.studies.running import Say, share_texts
from sracl_core.studies.spaces import chosen, search_space
from sracl_core.studies.specs import Spec, resolve_specs
from sracl_core.studies.storage import load_study, told
from sracl_core.studies.trials import Task, claim, count_trials, open_study
from sracl_core.words import counted

if TYPE_CHECKING:
    from optuna import Study

STAGE = "tune"
WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Tried:
    """One trial. state: complete, pruned, fail or running. value: of validation; None where it has none."""

    number: int
    run: str | None
    state: str
    value: float | None
    settings: dict[str, Any]
    problem: str | None


class NoChoice(RunError):
    """Each trial diverged, or was ended otherwise before it gave a figure."""


@dataclass(frozen=True)
class Tuned:
    """What was tried, the best first, and `config`, which has the best's settings.

    metric: of validation, such as "masked/NDCG@20". study: the SQLite file; None where nothing of the
    method can be searched.
    """

    method: str
    dataset: str
    metric: str
    study: Path | None
    trials: list[Tried]
    config: RunConfig

    @property
    def best(self) -> Tried | None:
        """None where nothing was searched."""
        return self.trials[0] if self.trials else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        told = {name: getattr(self, name) for name in ("method", "dataset", "metric")}
        trials = [asdict(one) for one in self.trials]
        return {**told, "study": self.study and str(self.study), "trials": trials}


def tune(
    dataset: Path | str,
    model: str,
    *,
    trials: int = 20,
    workers: int = 1,
    epochs: int | None = None,
    budget_minutes: float | None = None,
    config_file: Path | None = None,
    sets: Sequence[str] = (),
    runs_dir: Path | str = "runs",
    study: Path | None = None,
    progress: Progress | None = None,
    say: Say = lambda text: None,
) -> Tuned:
    """Try settings of a method, each as a run in `runs_dir`, until the study has `trials` of them.

    Args:
        dataset: folder of a prepared dataset.
        model: a spec, see `studies.specs`.
        trials: of all calls on this study together; the first has the settings as they are.
        workers: processes that try at once.
        epochs, budget_minutes: of each trial, at most.
        config_file, sets: settings of all trials; what `sets` says is not searched.
        study: the SQLite file; where left out, one beside the runs that is named after what is tuned.

    Raises SraclError. Trials stay, and the same call goes on from there; a killed one from its checkpoint.
    """
    flags = {
        "DATASET": ("dataset.path", str(dataset)),
        "--epochs": ("training.max_epochs", epochs),
        "--budget-minutes": ("training.max_minutes", budget_minutes),
    }
    (spec,) = resolve_specs([model], config_file, sets, flags)
    return tune_spec(spec, trials, Path(runs_dir), workers, study, progress, say)


def task_of(spec: Spec) -> Task:
    """What is to be tuned. Raises InputError for settings that do not fit the dataset."""
    config = settled(spec.config)
    sources = load_sources(config)
    space = search_space(config, spec.fixed)
    return Task(spec.name, config, space, sources.dataset.name, sources.dataset.identity)


def study_file(task: Task, runs_dir: Path) -> Path:
    """Where the study of `task` lies unless somebody says otherwise."""
    told = "|".join([task.identity, settings_hash(task.config), *task.space])
    name = re.sub(r"[^A-Za-z0-9]+", "-", task.method).strip("-").lower()
    return runs_dir / FOLDER / f"tune-{name}-{sha256(told.encode()).hexdigest()[:8]}.sqlite"


def tune_spec(
    spec: Spec,
    trials: int,
    runs_dir: Path,
    workers: int = 1,
    study: Path | None = None,
    progress: Progress | None = None,
    say: Say = lambda text: None,
) -> Tuned:
    """See `tune`; `spec.config` names the dataset."""
    if trials < 1 or workers < 1:
        raise InputError(f"{min(trials, workers)} {'trials' if trials < 1 else 'workers'} are none; take one")
    task = task_of(spec)
    if not task.space:
        say(f"{task.method}: nothing of it can be searched")
        return Tuned(task.method, task.dataset, task.metric, None, [], task.config)
    path = study or study_file(task, runs_dir)
    held = open_study(path, task)
    begun = count_trials(held)
    there = f" ({begun} of them begun before)" if begun else ""
    say(f"{task.method}: {counted(len(task.space), 'setting')}, {counted(trials, 'trial')}{there}, {path}")
    progress = ending_once(progress)
    with told(path):
        _tell(held, trials, progress)
        if workers > 1 and (count_trials(held) < trials or _unfinished(held)):
            share_texts([task.config], None, say)
            jobs = [["tune", str(path), str(runs_dir), str(trials), str(workers)]] * workers
            run_crew(jobs, workers, lambda: _tell(held, trials, progress))
        _alone(path, held, runs_dir, trials, progress, say)
        return _outcome(task, path)


def _alone(path: Path, study: Study, runs_dir: Path, trials: int, progress: Progress, say: Say) -> None:
    """Try what is left; what other calls on the study try now is waited for, and gone on with if they end."""
    waits = False
    while (attempt := claim(path, runs_dir, trials)) is not None or _unfinished(study):
        if attempt is not None:
            attempt.go()
        else:
            if not waits:
                say("another call tries the last of them; its end is waited for")
            waits = True
            time.sleep(WAIT_SECONDS)
        _tell(study, trials, progress)
    _tell(study, trials, progress)


def _tell(study: Study, trials: int, progress: Progress) -> None:
    done = sum(one.state.is_finished() for one in study.get_trials(deepcopy=False))
    progress(STAGE, min(done, trials), trials)


def _unfinished(study: Study) -> bool:
    return any(one.state.name == "RUNNING" for one in study.get_trials(deepcopy=False))


def _outcome(task: Task, path: Path) -> Tuned:
    found = [
        Tried(
            one.number,
            one.user_attrs.get("run"),
            one.state.name.lower(),
            one.value,
            {key: one.params[key] for key in task.space if key in one.params},
            one.user_attrs.get("problem"),
        )
        for one in load_study(path).get_trials(deepcopy=False)
        if one.state.name != "WAITING"
    ]
    order = {"complete": 0, "pruned": 1}
    found.sort(key=lambda one: (order.get(one.state, 2), -(one.value or 0.0), one.number))
    if not found or found[0].state != "complete":
        problem = next((one.problem for one in found if one.problem), "none was finished")
        raise NoChoice(
            f"{path}: none of {len(found)} trials gave anything to choose from: {problem}; ask for more "
            "trials, or give other settings"
        )
    return Tuned(task.method, task.dataset, task.metric, path, found, chosen(task.config, found[0].settings))
