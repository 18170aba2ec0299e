"""What a study needs, what is there of each run already, and how far it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sracl_core.data.dataset import require_named, verified_manifest
from sracl_core.errors import InputError
from sracl_core.progress import Extent
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.lock import is_written
from sracl_core.settings.models import RunConfig
from sracl_core.settings.stages import SEEDS
from sracl_core.studies.earlier import EarlierRuns

MOST_SEEDS = 1000
SEED_UNREAD = "training.seed is set beside seeds of the study, which would win; leave one of the two out"
NEARLY = 0.999
"""Of a run whose steps are done, and whose results are not there."""

Left = Literal["train", "resume", "evaluate", "running", "there already"]


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
    folders = {require_named(one.config.dataset.path) for one in wanted}
    identities = {folder: str(verified_manifest(Path(folder))["identity"]) for folder in folders}
    return [_planned(one, there, identities[one.config.dataset.path]) for one in wanted]


def _planned(one: Wanted, there: EarlierRuns, identity: str) -> Planned:
    run = there.find(one.config, identity)
    left = what_is_left(run)
    return Planned(one.name, one.config, run, left, _extent(one.config, left))


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
    from sracl_core.pipeline.memory import examples_of

    training = config.training
    each = -(-examples_of(config, sources) // training.batch_size)
    return Extent(training.max_epochs * each, each, 60.0 * training.max_minutes)
