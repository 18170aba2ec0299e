"""What a run learns from: a prepared dataset, its split, and its training prefixes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path

from sracl_core.data.dataset import Dataset, load_dataset, require_named
from sracl_core.data.object_store import here
from sracl_core.data.prefixes import Prefixes, training_prefixes
from sracl_core.data.splits.base import Split, Splitter
from sracl_core.errors import ConfigError, DataError, RunError
from sracl_core.methods import SPLITS, values
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig
from sracl_core.settings.section import Backbone, ObjectiveSettings, Sizes
from sracl_core.words import counted

LEAST_ITEMS = 2
LEAST_HISTORY = 4
"""A user's interactions that make one training prefix, one validation and one test query."""


@dataclass(frozen=True)
class Sources:
    """A dataset, split, and its training prefixes, of at most `max_length` items each."""

    dataset: Dataset
    split: Split
    prefixes: Prefixes
    max_length: int


_latest: dict[Hashable, Sources] = {}
"""The latest sources by what they were made of: a command asks for the same ones more than once."""


def load_sources(config: RunConfig) -> Sources:
    """Open the dataset that `config` names and split it. Raises DataError."""
    folder = here(require_named(config.dataset.path))
    key = (config.dataset.model_dump_json(), _stamps(folder))
    made = _latest[key] if key in _latest else _opened(config)
    if made.max_length != config.model.max_length:
        prefixes = training_prefixes(made.split.train, config.model.max_length)
        made = replace(made, prefixes=prefixes, max_length=config.model.max_length)
    _latest.clear()
    _latest[key] = made
    require_fit(config, made)
    return made


def _stamps(folder: Path) -> Hashable:
    """What changes when the files of a folder do."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    stats = [(path.name, path.stat()) for path in found]
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _opened(config: RunConfig) -> Sources:
    dataset = load_dataset(config.dataset.path)
    if dataset.n_items < LEAST_ITEMS:
        raise DataError(f"{config.dataset.path} has one item; nothing can be ranked among one")
    split = _split(config, dataset)
    prefixes = training_prefixes(split.train, config.model.max_length)
    if not len(prefixes) or not len(split.valid_users) or not len(split.test_users):
        raise DataError(_nothing_left(config.dataset.path, dataset, split, len(prefixes)))
    return Sources(dataset, split, prefixes, config.model.max_length)


def require_fit(config: RunConfig, sources: Sources, text_size: Callable[[], int] | None = None) -> None:
    """Raise ConfigError for a method that does not suit the data or the backbone; see `Sizes`."""
    if config.floor is not None:
        return
    model = config.model
    users = int((sources.split.train.lengths > 0).sum())
    backbone = model.hidden_size, model.name, model.has_states
    sizes = Sizes(users, sources.dataset.n_items, *backbone, text_size)
    methods: list[Backbone | ObjectiveSettings] = [model, *config.active_objectives.values()]
    for one in methods:
        if wrong := one.misfit(sizes):
            raise ConfigError(wrong)


def _nothing_left(path: str, dataset: Dataset, split: Split, prefixes: int) -> str:
    """What is wrong with a split that leaves nothing to learn from or to ask, and what mends it."""
    left = (
        f"{path}: the {split.name} split leaves {prefixes:,} training prefixes, {len(split.valid_users):,} "
        f"validation and {len(split.test_users):,} test users"
    )
    longest = int(dataset.sequences.lengths.max())
    if longest < LEAST_HISTORY:
        return (
            f"{left}; the longest history has {counted(longest, 'interaction')}, and {LEAST_HISTORY} are "
            "needed: two to learn from, one for validation, one for test; prepare a log with longer histories"
        )
    one = " (all interactions have one time)" if (dataset.timestamps == dataset.timestamps[0]).all() else ""
    return f"{left}{one}; --set dataset.split=leave_one_out divides each user's history by its order"


def _split(config: RunConfig, dataset: Dataset) -> Split:
    splitters: dict[str, Splitter] = values(*SPLITS, "SPLIT")
    return splitters[config.dataset.split].split(dataset, config.dataset)


def sources_of(run: RunDirectory, config: RunConfig) -> Sources:
    """The dataset that `run` began with, at the place that `config` says.

    Raises RunError when it is not there, cannot be used, or is another one by now.
    """
    folder, moved = config.dataset.path, "give --dataset FOLDER if it was moved"
    expected = run.dataset_identity()
    if not here(folder).exists():
        raise RunError(f"{folder}, the dataset of {run.name}, is not there; {moved}")
    try:
        sources = load_sources(config)
    except DataError as error:
        raise RunError(f"the dataset of {run.name} cannot be used: {error}") from error
    found = sources.dataset.identity
    if found != expected:
        raise RunError(
            f"the dataset {folder} has changed since {run.name} began with it (identity {found[:12]}, then "
            f"{expected[:12]}; the order of interactions at one time counts); prepare it from the same "
            f"files, {moved}, or train anew"
        )
    return sources
