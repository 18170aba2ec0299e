"""What a run that goes on is trained on: the very texts, vectors and tables that it began with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.sources import Sources
from sracl_core.errors import DataError, RunError
from sracl_core.pipeline.stages import Report, Semantics, build_semantics, stage, vectors_by_row
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.semantics.by_row import PrefixVectors
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.texts import item_texts, prefix_texts
from sracl_core.semantics.words import same_words
from sracl_core.settings.models import RunConfig
from sracl_core.team import ALONE, Team
from sracl_core.training import inputs
from sracl_core.training.checkpoint import has_checkpoint

NAMES = {
    "encoder": "sentence encoder",
    "item_texts": "item texts",
    "item_vectors": "item vectors",
    "item_neighbors": "table of near items",
    "prefix_texts": "texts of the prefixes",
    "prefix_neighbors": "table of near prefixes",
}


def semantics_of(
    run: RunDirectory,
    config: RunConfig,
    sources: Sources,
    say: Callable[[str], None],
    progress: Progress | None = None,
    report: Report | None = None,
    team: Team = ALONE,
) -> Semantics:
    """What `run` began with: what it holds, and where that is gone or damaged, the same made again.

    say: hears what had to be made again. Raises RunError, by name, where it comes out otherwise, as
    when the sentence encoder has changed. A run that has not had its inputs yet gets new ones.
    """
    expected = inputs.recorded(run)
    if not expected:
        if has_checkpoint(run.checkpoints / "last"):
            raise RunError(f"{run.meta_path} does not say what {run.name} was trained on; train anew")
        return _kept_beside(run, sources, build_semantics(config, sources, progress, report, team=team))
    try:
        return _kept(run, config, sources, expected, progress, report)
    except RunError as error:
        say(f"{str(error).partition(';')[0]}; it is made again")
    try:
        semantics = build_semantics(config, sources, progress, report, inputs.taken(run), team)
    except DataError as error:
        raise RunError(f"{run.name} cannot go on with what it began with: {error}") from error
    found = inputs.all_hashes(semantics.item_vectors, semantics.tables, semantics.hashes)
    _require(run, {name: value for name, value in expected.items() if name != "items"}, found)
    return _kept_beside(run, sources, semantics)


def _kept_beside(run: RunDirectory, sources: Sources, semantics: Semantics) -> Semantics:
    items, vectors = sources.dataset.items.ids, semantics.item_vectors
    inputs.keep(run, items, vectors, semantics.tables, semantics.hashes, semantics.notes)
    return semantics


def _kept(
    run: RunDirectory,
    config: RunConfig,
    sources: Sources,
    expected: dict[str, str],
    progress: Progress | None,
    report: Report | None,
) -> Semantics:
    """From the run's own folder, and from texts that have not changed."""
    notes = run.meta().get("semantics") or {}
    if not config.needs:
        return Semantics(notes=notes, hashes=expected)
    words = None
    if "item_words" in config.needs:
        texts = item_texts(config, sources, inputs.taken(run).get("item_texts")).texts
        _require(run, expected, expected | {"item_texts": inputs.hash_of_texts(texts)})
        words = same_words(texts, progress)
    if not config.reads_vectors:
        return Semantics(words, notes=notes, hashes=expected)
    with stage("embed", report):
        vectors = inputs.read_vectors(run)
        of_prefixes = None
        if "prefix_vectors" in config.needs:
            of_prefixes = _prefix_vectors(run, config, sources, vectors, expected, progress)
    kinds = ("item_neighbors", "prefix_neighbors")
    tables = [inputs.read_table(run, name) if name in config.needs else None for name in kinds]
    return Semantics(words, vectors, tables[0], of_prefixes, tables[1], notes, expected)


def _prefix_vectors(
    run: RunDirectory,
    config: RunConfig,
    sources: Sources,
    item_vectors: NDArray[np.float32],
    expected: dict[str, str],
    progress: Progress | None,
) -> PrefixVectors:
    texts, encoder = prefix_texts(config, sources, inputs.taken(run).get("prefix_texts")), None
    if texts is not None:
        encoder = load_encoder(config.semantics.encoder)
        hashes = {"prefix_texts": inputs.hash_of_texts(texts.texts), "encoder": encoder.fingerprint}
        _require(run, expected, expected | hashes)
    return vectors_by_row(config, sources, item_vectors, texts, encoder, progress)


def _require(run: RunDirectory, expected: dict[str, str], found: dict[str, str]) -> None:
    for name, value in expected.items():
        if found.get(name) != value:
            raise RunError(
                f"the {NAMES.get(name, name)} that {run.name} began with cannot be had any more (hash "
                f"{str(found.get(name, 'none'))[:12]}, then {value[:12]}); train anew"
            )
