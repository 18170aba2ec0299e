"""From a prepared dataset to everything that training reads: texts, vectors, neighbor tables.

Each stage reuses what an earlier run left in the store, by content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sracl_core.data.related import Related
from sracl_core.data.sources import Sources
from sracl_core.device import CPU, search_device
from sracl_core.errors import SraclError
from sracl_core.notices import warn
from sracl_core.progress import Progress
from sracl_core.retrieval.neighbors import NeighborTable, cached_neighbors, resolved_stride
from sracl_core.semantics.by_row import PooledVectors, PrefixVectors, StoredVectors
from sracl_core.semantics.encode import TextEncoder, load_encoder
from sracl_core.semantics.llm.texts import LlmTexts, Taken
from sracl_core.semantics.profiles import prefix_vectors
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.texts import Texts, item_texts, prefix_texts
from sracl_core.semantics.words import same_words
from sracl_core.settings.models import RunConfig
from sracl_core.team import ALONE, Team
from sracl_core.training.inputs import hash_of_texts

Report = Callable[[str, str, dict[str, Any]], None]
"""(stage, "started", "done" or "stopped", details)."""

NOTHING_TAKEN: Mapping[str, Taken] = {}
_SEARCHED = {"exact": "exactly", "cells": "by cells"}


@dataclass(frozen=True)
class Semantics:
    """What the texts say; None where no method of the run asked for it.

    item_words: the items of like words.
    item_vectors: float32 [N, E], row i is item i + 1.   prefix_vectors: by row of a prefix.
    item_neighbors, prefix_neighbors: K nearest of each, as row numbers.
    notes: counts worth keeping beside the run, such as texts that fell back.
    hashes: of the texts, and of the sentence encoder's files.
    """

    item_words: Related | None = None
    item_vectors: np.ndarray | None = None
    item_neighbors: NeighborTable | None = None
    prefix_vectors: PrefixVectors | None = None
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
    team: Team = ALONE,
) -> Semantics:
    """Texts, vectors and neighbor tables of a run: as much of them as its methods need.

    taken: the "item_texts" and "prefix_texts" of a language model that the run has taken before.
    team: shares encoding and searches out; process 0 calls this, while the others `Team.lend` themselves.
    """
    if not config.needs:
        return Semantics()
    notes: dict[str, Any] = {}
    with stage("describe", report) as details:
        texts = item_texts(config, sources, taken.get("item_texts"))
        of_prefixes = prefix_texts(config, sources, taken.get("prefix_texts"))
        hashes = {"item_texts": hash_of_texts(texts.texts)}
        if of_prefixes is not None:
            hashes["prefix_texts"] = hash_of_texts(of_prefixes.texts)
        details |= _told_of_texts(texts, of_prefixes)
        notes |= details
        words = same_words(texts.texts, progress) if "item_words" in config.needs else None
    if not config.reads_vectors:
        return Semantics(words, notes=notes, hashes=hashes)
    with stage("embed", report) as details:
        encoder = load_encoder(config.semantics.encoder)
        hashes["encoder"] = encoder.fingerprint
        details["encoder"] = config.semantics.encoder
        items = VectorStore().vectors(encoder, texts.texts, config.semantics.batch_size, progress, team)
        by_row = searched = None
        if "prefix_vectors" in config.needs:
            by_row = vectors_by_row(config, sources, items, of_prefixes, encoder, progress, team)
        if "prefix_neighbors" in config.needs:
            searched = _searched_vectors(config, sources, items, by_row, of_prefixes, encoder, progress, team)
    near_items = near_prefixes = None
    with stage("neighbors", report) as details:
        if "item_neighbors" in config.needs:
            near_items = _neighbors(config, items, None, progress, team)
            details["items"] = notes["item_neighbors"] = _told(near_items)
        if searched is not None:
            found, near_prefixes = _near_prefixes(config, sources, searched, progress, team)
            search = {"searched": len(found), "of": len(near_prefixes), "table": found.hash}
            details["prefixes"] = notes["prefix_neighbors"] = _told(near_prefixes) | search
        _tell_unread(config, (near_items, near_prefixes))
    return Semantics(words, items, near_items, by_row, near_prefixes, notes, hashes)


def _tell_unread(config: RunConfig, tables: Iterable[NeighborTable | None]) -> None:
    """Settings of a search that was not made, where retrieval.method=auto decided which one is."""
    search, made = config.retrieval, {table.method for table in tables if table is not None}
    if search.method != "auto" or not made:
        return
    for method, names in (("cells", search.OF_LARGE), ("hnsw", search.OF_HNSW)):
        if method not in made and (unread := search.changed(names)):
            warn(
                f"retrieval.{', retrieval.'.join(unread)} changes nothing: here all is searched "
                f"{' and '.join(_SEARCHED[one] for one in sorted(made))}; retrieval.method={method} reads it"
            )


def _told_of_texts(items: Texts, prefixes: Texts | None) -> dict[str, Any]:
    found: dict[str, Any] = {"items_without_text": items.fallback_count}
    if isinstance(items, LlmTexts):
        found["item_texts"] = items.notes()
    if isinstance(prefixes, LlmTexts):
        found |= {"prefixes_without_text": prefixes.fallback_count, "prefix_texts": prefixes.notes()}
    return found


def vectors_by_row(
    config: RunConfig,
    sources: Sources,
    item_vectors: np.ndarray,
    texts: Texts | None,
    encoder: TextEncoder | None,
    progress: Progress | None = None,
    team: Team = ALONE,
) -> PrefixVectors:
    """The vectors of all training prefixes: means of their items', or those of their own `texts`.

    texts, encoder: read where prefixes are no means of their items.
    """
    decay = config.semantics.pooling_decay
    if decay is not None:
        return PooledVectors(sources.prefixes, item_vectors, decay)
    assert texts is not None
    assert encoder is not None
    size = config.semantics.batch_size
    return StoredVectors(VectorStore().vectors(encoder, texts.texts, size, progress, team))


def _searched_vectors(
    config: RunConfig,
    sources: Sources,
    item_vectors: np.ndarray,
    by_row: PrefixVectors | None,
    texts: Texts | None,
    encoder: TextEncoder,
    progress: Progress | None,
    team: Team,
) -> np.ndarray:
    """Vectors of the prefixes that are searched alone, float32 [A, E]."""
    rows, _ = searched_prefixes(config, sources)
    decay = config.semantics.pooling_decay
    if decay is not None:
        return prefix_vectors(sources.prefixes.at(rows), item_vectors, decay, progress=progress)
    if by_row is not None:
        return by_row.take(rows, CPU).numpy()
    assert texts is not None
    some = [texts.texts[row] for row in rows]
    return VectorStore().vectors(encoder, some, config.semantics.batch_size, progress, team)


def _near_prefixes(
    config: RunConfig, sources: Sources, vectors: np.ndarray, progress: Progress | None, team: Team
) -> tuple[NeighborTable, NeighborTable]:
    """The table of the prefixes whose `vectors` are given, and from it that of all."""
    prefixes, (rows, of) = sources.prefixes, searched_prefixes(config, sources)
    users = prefixes.users[rows] if config.retrieval.same_user == "exclude" else None
    table = _neighbors(config, vectors, users, progress, team)
    return table, table if len(table) == len(prefixes) else table.spread(rows, of)


def _neighbors(
    config: RunConfig,
    vectors: np.ndarray,
    groups: np.ndarray | None,
    progress: Progress | None,
    team: Team,
) -> NeighborTable:
    settings, training = config.retrieval, config.training
    return cached_neighbors(
        vectors,
        settings.k,
        settings,
        groups,
        seed=training.seed,
        threads=training.threads,
        progress=progress,
        device=search_device(training.device),
        team=team,
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
