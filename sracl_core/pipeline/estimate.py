"""What a run would do, before it does it: `sracl train --dry-run` and the dashboard's estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sracl_core.data.sources import Sources, load_sources
from sracl_core.device import pick_device
from sracl_core.models.build import parameter_count
from sracl_core.objectives.build import build_objectives
from sracl_core.objectives.world import World
from sracl_core.pipeline.caveats import on_size
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

FLOAT = 4
# Parameters, gradients, two moments of Adam, and one copy while validating.
COPIES_OF_WEIGHTS = 5
INDEX_FLOATS = 130
PROCESS_MB = 600


@dataclass(frozen=True)
class Plan:
    """Sizes of a run; memory in MB is an estimate of the process's peak.

    texts: how many different ones are read, whether they are still to encode or in the cache.
    seconds_per_epoch: of an earlier run on this machine, called measured_in, with the same data and the
    settings that decide its pace; None where there is none. seconds_at_most: of all epochs,
    or of those that the minutes of training.max_minutes let begin. remarks: what the log's size changes, and
    what would be quicker.
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
    read, to_encode, text_size = 0, 0, 0
    if config.reads_vectors:
        encoder = load_encoder(config.semantics.encoder)
        every = encoded_texts(config, texts, of_prefixes, searched)
        read, text_size = len(set(every)), encoder.dimension
        to_encode = VectorStore().missing(encoder, every)
    n_prefixes, n_examples = len(sources.prefixes), examples_of(config, sources)
    device = str(pick_device(config.training.device))
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
        sequences_per_step=_sequences(config),
        memory_mb=_memory_mb(config, sources, n_examples, text_size, len(searched), processes),
        seconds_per_epoch=None if pace is None else pace.seconds_per_epoch,
        seconds_at_most=None
        if pace is None
        else pace.seconds_per_epoch * _epochs(config.training, pace.seconds_per_epoch),
        measured_in=None if pace is None else pace.run,
        remarks=tuple(on_size(config, sources)),
    )


def _neighbors(config: RunConfig, searched: int, of: int) -> str:
    settings = config.retrieval
    said = f"{settings.k} {settings.source}, same user {settings.same_user}"
    return said if searched == of else f"{said}, {searched:,} of {of:,} prefixes searched"


def _epochs(training: TrainingConfig, seconds: float) -> int:
    """Epochs at most, each of so many seconds."""
    in_time = math.ceil(60.0 * training.max_minutes / seconds)
    return min(training.max_epochs, in_time) if in_time else training.max_epochs


def examples_of(config: RunConfig, sources: Sources) -> int:
    """Examples of an epoch: what the main objective walks through."""
    main = {name: one for name, one in config.active_objectives.items() if one.main}
    world = World(
        config.training.seed,
        sources.dataset.n_items,
        config.model.state_size,
        sources.split,
        sources.prefixes,
    )
    return sum(len(one.examples(sources.prefixes)) for one in build_objectives(main, world).values())


def _sequences(config: RunConfig) -> int:
    """Sequences that a step encodes at most."""
    asked = sum(one.sequences_per_anchor(config.retrieval.k) for one in config.active_objectives.values())
    return config.training.batch_size * (1 + asked)


def _memory_mb(
    config: RunConfig, sources: Sources, n_examples: int, text_size: int, searched: int, processes: int
) -> int:
    """Of one process of a team: it encodes and ranks its share, and of shared items it holds its own."""
    n_items, n_prefixes = sources.dataset.n_items, len(sources.prefixes)
    model = config.model
    held = n_items / processes if config.training.shard_items else n_items
    weights = COPIES_OF_WEIGHTS * held * model.hidden_size
    # A searched prefix's vector, its copy and links in the index, its candidates; each one's row of the
    # table, and what objectives keep of it.
    a_search = 2 * text_size + INDEX_FLOATS if "prefix_neighbors" in config.needs else 0
    a_prefix = 2 * config.retrieval.k if "prefix_neighbors" in config.needs else 0
    objectives = config.active_objectives.values()
    if "prefix_vectors" in config.needs and config.semantics.pooling_decay is None:
        a_prefix += text_size
    a_prefix += sum(one.floats_per_prefix(model.state_size) for one in objectives)
    texts = n_items * text_size + searched * a_search + n_prefixes * a_prefix
    # An example that is a whole sequence has a target after each of its items.
    targets = config.training.batch_size * max(1.0, n_prefixes / max(1, n_examples))
    logits = targets * n_items / processes
    padded = model.whole_window or any(one.reads_padding for one in objectives)
    length = model.max_length if padded else float(sources.prefixes.lengths.mean())
    tokens = _sequences(config) * length / processes
    activations = tokens * model.floats_per_token
    ranking = config.evaluation.batch_size * n_items
    return round(PROCESS_MB + FLOAT * (weights + texts + logits + activations + ranking) / 1e6)
