"""The runs of a study: each is trained once, goes on where it was stopped, and is used again later."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from sracl_core import memory
from sracl_core.data.dataset import verified_manifest
from sracl_core.errors import InputError, Interrupted, SraclError, StorageError
from sracl_core.progress import TIMED, Extent, Progress, ending_once
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record
from sracl_core.runs.lock import is_written
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig
from sracl_core.settings.stages import SEEDS
from sracl_core.studies.crew import run_crew, share_of_cores
from sracl_core.studies.earlier import EarlierRuns

STAGE = "compare"
LOOK_SECONDS = 0.5
MOST_SEEDS = 1000
NEARLY = 0.999
"""Of a run whose steps are done, and whose results are not there."""

Left = Literal["train", "resume", "evaluate", "running", "there already"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """A run that a study needs."""

    name: str
    config: RunConfig


def seeds_of(seeds: int | Sequence[int], first: int = 0) -> list[int]:
    """The seeds that are given, or so many from `first` on. Raises InputError where they are none."""
    if isinstance(seeds, int):
        if seeds < 1:
            raise InputError(f"{seeds} seeds are none; take one at least")
        if seeds > MOST_SEEDS:
            raise InputError(f"{seeds:,} seeds are more than {MOST_SEEDS:,}; take fewer, or list them")
        return [first + at for at in range(seeds)]
    if beyond := [seed for seed in seeds if not 0 <= seed < SEEDS]:
        raise InputError(f"a seed is 0 or more and below 2 to the 63rd, not {beyond[0]}")
    if again := [seed for seed, count in Counter(seeds).items() if count > 1]:
        raise InputError(f"seed {again[0]} is given twice, which trains nothing twice; give it once")
    return list(seeds)


@dataclass(frozen=True)
class Outcome:
    """By place in what was wanted: the runs that have finished, and why others have not."""

    runs: dict[int, RunDirectory]
    failed: dict[int, str]


@dataclass(frozen=True)
class Planned:
    """What is there of a run, and what is left to do."""

    name: str
    config: RunConfig
    run: RunDirectory | None
    left: Left
    extent: Extent


def what_is_left(run: RunDirectory | None) -> Left:
    """What `run_all` does for a run that it found, or found none for.

    A trial of `sracl tune` has finished without test: "evaluate" is left.
    """
    if run is None:
        return "train"
    status = run.status()
    if status == "finished":
        return "there already" if (run.results() or {}).get("test") else "evaluate"
    return "running" if status == "running" and is_written(run) else "resume"


def plan_runs(wanted: Sequence[Wanted], runs_dir: Path) -> list[Planned]:
    """What is there already of each, on exactly its dataset. Raises SraclError."""
    there = EarlierRuns(runs_dir)
    folders = {one.config.dataset.path for one in wanted}
    identities = {folder: str(verified_manifest(Path(folder))["identity"]) for folder in folders}
    return [_planned(one, there, identities[one.config.dataset.path]) for one in wanted]


def _planned(one: Wanted, there: EarlierRuns, identity: str) -> Planned:
    run = there.find(one.config, identity)
    left = what_is_left(run)
    return Planned(one.name, one.config, run, left, _extent(one.config, left))


def run_all(
    wanted: Sequence[Wanted],
    runs_dir: Path,
    *,
    parallel: int = 1,
    progress: Progress | None = None,
    say: Say = lambda text: None,
    made: Callable[[Mapping[int, RunDirectory]], None] = lambda runs: None,
) -> Outcome:
    """Finished runs of `wanted`; only those are trained that are not there yet.

    One that fails by itself, since its loss diverges or it needs more memory than there is, leaves the others
    to go on; a full disk and an interruption end all.

    parallel: so many at once, each a process of its own, with their share of the cores. progress: hears
    of all runs together, under the stage "compare", steps or, where each has a budget, its seconds. say: a
    line a run. made: hears of runs, by place in `wanted`, as soon as there are folders.
    """
    planned = plan_runs(wanted, runs_dir)
    found, failed = dict[int, RunDirectory](), dict[int, str]()

    def fails(at: int, reason: str) -> None:
        failed[at] = reason
        say(f"{wanted[at].name}: failed: {reason}")

    if parallel > 1:
        _together(planned, runs_dir, parallel, progress, say, made, fails)
        planned = plan_runs(wanted, runs_dir)
    whole = _Whole(planned, progress)
    made({at: one.run for at, one in enumerate(planned) if one.run is not None})
    for at, one in enumerate(planned):
        if at in failed:
            continue
        if one.left != "there already":
            one = _awaited(one, runs_dir, say)
            try:
                run = _one(one, runs_dir, say, partial(_at, made, at), partial(_at, whole.tell, at))
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
        if record["event"] == "step":
            told(min(NEARLY, one.extent.share(int(record["step"]), record.get("elapsed") or 0.0)))

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

    def __init__(self, runs: Sequence[Planned], progress: Progress | None) -> None:
        trained = [one.extent for one in runs if one.extent.steps and one.config.floor is None]
        timed = bool(trained) and all(extent.seconds for extent in trained)
        self._stage = STAGE + TIMED * timed
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
        self._progress(self._stage, total if ended else min(int(done), total - 1), total)


def _together(
    planned: Sequence[Planned],
    runs_dir: Path,
    parallel: int,
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
    say(f"{len(runs)} runs, {min(parallel, len(runs))} at once")
    whole = _Whole([one for _, one in left], progress)

    def look() -> None:
        shares = [share_done(run, one.extent) for run, (_, one) in zip(runs, left, strict=True)]
        whole.tell(dict(enumerate(shares)))

    run_crew(
        [["train", str(run.path)] for run in runs],
        parallel,
        look,
        lambda place, error: fails(left[place][0], str(error)),
    )


def share_done(run: RunDirectory, extent: Extent) -> float:
    """How much of its training is done, of 1; a little less than that while its results are not there."""
    state = run.state()
    if state.get("status") == "finished":
        return 1.0
    return min(NEARLY, extent.share(int(state.get("step") or 0), state.get("elapsed") or 0.0))


def _extent(config: RunConfig, left: Left) -> Extent:
    """How far the training of `config` goes; nowhere where there is nothing to train. Raises SraclError."""
    if left == "there already":
        return Extent(0, 0)
    # polars, and torch by seconds, which a table of runs that are all there need not pay.
    from sracl_core.data.sources import load_sources

    sources = load_sources(config)
    if config.floor is not None:
        return Extent(1, 1)
    from sracl_core.pipeline.estimate import examples_of

    training = config.training
    each = -(-examples_of(config, sources) // training.batch_size)
    return Extent(training.max_epochs * each, each, 60.0 * training.max_minutes)


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
