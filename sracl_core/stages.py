"""From a prepared dataset to everything that training reads: texts, vectors, neighbor tables.

Each stage reuses what an earlier run left in the store, by content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sracl_core.config import RunConfig
from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prefixes import Prefixes, training_prefixes
from sracl_core.data.split import Split, leave_one_out
from sracl_core.errors import ConfigError, DataError, RunError
from sracl_core.retrieval.neighbors import NeighborTable, cached_neighbors
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Progress
from sracl_core.semantics.describe import ItemTexts, template_texts
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.llm_texts import LlmTexts, llm_item_texts, llm_prefix_texts
from sracl_core.semantics.profiles import prefix_titles
from sracl_core.semantics.profiles import prefix_vectors as pooled_vectors
from sracl_core.semantics.store import VectorStore

Report = Callable[[str, str, dict[str, Any]], None]
"""(stage, "started" or "done", details)."""


@dataclass(frozen=True)
class Sources:
    """A dataset, split, and its training prefixes."""

    dataset: Dataset
    split: Split
    prefixes: Prefixes


@dataclass(frozen=True)
class Semantics:
    """What the texts say.

    item_vectors: float32 [N, E], row i is item i + 1.
    item_neighbors: K nearest items of each item, as row numbers.
    prefix_vectors: float32 [P, E], and prefix_neighbors: both None where nothing reads them.
    notes: counts worth keeping beside the run, such as texts that fell back.
    """

    item_vectors: np.ndarray
    item_neighbors: NeighborTable
    prefix_vectors: np.ndarray | None
    prefix_neighbors: NeighborTable | None
    notes: dict[str, Any] = field(default_factory=dict)


def load_sources(config: RunConfig) -> Sources:
    """Open the dataset that `config` names and split it. Raises DataError."""
    if not config.dataset.path:
        raise DataError("no dataset is given: use --dataset FOLDER, a folder made by `sracl data prepare`")
    dataset = load_dataset(config.dataset.path)
    _fits(config, dataset)
    split = _split(config, dataset)
    prefixes = training_prefixes(split.train, config.model.max_length)
    if not len(prefixes) or not len(split.valid_users) or not len(split.test_users):
        raise DataError(
            f"{config.dataset.path} leaves {len(prefixes)} training prefixes, {len(split.valid_users)} "
            f"validation and {len(split.test_users)} test users; users with more interactions are needed"
        )
    return Sources(dataset, split, prefixes)


def _fits(config: RunConfig, dataset: Dataset) -> None:
    """Settings that only the catalogue's size can refuse. Raises ConfigError."""
    n_items, loss, k = dataset.n_items, config.objective.next_item, config.retrieval.k
    if k >= n_items:
        raise ConfigError(
            f"retrieval.k {k} is too many: each of the {n_items} items of {config.dataset.path} has "
            f"{n_items - 1} others; at most --set retrieval.k={n_items - 1}"
        )
    if loss.loss == "sampled" and loss.negatives >= n_items:
        raise ConfigError(
            f"objective.next_item.negatives {loss.negatives} are not fewer than the {n_items} items of "
            f"{config.dataset.path}; take fewer, or --set objective.next_item.loss=full"
        )


def _split(config: RunConfig, dataset: Dataset) -> Split:
    if config.dataset.split == "leave_one_out":
        return leave_one_out(dataset.sequences)
    from sracl_core.data.split import temporal

    shares = config.dataset.valid_share, config.dataset.test_share
    return temporal(dataset.sequences, dataset.timestamps, *shares)


def sources_of(run: RunDirectory, config: RunConfig) -> Sources:
    """The dataset that `run` began with, at the place that `config` says.

    Raises RunError when it is not there, cannot be used, or is another one by now.
    """
    folder, moved = Path(config.dataset.path), "give --dataset FOLDER if it was moved"
    expected = run.dataset_identity()
    if not folder.exists():
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


def build_semantics(
    config: RunConfig, sources: Sources, progress: Progress | None = None, report: Report | None = None
) -> Semantics:
    """Texts, vectors and neighbor tables of a run."""
    notes: dict[str, Any] = {}
    with stage("describe", report) as details:
        texts, of_prefixes = item_texts(config, sources), prefix_texts(config, sources)
        details["items_without_text"] = texts.fallback_count
        if isinstance(texts, LlmTexts):
            details["item_texts"] = texts.notes()
        if isinstance(of_prefixes, LlmTexts):
            details["prefixes_without_text"] = of_prefixes.fallback_count
            details["prefix_texts"] = of_prefixes.notes()
        notes |= details
    with stage("embed", report) as details:
        encoder, store = load_encoder(config.semantics.encoder), VectorStore()
        batch_size = config.semantics.batch_size
        item_vectors = store.vectors(encoder, texts.texts, batch_size, progress)
        prefix_vectors = None
        if config.objective.reads_neighbors:
            kind, decay = config.semantics.users, config.semantics.recency_decay
            if kind in ("pooled", "recency"):
                prefix_vectors = pooled_vectors(
                    kind, sources.prefixes, item_vectors, decay=decay, progress=progress
                )
            elif of_prefixes is not None:
                prefix_vectors = store.vectors(encoder, of_prefixes.texts, batch_size, progress)
        details["encoder"] = config.semantics.encoder
    with stage("neighbors", report) as details:
        item_neighbors = _neighbors(config, item_vectors, None, progress)
        details["items"] = notes["item_neighbors"] = _told(item_neighbors)
        prefix_neighbors = None
        if prefix_vectors is not None:
            users = sources.prefixes.users if config.retrieval.same_user == "exclude" else None
            prefix_neighbors = _neighbors(config, prefix_vectors, users, progress)
            details["prefixes"] = notes["prefix_neighbors"] = _told(prefix_neighbors)
    return Semantics(item_vectors, item_neighbors, prefix_vectors, prefix_neighbors, notes)


def item_texts(config: RunConfig, sources: Sources) -> ItemTexts | LlmTexts:
    """The text of every item, from its attributes or as `sracl describe` wrote it."""
    if config.semantics.items == "template":
        return template_texts(sources.dataset)
    return llm_item_texts(sources.dataset, sources.split.train, config.describe.model)


def prefix_texts(config: RunConfig, sources: Sources) -> ItemTexts | LlmTexts | None:
    """The text of every training prefix, or None where none is encoded."""
    kind, settings = config.semantics.users, config.describe
    if not config.objective.reads_neighbors or kind in ("pooled", "recency"):
        return None
    if kind == "titles":
        return ItemTexts(prefix_titles(sources.prefixes, sources.dataset.titles()), 0)
    return llm_prefix_texts(
        sources.dataset, sources.split.train, sources.prefixes, settings.scope, settings.model
    )


def _neighbors(
    config: RunConfig, vectors: np.ndarray, groups: np.ndarray | None, progress: Progress | None
) -> NeighborTable:
    settings, training = config.retrieval, config.training
    return cached_neighbors(
        vectors, settings.k, settings, groups, seed=training.seed, threads=training.threads, progress=progress
    )


def _told(table: NeighborTable) -> dict[str, Any]:
    return {"method": table.method, "recall": table.recall, "hash": table.hash}


@contextmanager
def stage(name: str, report: Report | None, **known: Any) -> Iterator[dict[str, Any]]:
    """Reports the stage's start and, with its seconds and whatever is put in the dict, its end."""
    details = known.copy()
    if report:
        report(name, "started", known)
    start = time.monotonic()
    yield details
    if report:
        report(name, "done", {"seconds": time.monotonic() - start, **details})
