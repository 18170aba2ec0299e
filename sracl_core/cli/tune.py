"""`sracl tune`: the settings of a method that validation likes best."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output, settings
from sracl_core.cli.option_groups import grouped
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.studies.tuning import Tuned

SHOWN = 10


@grouped
def tune(
    model: Annotated[
        str, typer.Option("--model", help="A preset, backbone[+objective...] or floor, as in compare.")
    ],
    *,
    shared: settings.StudyOptions,
    runs_dir: RunsDirOption = RUNS_DIR,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Of all calls on this study together.")] = 20,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that try at once.")] = 1,
    study: Annotated[
        Path | None, typer.Option("--study", help="SQLite file of the study; named after what is tuned.")
    ] = None,
    dry_run: output.DryRunOption = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Try settings of a method, each as a run, and choose by validation alone; test is not looked at.

    What is searched stands beside each setting; what --set says is not searched. A trial that is worse
    than half of the others at the same epoch is ended early. The same command goes on where it stopped.
    """
    output.say("loading", quiet or dry_run)
    from sracl_core.studies.compare import resolve_rows
    from sracl_core.studies.storage import require_optuna
    from sracl_core.studies.tuning import tune_spec

    require_optuna()
    (spec,) = resolve_rows(shared.folder(), [model], **shared.shared())
    if dry_run:
        _print_plan(spec, trials, runs_dir, study, as_json)
        return
    with output.progress_display(quiet) as progress:
        tuned = tune_spec(
            spec, trials, runs_dir, workers, study, progress, lambda text: output.say(text, quiet)
        )
    if as_json:
        output.print_json(tuned.to_dict())
    else:
        _print(tuned, runs_dir)


def _print_plan(spec: Any, trials: int, runs_dir: Path, study: Path | None, as_json: bool) -> None:
    from sracl_core.settings.known import flatten
    from sracl_core.studies.storage import load_study
    from sracl_core.studies.trials import count_trials
    from sracl_core.studies.tuning import study_file, task_of

    task = task_of(spec)
    path, values = study or study_file(task, runs_dir), flatten(task.config)
    done = count_trials(load_study(path)) if path.exists() else 0
    rows = [(key, values[key], space.told) for key, space in task.space.items()]
    if as_json:
        space = [dict(zip(("setting", "as it is", "searched"), row, strict=True)) for row in rows]
        plan = {"study": str(path), "metric": task.metric, "trials": trials, "begun": done, "space": space}
        output.print_json(plan)
        return
    output.print_table(("setting", "as it is", "searched"), rows)
    output.tell(f"{counted(trials, 'trial')} by validation {task.metric}, {done} of them begun: {path}")


def _print(tuned: Tuned, runs_dir: Path) -> None:
    best = tuned.best
    if best is None:
        output.tell(f"{tuned.method}: nothing of it can be searched")
        return
    names = list(best.settings)
    rows = [
        (one.number, one.state, one.value, *(one.settings.get(name) for name in names), one.run)
        for one in tuned.trials[:SHOWN]
    ]
    short = [name.rpartition(".")[2] if not name.startswith("objectives.") else name[11:] for name in names]
    title = f"{tuned.method}, {len(rows)} of {counted(len(tuned.trials), 'trial')}, validation {tuned.metric}"
    output.print_table(("trial", "state", "value", *short, "run"), rows, title)
    for one in tuned.trials:
        if one.problem:
            output.tell(f"trial {one.number}: {one.problem}")
    assert best.run is not None
    run = shlex.quote(str(runs_dir / best.run))
    output.tell(f"best: {run}; `sracl evaluate {run}` tells its test metrics")
    output.tell(f"study {tuned.study}")
