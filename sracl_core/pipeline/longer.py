"""A run that is to be trained for longer, or for shorter, than it was begun with."""

from __future__ import annotations

import shlex
import time

from sracl_core.data.sources import sources_of
from sracl_core.errors import InputError
from sracl_core.files import write_json
from sracl_core.runs.directory import RunDirectory, write_config
from sracl_core.runs.lock import only_writer
from sracl_core.semantics.encode import require_given
from sracl_core.training.checkpoint import find_checkpoint, has_checkpoint, read_state
from sracl_core.words import counted


def with_epochs(run: RunDirectory, epochs: int) -> RunDirectory:
    """`run`, to be trained for `epochs` in all; what it is resumed to is what it would have been begun so.

    Results of a finished run are taken away: they are those of an earlier end. Raises as `require_epochs`,
    and before that RunError or ConfigError where the run's dataset or text encoder cannot be had again.
    """
    require_epochs(run, epochs)
    if epochs == run.config.training.max_epochs and run.status() != "finished":
        return run
    require_given(run.config.semantics.encoder)
    sources_of(run, run.config)
    with only_writer(run):
        return _changed(run, epochs)


def require_epochs(run: RunDirectory, epochs: int) -> None:
    """Raises InputError where the epochs decide what earlier ones did, or are not what ends this run.

    CheckpointError where the last checkpoint is damaged.
    """
    training = run.config.training
    anew = f"train anew with `sracl train --config {shlex.quote(str(run.config_path))} --epochs {epochs}"
    if run.config.floor is not None:
        raise InputError(f"{run.name} counts {run.config.floor.name}, a floor, which has no epochs")
    if epochs == training.max_epochs and run.status() != "finished":
        return
    if training.schedule == "linear":
        raise InputError(
            f"the learning rate of {run.name} falls to 0 over its {counted(training.max_epochs, 'epoch')} "
            f"(training.schedule linear), so that of each step would have been another; {anew}`"
        )
    folder = run.checkpoints / "last"
    state = read_state(find_checkpoint(folder)) if has_checkpoint(folder) else {"epoch": 0, "batch": 0}
    done = state["epoch"] + (state["batch"] > 0)
    if epochs < max(done, 1) or (epochs == done and run.status() == "finished"):
        raise InputError(
            f"{run.name} has trained {counted(done, 'epoch')} already; --epochs says how many in all"
        )
    if state.get("stale_epochs", 0) >= training.patience:
        raise InputError(
            f"{run.name} ended because {counted(training.patience, 'epoch')} brought no gain "
            "(training.patience), "
            f"so that more epochs would not go on; {anew} --set training.patience={2 * training.patience}`"
        )
    if training.max_minutes and state.get("elapsed", 0.0) >= 60.0 * training.max_minutes:
        raise InputError(
            f"{run.name} ended after {training.max_minutes:g} minutes (training.max_minutes), so that more "
            f"epochs would not go on; {anew} --set training.max_minutes={2 * training.max_minutes:g}`"
        )


def _changed(run: RunDirectory, epochs: int) -> RunDirectory:
    """After each of these a kill leaves a run that can go on, the old way or the new."""
    meta, config = run.meta(), run.config
    change = {"from": config.training.max_epochs, "to": epochs, "at": time.time()}
    meta["epochs_changed"] = [*(meta.get("epochs_changed") or []), change]
    write_json(run.state_path, {**run.state(), "status": "stopped"}, seal=True)
    for path in (run.results_path, run.ranks_path):
        path.unlink(missing_ok=True)
    write_json(run.meta_path, meta, seal=True)
    training = config.training.model_copy(update={"max_epochs": epochs})
    write_config(run, config.model_copy(update={"training": training}), meta)
    return RunDirectory(run.path)
