"""What a run would do, before it does it: `sracl train --dry-run` and the dashboard's estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sracl_core.data.sources import load_sources
from sracl_core.device import pick_device
from sracl_core.models.build import parameter_count
from sracl_core.pipeline.caveats import on_size
from sracl_core.pipeline.memory import examples_of, parts, sequences_per_step, too_much, total_mb
from sracl_core.pipeline.settled import settled
from sracl_core.pipeline.stages import searched_prefixes
from sracl_core.runs.finding import RUNS_DIR
from sracl_core.runs.pace import measured_pace
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.texts import Texts, item_texts, prefix_texts
from sracl_core.settings.models import RunConfig
from sracl_core.settings.stages import TrainingConfig
from sracl_core.training.batches import steps_per_epoch


@dataclass(frozen=True)
class Plan:
    """Sizes of a run; memory in MB is an estimate of the process's peak.

    texts: how many different ones are read, whether they are still to encode or in the cache.
    seconds_per_epoch: of an earlier run on this machine, called measured_in, with the same data and the
    settings that decide its pace; None where there is none. seconds_at_most: of all epochs,
    or of those that the minutes of training.max_minutes let begin. remarks: what takes less memory where
    there is too little, what the log's size changes, and what would be quicker.
    """

    dataset: str
    users: int
    items: int
    interactions: int
    split: str
    training_prefixes: int
    mean_prefix_length: float
    items_without_text: int
    texts: int
    texts_to_encode: int
    neighbors: str
    backbone: str
    parameters: int
    objectives: str
    device: str
    steps_per_epoch: int
    max_epochs: int
    sequences_per_step: int
    memory_mb: int
    seconds_per_epoch: float | None = None
    seconds_at_most: float | None = None
    measured_in: str | None = None
    remarks: tuple[str, ...] = ()


def encoded_texts(
    config: RunConfig, items: Texts, prefixes: Texts | None, searched: Iterable[int]
) -> list[str]:
    """The texts that a run encodes: all of the items, of the prefixes all or those that are `searched`."""
    if not config.reads_vectors:
        return []
    if prefixes is None:
        return list(items.texts)
    rows = range(len(prefixes.texts)) if "prefix_vectors" in config.needs else searched
    return [*items.texts, *(prefixes.texts[row] for row in rows)]


def texts_of(config: RunConfig) -> list[str]:
    """The same for a run of `config`. Raises what a run would."""
    sources, config = load_sources(config), settled(config)
    searched, _ = searched_prefixes(config, sources)
    return encoded_texts(config, item_texts(config, sources), prefix_texts(config, sources), searched)


def plan(config: RunConfig, runs_dir: Path = RUNS_DIR, processes: int = 1) -> Plan:
    """Resolve `config` against its dataset without writing anything. Raises what a run would.

    runs_dir: where the earlier runs lie that tell how long it takes. processes: of the team that trains;
    memory is that of each, and how long a team takes is not known.
    """
    sources, config = load_sources(config), settled(config)
    texts, of_prefixes = item_texts(config, sources), prefix_texts(config, sources)
    searched, _ = searched_prefixes(config, sources)
    read, to_encode = 0, 0
    if config.reads_vectors:
        encoder = load_encoder(config.semantics.encoder)
        every = encoded_texts(config, texts, of_prefixes, searched)
        read = len(set(every))
        to_encode = VectorStore().missing(encoder, every)
    n_prefixes, n_examples = len(sources.prefixes), examples_of(config, sources)
    memory, device = parts(config, sources, processes), str(pick_device(config.training.device))
    pace = measured_pace(config, sources.dataset.identity, device, runs_dir) if processes == 1 else None
    return Plan(
        dataset=str(sources.dataset.folder),
        users=sources.dataset.n_users,
        items=sources.dataset.n_items,
        interactions=sources.dataset.n_interactions,
        split=sources.split.name,
        training_prefixes=n_prefixes,
        mean_prefix_length=round(float(sources.prefixes.lengths.mean()), 2),
        items_without_text=texts.fallback_count,
        texts=read,
        texts_to_encode=to_encode,
        neighbors=_neighbors(config, len(searched), n_prefixes),
        backbone=config.model.name,
        parameters=parameter_count(config.model, sources.dataset.n_items),
        objectives=" + ".join(config.active_objectives),
        device=device,
        steps_per_epoch=steps_per_epoch(n_examples, config.training.batch_size),
        max_epochs=config.training.max_epochs,
        sequences_per_step=sequences_per_step(config),
        memory_mb=total_mb(memory),
        seconds_per_epoch=None if pace is None else pace.seconds_per_epoch,
        seconds_at_most=None
        if pace is None
        else pace.seconds_per_epoch * _epochs(config.training, pace.seconds_per_epoch),
        measured_in=None if pace is None else pace.run,
        remarks=(*too_much(config, memory, processes), *on_size(config, sources)),
    )


def _neighbors(config: RunConfig, searched: int, of: int) -> str:
    settings = config.retrieval
    said = f"{settings.k} {settings.source}, same user {settings.same_user}"
    return said if searched == of else f"{said}, {searched:,} of {of:,} prefixes searched"


def _epochs(training: TrainingConfig, seconds: float) -> int:
    """Epochs at most, each of so many seconds."""
    in_time = math.ceil(60.0 * training.max_minutes / seconds)
    return min(training.max_epochs, in_time) if in_time else training.max_epochs
