"""The runs of a study: each is trained once, goes on where it was stopped, and is used again later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sracl_core.data.sources import Sources
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig
from sracl_core.studies.earlier import EarlierRuns

STAGE = "compare"


@dataclass(frozen=True)
class Wanted:
    """A run that a study needs."""

    name: str
    config: RunConfig


def what_is_left(run: RunDirectory | None) -> str:
    """What `run_all` does for a run that it found, or found none for, in a word or two."""
    if run is None:
        return "train"
    return {"finished": "there already", "running": "running"}.get(run.status(), "resume")


def run_all(
    wanted: Sequence[Wanted],
    runs_dir: Path,
    sources: Sources,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[RunDirectory]:
    """Finished runs of `wanted`, in that order; only those are trained that are not there yet.

    progress: hears training steps of all runs together, under the stage "compare". say: a line a run.
    """
    identity, there = sources.dataset.identity, EarlierRuns(runs_dir)
    earlier = [there.find(one.config, identity) for one in wanted]
    steps = [
        0 if run is not None and run.status() == "finished" else _steps(one.config, sources)
        for one, run in zip(wanted, earlier, strict=True)
    ]
    if any(steps):
        # torch takes two seconds, which a table of runs that are all there need not pay.
        from sracl_core.pipeline.run import new_run
    found, done, total = [], 0, sum(steps)
    for one, run, count in zip(wanted, earlier, steps, strict=True):
        if count:
            resumed = run is not None
            say(f"{one.name}: {'goes on' if resumed else 'begins'}")
            run = run or new_run(one.config, runs_dir, one.name)
            _one(run, resumed, progress, done, total)
            done += count
            if progress:
                progress(STAGE, done, total)
        assert run is not None
        say(f"{one.name}: {'finished' if count else 'is there already'}, {run.path}")
        found.append(run)
    return found


def _steps(config: RunConfig, sources: Sources) -> int:
    if config.floor is not None:
        return 1
    from sracl_core.training.batches import steps_per_epoch

    return config.training.max_epochs * steps_per_epoch(len(sources.prefixes), config.training.batch_size)


def _one(run: RunDirectory, resumed: bool, progress: Progress | None, done: int, total: int) -> None:
    from sracl_core.pipeline.run import resume, train

    def heard(record: Record) -> None:
        if progress and record["event"] == "step":
            progress(STAGE, min(done + int(record["step"]), total - 1), total)

    with RunWriter(run, heard) as writer:
        if resumed:
            resume(run, writer)
        else:
            train(run.config, run, writer)
