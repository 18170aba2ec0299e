"""From a prepared dataset to everything that training reads: texts, vectors, neighbor tables.

Each stage reuses what an earlier run left in the store, by content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sracl_core.data.sources import Sources
from sracl_core.errors import SraclError
from sracl_core.progress import Progress
from sracl_core.retrieval.neighbors import NeighborTable, cached_neighbors, resolved_stride
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.llm.texts import LlmTexts, Taken
from sracl_core.semantics.profiles import prefix_vectors as pooled_vectors
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.texts import item_texts, prefix_texts
from sracl_core.settings.models import RunConfig
from sracl_core.training.inputs import hash_of_texts

Report = Callable[[str, str, dict[str, Any]], None]
"""(stage, "started", "done" or "stopped", details)."""

NOTHING_TAKEN: Mapping[str, Taken] = {}


@dataclass(frozen=True)
class Semantics:
    """What the texts say; None where no method of the run asked for it.

    item_vectors: float32 [N, E], row i is item i + 1.   prefix_vectors: float32 [P, E].
    item_neighbors, prefix_neighbors: K nearest of each, as row numbers.
    notes: counts worth keeping beside the run, such as texts that fell back.
    hashes: of the texts, and of the sentence encoder's files.
    """

    item_vectors: np.ndarray | None = None
    item_neighbors: NeighborTable | None = None
    prefix_vectors: np.ndarray | None = None
    prefix_neighbors: NeighborTable | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, NeighborTable]:
        """The neighbor tables by name."""
        found = {"item_neighbors": self.item_neighbors, "prefix_neighbors": self.prefix_neighbors}
        return {name: table for name, table in found.items() if table is not None}


def build_semantics(
    config: RunConfig,
    sources: Sources,
    progress: Progress | None = None,
    report: Report | None = None,
    taken: Mapping[str, Taken] = NOTHING_TAKEN,
) -> Semantics:
    """Texts, vectors and neighbor tables of a run: as much of them as its methods need.

    taken: the "item_texts" and "prefix_texts" of a language model that the run has taken before.
    """
    if not config.needs:
        return Semantics()
    of_prefixes = not config.needs.isdisjoint({"prefix_vectors", "prefix_neighbors"})
    prefixes = sources.prefixes
    searched, of = searched_prefixes(config, sources)
    whole = "prefix_vectors" in config.needs
    notes: dict[str, Any] = {}
    with stage("describe", report) as details:
        texts = item_texts(config, sources, taken.get("item_texts"))
        prefix_side = prefix_texts(config, sources, taken.get("prefix_texts"))
        hashes = {"item_texts": hash_of_texts(texts.texts)}
        if prefix_side is not None:
            hashes["prefix_texts"] = hash_of_texts(prefix_side.texts)
        details["items_without_text"] = texts.fallback_count
        if isinstance(texts, LlmTexts):
            details["item_texts"] = texts.notes()
        if isinstance(prefix_side, LlmTexts):
            details["prefixes_without_text"] = prefix_side.fallback_count
            details["prefix_texts"] = prefix_side.notes()
        notes |= details
    with stage("embed", report) as details:
        encoder, store = load_encoder(config.semantics.encoder), VectorStore()
        hashes["encoder"] = encoder.fingerprint
        batch_size = config.semantics.batch_size
        item_vectors = store.vectors(encoder, texts.texts, batch_size, progress)
        prefix_vectors = None
        if of_prefixes:
            kind, decay = config.semantics.users, config.semantics.recency_decay
            if kind in ("pooled", "recency"):
                some = prefixes if whole else prefixes.at(searched)
                prefix_vectors = pooled_vectors(kind, some, item_vectors, decay=decay, progress=progress)
            elif prefix_side is not None:
                some_texts = prefix_side.texts if whole else [prefix_side.texts[row] for row in searched]
                prefix_vectors = store.vectors(encoder, some_texts, batch_size, progress)
        details["encoder"] = config.semantics.encoder
    item_neighbors = prefix_neighbors = None
    with stage("neighbors", report) as details:
        if "item_neighbors" in config.needs:
            item_neighbors = _neighbors(config, item_vectors, None, progress)
            details["items"] = notes["item_neighbors"] = _told(item_neighbors)
        if "prefix_neighbors" in config.needs and prefix_vectors is not None:
            users = prefixes.users[searched] if config.retrieval.same_user == "exclude" else None
            sought = prefix_vectors[searched] if whole and len(searched) < len(prefixes) else prefix_vectors
            table = _neighbors(config, sought, users, progress)
            prefix_neighbors = table if len(table) == len(prefixes) else table.spread(searched, of)
            details["prefixes"] = _told(prefix_neighbors) | {"searched": len(searched), "of": len(prefixes)}
            notes["prefix_neighbors"] = details["prefixes"]
    if not whole:
        prefix_vectors = None
    return Semantics(item_vectors, item_neighbors, prefix_vectors, prefix_neighbors, notes, hashes)


def _neighbors(
    config: RunConfig, vectors: np.ndarray, groups: np.ndarray | None, progress: Progress | None
) -> NeighborTable:
    settings, training = config.retrieval, config.training
    return cached_neighbors(
        vectors, settings.k, settings, groups, seed=training.seed, threads=training.threads, progress=progress
    )


def searched_prefixes(config: RunConfig, sources: Sources) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the prefixes whose neighbors are searched, and for each prefix which of them is its own."""
    prefixes = sources.prefixes
    return prefixes.every(resolved_stride(len(prefixes), sources.dataset.n_users, config.retrieval))


def _told(table: NeighborTable) -> dict[str, Any]:
    return {"method": table.method, "recall": table.recall, "hash": table.hash}


@contextmanager
def stage(name: str, report: Report | None, **known: Any) -> Iterator[dict[str, Any]]:
    """Reports the stage's start and, with its seconds and whatever is put in the dict, its end."""
    details = known.copy()
    if report:
        report(name, "started", known)
    start = time.monotonic()
    try:
        yield details
    except BaseException:
        with suppress(SraclError):  # the error that comes here is the one to be told
            if report:
                report(name, "stopped", {"seconds": time.monotonic() - start})
        raise
    if report:
        report(name, "done", {"seconds": time.monotonic() - start, **details})
