"""The runs of a study: each is trained once, goes on where it was stopped, and is used again later."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sracl_core import memory
from sracl_core.errors import Interrupted, SraclError, StorageError
from sracl_core.progress import EPOCH, PASSING, TIMED, Progress, ending_once
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig
from sracl_core.studies.crew import run_crew, share_of_cores
from sracl_core.studies.planning import NEARLY, Planned, Wanted, plan_runs, share_done, what_is_left
from sracl_core.words import counted

LOOK_SECONDS = 0.5
Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """By place in what was wanted: the runs that have finished, and why others have not."""

    runs: dict[int, RunDirectory]
    failed: dict[int, str]


def run_all(
    wanted: Sequence[Wanted],
    runs_dir: Path,
    *,
    stage: str,
    parallel: int = 1,
    progress: Progress | None = None,
    say: Say = lambda text: None,
    made: Callable[[Mapping[int, RunDirectory]], None] = lambda runs: None,
) -> Outcome:
    """Finished runs of `wanted`; only those are trained that are not there yet.

    One that fails by itself, since its loss diverges or it needs more memory than there is, leaves the others
    to go on; a full disk and an interruption end all.

    parallel: so many at once, each a process of its own, with their share of the cores. progress: hears
    of all runs together, under `stage`, steps or, where each has a budget, its seconds; beside it of the
    epoch of a run that is trained here. say: a line a run. made: hears of runs, by place in `wanted`, as soon
    as there are folders, the first time when all can be trained.
    """
    planned = plan_runs(wanted, runs_dir)
    there = sum(one.left == "there already" for one in planned)
    if len(planned) > 1:
        say(f"{len(planned):,} runs, {there:,} of them there already")
    made(_there(planned))
    found, failed = dict[int, RunDirectory](), dict[int, str]()

    def fails(at: int, reason: str) -> None:
        failed[at] = reason
        say(f"{wanted[at].name}: failed: {reason}")

    if parallel > 1:
        _together(planned, runs_dir, parallel, stage, progress, say, made, fails)
        planned = plan_runs(wanted, runs_dir)
        made(_there(planned))
    whole = _Whole(planned, stage, progress)
    for at, one in enumerate(planned):
        if at in failed:
            continue
        if one.left != "there already":
            one = _awaited(one, runs_dir, say)
            try:
                run = _one(one, runs_dir, say, partial(_at, made, at), partial(_at, whole.tell, at), progress)
            except Interrupted as error:
                told = f"{one.name} was stopped; the same command goes on where it was"
                raise Interrupted(told, error.exit_code - 128) from error
            except Exception as error:
                fails(at, _of_itself(error))
                whole.tell({at: 1.0})
                continue
            whole.tell({at: 1.0})
        else:
            assert one.run is not None
            run = one.run
        say(f"{one.name}: {'is there already' if one.left == 'there already' else 'finished'}, {run.path}")
        found[at] = run
    return Outcome(found, failed)


def _there(planned: Sequence[Planned]) -> dict[int, RunDirectory]:
    return {at: one.run for at, one in enumerate(planned) if one.run is not None}


def _of_itself(error: Exception) -> str:
    """Why a run failed, which others need not; what concerns all is raised."""
    if isinstance(error, SraclError) and not isinstance(error, (Interrupted, StorageError)):
        return str(error)
    if memory.ran_out(error):
        return memory.told(training=True)
    raise error


def _awaited(one: Planned, runs_dir: Path, say: Say) -> Planned:
    """What is left once nobody else trains it any more."""
    told = False
    while one.left == "running":
        assert one.run is not None
        if not told:
            pid = one.run.state().get("pid")
            say(f"{one.name}: {one.run.path} is being trained by process {pid}; its end is waited for")
            told = True
        time.sleep(LOOK_SECONDS)
        one = replace(one, left=what_is_left(one.run))
    return one


def _one(
    one: Planned,
    runs_dir: Path,
    say: Say,
    made: Callable[[RunDirectory], None],
    told: Callable[[float], None],
    progress: Progress | None,
) -> RunDirectory:
    # torch takes two seconds, which a table of runs that are all there need not pay.
    from sracl_core.pipeline.new_run import new_run
    from sracl_core.pipeline.run import evaluate, resume, train

    if one.left == "there already":
        assert one.run is not None
        return one.run
    say(f"{one.name}: {'goes on' if one.run is not None else 'begins'}")
    run = one.run or new_run(one.config, runs_dir, one.name)
    made(run)
    if one.left == "evaluate":
        evaluate(run)
        return run

    def heard(record: Record) -> None:
        if record["event"] not in ("step", "epoch"):
            return
        step, each = int(record["step"]), one.extent.per_epoch
        told(min(NEARLY, one.extent.share(step, record.get("elapsed") or 0.0)))
        if progress is not None:
            progress(EPOCH, step - int(record["epoch"]) * each, each)

    with RunWriter(run, heard) as writer:
        if one.left == "resume":
            resume(run, writer)
        else:
            train(run, writer)
    return run


_Told = TypeVar("_Told")


def _at(hears: Callable[[Mapping[int, _Told]], None], at: int, told: _Told) -> None:
    hears({at: told})


class _Whole:
    """How far all runs are together: in seconds where all that are trained have a budget, else in steps."""

    def __init__(self, runs: Sequence[Planned], stage: str, progress: Progress | None) -> None:
        trained = [one.extent for one in runs if one.extent.steps and one.config.floor is None]
        timed = bool(trained) and all(extent.seconds for extent in trained)
        self._stage, self._unit = stage, TIMED * timed
        self._sizes = [one.extent.seconds if timed else float(one.extent.steps) for one in runs]
        self._shares = [0.0] * len(runs)
        self._progress = ending_once(progress)

    def tell(self, shares: Mapping[int, float]) -> None:
        """The runs at those places are so far."""
        for at, share in shares.items():
            self._shares[at] = share
        total = max(1, round(sum(self._sizes)))
        done = sum(size * share for size, share in zip(self._sizes, self._shares, strict=True))
        ended = all(share == 1.0 or not size for size, share in zip(self._sizes, self._shares, strict=True))
        self._progress(self._stage + self._unit, total if ended else min(int(done), total - 1), total)

    def tell_each(self, names: Sequence[str]) -> None:
        """Each run that has begun, by its name; a floor is over before it could be looked at."""
        for name, size, share in zip(names, self._sizes, self._shares, strict=True):
            if share and size > 1:
                self._progress(f"{name}{PASSING}{self._unit}", int(size * share), int(size))


def _together(
    planned: Sequence[Planned],
    runs_dir: Path,
    parallel: int,
    stage: str,
    progress: Progress | None,
    say: Say,
    made: Callable[[Mapping[int, RunDirectory]], None],
    fails: Callable[[int, str], None],
) -> None:
    """Train what is left in worker processes."""
    from sracl_core.pipeline.new_run import new_run

    left = [(at, one) for at, one in enumerate(planned) if one.left in ("train", "resume")]
    if not left:
        return
    share_texts([one.config for _, one in left], progress, say)
    runs = [one.run or new_run(share_of_cores(one.config, parallel), runs_dir, one.name) for _, one in left]
    made({at: run for (at, _), run in zip(left, runs, strict=True)})
    say(f"{counted(len(runs), 'run')}, {min(parallel, len(runs))} at once")
    whole = _Whole([one for _, one in left], stage, progress)

    def look() -> None:
        shares = [share_done(run, one.extent) for run, (_, one) in zip(runs, left, strict=True)]
        whole.tell(dict(enumerate(shares)))
        whole.tell_each([one.name for _, one in left])

    run_crew(
        [["train", str(run.path)] for run in runs],
        parallel,
        look,
        lambda place, error: fails(left[place][0], str(error)),
    )


def share_texts(configs: Sequence[RunConfig], progress: Progress | None, say: Say) -> None:
    """Compute vectors and tables once that several processes would otherwise each compute at once."""
    from sracl_core.data.sources import load_sources
    from sracl_core.pipeline.stages import build_semantics

    made = set[str]()
    for config in configs:
        asked = [config.semantics.model_dump(), config.retrieval.model_dump(), sorted(config.needs)]
        key = repr([*asked, config.model.max_length])
        if config.needs and key not in made:
            if not made:
                say("texts, vectors and tables, once for all")
            made.add(key)
            build_semantics(config, load_sources(config), progress)
