"""From a prepared dataset to everything that training reads: texts, vectors, neighbor tables.

Each stage reuses what an earlier run left in the store, by content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sracl_core.data.sources import Sources
from sracl_core.progress import Progress
from sracl_core.retrieval.neighbors import NeighborTable, cached_neighbors
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.llm.texts import LlmTexts, llm_item_texts, llm_prefix_texts
from sracl_core.semantics.profiles import prefix_vectors as pooled_vectors
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.template import ItemTexts, prefix_titles, template_texts
from sracl_core.settings.models import RunConfig

Report = Callable[[str, str, dict[str, Any]], None]
"""(stage, "started" or "done", details)."""


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
