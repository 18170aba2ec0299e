"""How much memory a run takes, part by part, and what takes less of it where a machine has too little."""

from __future__ import annotations

from dataclasses import dataclass

from sracl_core import memory
from sracl_core.data.related import KEPT
from sracl_core.data.sources import Sources
from sracl_core.device import pick_device, search_device
from sracl_core.models.build import parameter_counts
from sracl_core.objectives.build import build_objectives
from sracl_core.objectives.world import World
from sracl_core.pipeline.stages import searched_prefixes
from sracl_core.retrieval.neighbors import resolved_method
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.store import VectorStore
from sracl_core.settings.models import RunConfig

FLOAT = 4
# Parameters, gradients, two moments of Adam, and one copy while validating.
COPIES_OF_WEIGHTS = 5
# Of a searched vector beside itself: in an HNSW index its copy and links; else its cell and candidates.
INDEX_FLOATS = 130
CELL_FLOATS = 70
PROCESS_MB = 600


@dataclass(frozen=True)
class Part:
    """What of a process's memory one thing takes; less: what makes it smaller."""

    name: str
    floats: float
    less: str

    @property
    def mb(self) -> int:
        return round(FLOAT * self.floats / 1e6)


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


def sequences_per_step(config: RunConfig) -> int:
    """Sequences that a step encodes at most."""
    asked = sum(one.sequences_per_anchor(config.retrieval.k) for one in config.active_objectives.values())
    return config.training.batch_size * (1 + asked)


def parts(config: RunConfig, sources: Sources, processes: int = 1) -> list[Part]:
    """Of one process of a team: it encodes and ranks its share, and of shared items it holds its own."""
    n_items, n_prefixes = sources.dataset.n_items, len(sources.prefixes)
    model, objectives = config.model, config.active_objectives.values()
    items, encoder = parameter_counts(model, n_items)
    held = items / processes if config.training.shard_items else items
    size = VectorStore().width(load_encoder(config.semantics.encoder)) if config.reads_vectors else 0
    searches = "prefix_neighbors" in config.needs
    searched = _floats_of_search(config, len(searched_prefixes(config, sources)[0]), size) if searches else 0
    # Each prefix's row of the table, and what objectives keep of it.
    a_prefix = 2 * config.retrieval.k if searches else 0
    if "prefix_vectors" in config.needs and config.semantics.pooling_decay is None:
        a_prefix += size
    a_prefix += sum(one.floats_per_prefix(model.state_size) for one in objectives)
    # An example that is a whole sequence has a target after each of its items.
    targets = config.training.batch_size * max(1.0, n_prefixes / max(1, examples_of(config, sources)))
    scored = targets * n_items / processes if any(one.reads_every_item for one in objectives) else 0
    padded = model.whole_window or any(one.reads_padding for one in objectives)
    length = model.max_length if padded else float(sources.prefixes.lengths.mean())
    activations = sequences_per_step(config) * length / processes * model.floats_per_token
    narrower, fewer = "a smaller model.hidden_size", "a smaller training.batch_size"
    apart = "" if config.why_whole else ", or training.shard_items=true over processes of several machines"
    sampled = "next_item" in config.active_objectives and not config.training.shard_items
    return [
        Part("item embeddings", COPIES_OF_WEIGHTS * held, narrower + apart),
        Part("the encoder's weights", COPIES_OF_WEIGHTS * encoder, narrower),
        Part("evidence", 2 * KEPT * n_items * len(model.kinds_of_evidence), "model.evidence=none"),
        Part("vectors of items", n_items * size, "a semantics.encoder of shorter vectors"),
        Part("searched prefixes", searched, "a larger retrieval.stride"),
        Part("what is kept of each prefix", n_prefixes * a_prefix, f"{narrower} or retrieval.k"),
        Part("scores of all items", scored, "objectives.next_item.loss=sampled" if sampled else fewer),
        Part("activations", activations, f"{fewer} or model.hidden_size"),
        Part("ranking", config.evaluation.batch_size * n_items, "a smaller evaluation.batch_size"),
    ]


def _floats_of_search(config: RunConfig, n: int, size: int) -> int:
    """Of n vectors of so many numbers, themselves among them."""
    made = resolved_method(n, config.retrieval, search_device(config.training.device))
    return n * (2 * size + INDEX_FLOATS if made == "hnsw" else size + CELL_FLOATS)


def total_mb(found: list[Part]) -> int:
    """Of a process at its peak."""
    return round(PROCESS_MB + FLOAT * sum(part.floats for part in found) / 1e6)


def too_much(config: RunConfig, found: list[Part], processes: int = 1) -> list[str]:
    """A line where `processes` of this machine need more memory than it has; none where they fit.

    On cuda most of it is the card's, of which nothing is said.
    """
    each, there = total_mb(found), round(memory.there() / 1e6)
    if each * processes <= there or pick_device(config.training.device).type == "cuda":
        return []
    largest = max(found, key=lambda part: part.floats)
    several = f"{processes} processes of {each:,} MB each" if processes > 1 else f"{each:,} MB"
    return [
        f"it may run out of memory: {several} are estimated, and this machine lets it have {there:,} MB; "
        f"{largest.name} take most, {largest.mb:,} MB: {largest.less} needs less"
    ]
