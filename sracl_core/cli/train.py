"""`sracl train`, `sracl resume`, `sracl stop`."""

from __future__ import annotations

import os
import shlex
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output, settings
from sracl_core.cli.asking import EncoderOption, MovedOption
from sracl_core.cli.processes import ProcessesOption, launch, launches
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.cli.tracking import LogToOption, require_trackers, while_tracked
from sracl_core.errors import InputError, RunError
from sracl_core.words import to_encode

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.settings.models import RunConfig
    from sracl_core.team import Team

NameOption = Annotated[str | None, typer.Option("--name", help="Name of the run; its folder adds the time.")]


def train(
    dataset: settings.OptionalDataset = None,
    said: settings.DatasetOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    config: settings.ConfigOption = None,
    preset: settings.PresetOption = None,
    sets: settings.SetOption = None,
    name: NameOption = None,
    seed: settings.SeedOption = None,
    epochs: settings.EpochsOption = None,
    device: settings.DeviceOption = None,
    earlier: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN", help="Start from this run's weights, with its settings."),
    ] = None,
    log_to: LogToOption = None,
    processes: ProcessesOption = 1,
    dry_run: output.DryRunOption = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
    verbose: output.VerboseOption = False,
) -> None:
    """Train a recommender on a prepared dataset.

    Writes a run directory, which the dashboard can watch, and prints the results. Ctrl-C or
    SIGTERM checkpoint and stop; `sracl resume` goes on from there.
    """
    start = None if earlier is None else find_run(earlier, runs_dir)
    if start is not None and config is None:
        config = start.config_path
    dataset = settings.one_dataset(dataset, said)
    resolved, _ = settings.resolve(config, preset, sets, dataset, seed, epochs, device)
    settings.require_read(config, sets, resolved)
    if resolved.floor is not None:
        raise InputError(
            f"{resolved.floor.name} is a floor, which counts and is not trained; "
            f"`sracl compare DIR --models {resolved.floor.name}` ranks with it"
        )
    require_trackers(log_to)
    if launches(processes) and not dry_run:
        raise typer.Exit(launch(processes))
    first = os.environ.get("RANK", "0") == "0"
    output.say("loading", quiet or dry_run or not first)

    if dry_run:
        _print_plan(resolved, runs_dir, processes, as_json)
        return
    from sracl_core.meeting import joined
    from sracl_core.pipeline.new_run import new_run
    from sracl_core.settings.known import flatten

    with joined() as team:
        said_of_run = {"--name": name, "--runs-dir": runs_dir, "--from": start and start.name}
        team.require_same(flatten(resolved) | said_of_run)
        run = _of_first(team, new_run(resolved, runs_dir, name, start) if team.first else None)
        output.say(f"run {run.path}", quiet or not team.first)
        results = follow(run, resumed=False, quiet=quiet, verbose=verbose, team=team, log_to=log_to)
    if first:
        _print_results(run, results, as_json)


def resume(
    run: RunArgument,
    runs_dir: RunsDirOption = RUNS_DIR,
    dataset: MovedOption = None,
    encoder: EncoderOption = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Train for as many in all; also a run that has finished.")
    ] = None,
    log_to: LogToOption = None,
    processes: ProcessesOption = 1,
    dry_run: output.DryRunOption = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
    verbose: output.VerboseOption = False,
) -> None:
    """Continue a run that was stopped or crashed, or with --epochs one that is to be trained for longer.

    It reaches the numbers that it would have reached without the interruption, or begun with those epochs.
    """
    directory = find_run(run, runs_dir)
    if os.environ.get("RANK", "0") == "0":
        _require_stopped(directory, epochs)
    if dry_run:
        from sracl_core.pipeline.left import left_to_train

        plan = asdict(left_to_train(directory, epochs, dataset))
        most = ("at most", output.duration(plan["seconds_at_most"]))
        output.print_plan(plan, as_json, seconds_at_most=most)
        return
    require_trackers(log_to)
    if launches(processes):
        raise typer.Exit(launch(processes))
    from sracl_core.meeting import joined

    with joined() as team:
        asked = {"run": directory.name, "--dataset": dataset, "--encoder": encoder, "--epochs": epochs}
        team.require_same(asked)
        directory = _of_first(team, _moved(directory, dataset, encoder, epochs) if team.first else None)
        results = follow(directory, resumed=True, quiet=quiet, verbose=verbose, team=team, log_to=log_to)
    if team.first:
        _print_results(directory, results, as_json)


def _of_first(team: Team, run: RunDirectory | None) -> RunDirectory:
    """The run that process 0 has. Raises InputError in every process unless all see its folder."""
    from sracl_core.runs.directory import open_run

    path = team.from_first("" if run is None else str(run.path.absolute()))
    seen = team.every(Path(path).is_dir())
    if not all(seen):
        raise InputError(
            f"process {seen.index(False)} sees no {path}, which process 0 has made: the folder of runs must "
            "be one that all processes see, under one path"
        )
    return open_run(path) if run is None else run


def _require_stopped(directory: RunDirectory, epochs: int | None) -> None:
    status = _status(directory)
    if status == "running":
        pid = directory.state().get("pid")
        raise RunError(f"{directory.path} is running already, pid {pid}; `sracl stop` stops it")
    if status == "finished" and epochs is None:
        again = shlex.quote(str(directory.path))
        raise RunError(
            f"{directory.path} has finished; `sracl runs show {again}` shows its results, "
            f"`sracl resume {again} --epochs {2 * directory.config.training.max_epochs}` trains it for longer"
        )


def _moved(
    directory: RunDirectory, dataset: Path | None, encoder: str | None, epochs: int | None
) -> RunDirectory:
    if dataset is not None:
        from sracl_core.pipeline import run as pipeline

        directory = pipeline.move_dataset(directory, dataset)
    if encoder is not None:
        from sracl_core.pipeline import run as pipeline

        directory = pipeline.take_text_encoder(directory, encoder)
    if epochs is not None:
        from sracl_core.pipeline.longer import with_epochs

        directory = with_epochs(directory, epochs)
    return directory


def stop(
    run: RunArgument,
    runs_dir: RunsDirOption = RUNS_DIR,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for a checkpoint.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for its end; 0 returns at once.")] = 60.0,
    as_json: output.JsonOption = False,
) -> None:
    """Ask a running training to checkpoint and stop."""
    directory = find_run(run, runs_dir)
    status = _status(directory)
    if status != "running":
        raise RunError(f"{directory.path} is not running, it is {status}")
    from sracl_core.runs.signaling import send

    pid = send(directory, signal.SIGTERM)
    if now:
        time.sleep(0.5)
        if _status(directory) == "running":
            send(directory, signal.SIGTERM)
    end = time.monotonic() + wait
    while (status := _status(directory)) == "running" and time.monotonic() < end:
        time.sleep(0.2)
    if as_json:
        output.print_json({"run": str(directory.path), "pid": pid, "status": status})
    elif status == "running":
        output.tell(f"{directory.path} was asked to stop and is still at it, pid {pid}")
    else:
        output.tell(f"{directory.path} {status}")


def follow(
    run: RunDirectory,
    resumed: bool,
    quiet: bool = False,
    verbose: bool = False,
    team: Team | None = None,
    log_to: list[str] | None = None,
) -> dict[str, Any]:
    """Train in this process, show it on stderr, and return the results; of a team the first one shows it."""
    from sracl_core.cli.live import TrainingDisplay
    from sracl_core.pipeline import run as pipeline
    from sracl_core.runs.writer import RunWriter

    if team is not None and not team.first:
        from sracl_core.runs.silent import SilentWriter

        if resumed:
            return pipeline.resume(run, SilentWriter(), team=team)
        return pipeline.train(run, SilentWriter(), team=team)
    more = {} if team is None else {"team": team}
    training = run.config.training
    display = TrainingDisplay(quiet, verbose, training.monitor, training.max_epochs, training.max_minutes)
    with while_tracked(run, log_to, quiet), display, RunWriter(run, display.on_event) as writer:
        if resumed:
            return pipeline.resume(run, writer, display.progress, **more)
        return pipeline.train(run, writer, display.progress, **more)


def _print_results(run: RunDirectory, results: dict[str, Any], as_json: bool) -> None:
    from sracl_core.cli.show import tell_protocol

    if as_json:
        output.print_json({"run": str(run.path), **results})
        return
    output.print_metrics(results)
    tell_protocol(results)
    output.tell(f"run {run.path}")


def _print_plan(config: RunConfig, runs_dir: Path, processes: int, as_json: bool) -> None:
    from sracl_core.pipeline.estimate import plan as measured

    plan: dict[str, Any] = asdict(measured(config, runs_dir, processes))
    if as_json:
        output.print_json(plan)
        return
    each, most, run = (plan.pop(name) for name in ("seconds_per_epoch", "seconds_at_most", "measured_in"))
    remarks = plan.pop("remarks")
    plan["texts_to_encode"] = to_encode(plan["texts_to_encode"], plan.pop("texts"))
    told = "unknown: no run of these settings on this data has been trained here yet"
    if processes > 1:
        told = f"unknown for a team; the memory is that of each of {processes} processes"
    if run is not None:
        told = f"at most {output.duration(most)}, {output.duration(each)} an epoch as in {run}"
    output.print_pairs({**plan, "training_time": told})
    for text in remarks:
        output.say(f"warning: {text}")


def _status(run: RunDirectory) -> str:
    """The run's status; of one whose process has just died, what it settles to within seconds."""
    from sracl_core.runs.liveness import STALE_SECONDS, is_alive, status
    from sracl_core.runs.signaling import writes

    end = time.monotonic() + STALE_SECONDS + 0.5
    while (word := status(state := run.state())) == "running":
        alive = is_alive(state)
        try:
            if alive and writes(state["pid"], run):
                break
        except OSError:
            break
        if time.monotonic() > end:
            # A living process that does not write the run is none of ours, whatever state.json says.
            return "crashed" if alive else word
        time.sleep(0.1)
    return word
