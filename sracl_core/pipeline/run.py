"""The composition root: a run, from its settings to its results.

dataset -> texts -> vectors -> neighbor tables -> encoder + objectives -> run directory
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sracl_core.data.sources import sources_of
from sracl_core.device import device_here, peak_memory, use_threads
from sracl_core.errors import Interrupted, RunError, StorageError
from sracl_core.evaluation.ranking import scores_of
from sracl_core.evaluation.results import write_results
from sracl_core.files import read_json
from sracl_core.models.build import parameter_count
from sracl_core.notices import heard_by
from sracl_core.pipeline.floors import rank_floor
from sracl_core.pipeline.resuming import semantics_of
from sracl_core.pipeline.setup import inputs_of, ready_device, trainer_of
from sracl_core.pipeline.stages import stage
from sracl_core.pipeline.starting import start_session
from sracl_core.pipeline.warm import START
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory, write_config
from sracl_core.runs.lock import only_writer
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import load_encoder as load_text_encoder
from sracl_core.semantics.encode import require_given
from sracl_core.settings.models import RunConfig
from sracl_core.team import ALONE, Team
from sracl_core.training.checkpoint import (
    STATE_FILE,
    find_checkpoint,
    has_checkpoint,
    load_encoder,
    read_state,
)
from sracl_core.training.stopping import StopSignals


def train(
    run: RunDirectory, writer: RunWriter, progress: Progress | None = None, team: Team = ALONE
) -> dict[str, Any]:
    """Train a fresh run, or count its floor; returns what results.json holds.

    Every process of a `team` calls this; all but the first with a SilentWriter.
    """
    return _run(run, writer, progress, False, team)


def try_out(
    run: RunDirectory, writer: RunWriter, should_stop: Callable[[], bool], resumed: bool
) -> dict[str, Any]:
    """Train, or go on with, a run whose settings are one choice among others: test is not looked at.

    `evaluate` does so later, for the one that is chosen. should_stop: asked after each step; True
    checkpoints and raises Interrupted.
    """
    return _run(run, writer, None, resumed, ALONE, should_stop, test=False)


def resume(
    run: RunDirectory, writer: RunWriter, progress: Progress | None = None, team: Team = ALONE
) -> dict[str, Any]:
    """Go on with a stopped or crashed run, to the numbers that it would have had anyway.

    A run that was stopped before its first checkpoint starts over. Raises RunError when the
    dataset is not the one that the run began with, ConfigError for a text encoder that only the
    run names (see `semantics.encode.load_encoder`).
    """
    require_given(run.config.semantics.encoder)
    return _run(run, writer, progress, True, team)


def evaluate(run: RunDirectory, progress: Progress | None = None) -> dict[str, Any]:
    """Rank validation and test again with a run's best checkpoint, and write results.json anew.

    Raises RunError while the run is being written.
    """
    with only_writer(run):
        return _evaluate(run, progress)


def _evaluate(run: RunDirectory, progress: Progress | None) -> dict[str, Any]:
    sources = sources_of(run, run.config)
    use_threads(run.config.training.threads)
    if run.config.floor is not None:
        semantics = semantics_of(run, run.config, sources, lambda text: None, progress)
        return rank_floor(run, sources, semantics, progress)
    encoder = load_encoder(run).to(device_here(run.config.training.device))
    # A run that has not finished has no results, and damaged ones are written anew: its best checkpoint
    # says what it took until then.
    best = read_state(find_checkpoint(run.checkpoints / "best"))
    known = {"best_epoch": best["best_epoch"], "training_seconds": best["elapsed"]}
    with contextlib.suppress(RunError):
        known |= run.results() or {}
    return write_results(
        run,
        sources,
        scores_of(encoder),
        progress,
        known["best_epoch"],
        known["training_seconds"],
        known.get("stages") or run.state().get("stages") or {},
        encoder.parameter_count,
        run.state().get("peak_memory"),
        encoder=encoder,
    )


def move_dataset(run: RunDirectory, folder: Path) -> RunDirectory:
    """`run` with its dataset in `folder` from now on.

    Raises RunError when another one lies there, or while the run is being written.
    """
    config = run.config.with_dataset(folder.resolve())
    sources_of(run, config)
    return _configured(run, config)


def take_text_encoder(run: RunDirectory, name: str) -> RunDirectory:
    """`run` with the text encoder `name`, which the user gives.

    Raises ConfigError when it is none, RunError while the run is being written.
    """
    load_text_encoder(name)
    if name == run.config.semantics.encoder:
        return run
    semantics = run.config.semantics.model_copy(update={"encoder": name})
    return _configured(run, run.config.model_copy(update={"semantics": semantics}))


def _configured(run: RunDirectory, config: RunConfig) -> RunDirectory:
    with only_writer(run):
        write_config(run, config, run.meta())
    return RunDirectory(run.path)


def _run(
    run: RunDirectory,
    writer: RunWriter,
    progress: Progress | None,
    resumed: bool,
    team: Team,
    should_stop: Callable[[], bool] = lambda: False,
    test: bool = True,
) -> dict[str, Any]:
    def told(stage: str, done: int, total: int) -> None:
        writer.progress(stage, done, total)
        if progress:
            progress(stage, done, total)

    began = time.monotonic()
    process = {"run": run.name, "pid": os.getpid(), "argv": sys.argv, "processes": team.size}
    if resumed:
        folder = run.checkpoints / "last"
        last = read_json(find_checkpoint(folder) / STATE_FILE) or {} if has_checkpoint(folder) else {}
        point = {"step": last.get("step", 0), "epoch": last.get("epoch", 0)}
        writer.event("run_resumed", **process, **point)
    else:
        writer.event("run_started", **process)
    if team.size > 1:
        writer.message(f"{team.size} processes share each batch of {run.config.training.batch_size}")
    writer.state(status="running", error=None, processes=team.size)
    signals = StopSignals()
    try:
        with signals, heard_by(lambda text: writer.message(text, "warning")):
            results = _stages(run, writer, told, signals, resumed, team, should_stop, test)
    except BaseException as error:
        if isinstance(error, Interrupted) and signals.number:
            error.exit_code = 128 + signals.number
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        status = "stopped" if stopped else "failed"
        best_epoch = run.state().get("best_epoch")
        # Where nothing can be written any more, the first error has said so.
        with contextlib.suppress(StorageError):
            writer.event("run_ended", status=status, seconds=time.monotonic() - began, best_epoch=best_epoch)
            writer.state(status=status, error=None if stopped else f"{error}" or type(error).__name__)
        raise
    seconds = time.monotonic() - began
    writer.event("run_ended", status="finished", seconds=seconds, best_epoch=results["best_epoch"])
    writer.state(status="finished", eta_seconds=0.0)
    return results


def _stages(
    run: RunDirectory,
    writer: RunWriter,
    told: Progress,
    signals: StopSignals,
    resumed: bool,
    team: Team,
    should_stop: Callable[[], bool],
    test: bool,
) -> dict[str, Any]:
    config = run.config
    device = ready_device(config, writer, team)

    def report(name: str, status: str, details: dict[str, Any]) -> None:
        if status == "started":
            writer.state(stage=name, done=None, total=None, eta_seconds=None)
        else:
            writer.spent(name, details["seconds"])
        writer.event("stage", stage=name, status=status, **details)

    with writer.beating():
        sources, semantics = inputs_of(run, writer, told, report, team)
        if config.floor is not None:
            return rank_floor(run, sources, semantics, told, report, lambda: writer.stage_seconds, test)
        session = start_session(config, sources, semantics, device, run.model_dir / START, team)
        if resumed and has_checkpoint(run.checkpoints / "last"):
            session.load(run.checkpoints / "last")
    trainer = trainer_of(run, session, sources, writer, lambda: signals.requested() or should_stop(), team)
    # Before the stage is told: who reads of it may ask to stop at once, and finds a checkpoint.
    signals.patient = True
    with stage("train", report, steps_per_epoch=trainer.steps_per_epoch):
        try:
            state = trainer.fit()
        finally:
            earlier = run.state().get("peak_memory") or 0
            writer.state(peak_memory=max(earlier, peak_memory(device)))
        signals.patient = False
    if team.any(signals.requested()):
        raise Interrupted(f"stopped after training; `sracl resume {shlex.quote(str(run.path))}` evaluates")
    spent = writer.stage_seconds
    with writer.beating(), stage("evaluate", report):
        best = session.load_weights(run.checkpoints / "best")
        return write_results(
            run,
            sources,
            scores_of(best),
            told,
            state.best_epoch,
            state.elapsed,
            spent,
            parameter_count(config.model, best.n_items),
            run.state().get("peak_memory"),
            test,
            team,
            best,
        )
