"""What is left to do of a run that is there: `sracl resume --dry-run` and `sracl evaluate --dry-run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sracl_core.data.sources import sources_of
from sracl_core.evaluation.results import validated
from sracl_core.pipeline.longer import require_epochs
from sracl_core.pipeline.memory import examples_of
from sracl_core.progress import Extent
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig
from sracl_core.training.batches import steps_per_epoch
from sracl_core.training.checkpoint import find_checkpoint, has_checkpoint, read_state


@dataclass(frozen=True)
class LeftToTrain:
    """steps_left: at most, as patience may end a run earlier. seconds_at_most: at the pace of the run so far,
    no more than those of the epoch in which training.max_minutes ends; None where it has not begun.
    """

    run: str
    status: str
    epochs: int
    steps_done: int
    steps_left: int
    seconds_at_most: float | None


@dataclass(frozen=True)
class LeftToRank:
    """seconds_last_time: of ranking all of them, None where that was not measured."""

    run: str
    best_epoch: int | None
    items: int
    valid_users: int
    test_users: int
    replaces_results: bool
    seconds_last_time: float | None


def left_to_train(run: RunDirectory, epochs: int | None = None, dataset: Path | None = None) -> LeftToTrain:
    """Of `run`, resumed as it is or for `epochs` in all; `dataset`: where it lies now. Raises as resuming."""
    if epochs is not None:
        require_epochs(run, epochs)
    training = run.config.training
    epochs = epochs or training.max_epochs
    folder = run.checkpoints / "last"
    state = read_state(find_checkpoint(folder)) if has_checkpoint(folder) else {}
    done, elapsed = int(state.get("step", 0)), float(state.get("elapsed", 0.0))
    each = steps_per_epoch(
        examples_of(run.config, sources_of(run, _config(run, dataset))), training.batch_size
    )
    extent = Extent(epochs * each, each, 60.0 * training.max_minutes)
    left = max(0, extent.steps - done)
    pace = elapsed / done if done else 0.0
    seconds = extent.seconds_left(min(done, extent.steps), elapsed, pace) if pace else None
    return LeftToTrain(str(run.path), run.status(), epochs, done, left, seconds)


def left_to_rank(run: RunDirectory, dataset: Path | None = None) -> LeftToRank:
    """What `pipeline.run.evaluate` would rank and replace, and raises; `dataset`: where it lies now."""
    sources = sources_of(run, _config(run, dataset))
    floor = run.config.floor is not None
    best = {} if floor else read_state(find_checkpoint(run.checkpoints / "best"))
    stages = run.state().get("stages") or {}
    return LeftToRank(
        str(run.path),
        best.get("best_epoch"),
        sources.dataset.n_items,
        len(validated(run.config, sources.split)[0]),
        len(sources.split.test_users),
        run.results_path.exists(),
        stages.get("evaluate"),
    )


def _config(run: RunDirectory, dataset: Path | None) -> RunConfig:
    return run.config if dataset is None else run.config.with_dataset(dataset.resolve())
