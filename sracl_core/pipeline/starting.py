"""What a run trains, before its first step: the encoder and the objectives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.related import following
from sracl_core.data.sources import Sources
from sracl_core.errors import ConfigError
from sracl_core.models.base import INIT_STD, SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.models.item_shard import shared_out
from sracl_core.models.text_map import how_many_alike
from sracl_core.objectives.base import Objective
from sracl_core.objectives.build import build_objectives
from sracl_core.objectives.world import World
from sracl_core.pipeline.stages import Semantics
from sracl_core.pipeline.warm import start_warm
from sracl_core.seeding import derive_seed
from sracl_core.settings.models import RunConfig
from sracl_core.team import ALONE, Team
from sracl_core.training.adam import LAZY_ROWS
from sracl_core.training.session import Session


def start_session(
    config: RunConfig,
    sources: Sources,
    semantics: Semantics,
    device: torch.device,
    earlier: Path | None = None,
    team: Team = ALONE,
) -> Session:
    """The encoder and the objectives of a run on `device`, before the first step.

    earlier: folder of the weights that it starts from, where there is one (see `warm.keep_start`).
    team: shares the item embeddings out where the settings say so.
    """
    holders = team if config.training.shard_items else ALONE
    warm = earlier if earlier is not None and earlier.is_dir() else None
    # What starts from an earlier run's weights has all of them first.
    with shared_out(ALONE if warm else holders):
        encoder = start_encoder(config, sources, semantics)
    if warm:
        start_warm(warm, encoder, sources.dataset.items, semantics.item_vectors)
    if encoder.evidence is not None:
        if "transitions" in encoder.evidence.kinds:
            encoder.evidence.know("transitions", following(sources.split.train, encoder.n_items))
        if semantics.item_words is not None:
            encoder.evidence.know("words", semantics.item_words)
    encoder.share_items(holders)
    encoder = encoder.to(device)
    objectives = start_objectives(config, sources, semantics)
    return Session(
        encoder,
        {name: part.to(device) for name, part in objectives.items()},
        {name: one.weight for name, one in config.active_objectives.items()},
        config.training,
        _item_anchors(config, encoder, semantics),
        _lazy_items(config, sources.dataset.n_items, device),
    )


def _item_anchors(config: RunConfig, encoder: SequenceEncoder, semantics: Semantics) -> Tensor | None:
    """How strongly each row of the item embeddings is held to its start, [1 + N, 1].

    Of items that no text tells apart each is held by its part alone: what distinguishes them is in the log.
    """
    if not config.model.item_anchor:
        return None
    assert semantics.item_vectors is not None
    anchors = np.full(len(encoder.items.weight), config.model.item_anchor, dtype=np.float32)
    if encoder.item_rows is not None:  # else a row is of many items
        anchors[1:] /= how_many_alike(semantics.item_vectors)[encoder.own_items]
    return torch.from_numpy(anchors[:, None])


def _lazy_items(config: RunConfig, n_items: int, device: torch.device) -> bool:
    """Whether a step updates only the item embeddings that it has read; mps has no sparse gradients."""
    wanted = config.training.item_adam
    if wanted == "lazy" and device.type == "mps":
        raise ConfigError("training.item_adam=lazy does not work on mps; take auto or dense")
    fits = n_items >= LAZY_ROWS and not config.why_dense and device.type != "mps"
    return fits if wanted == "auto" else wanted == "lazy"


def start_encoder(config: RunConfig, sources: Sources, semantics: Semantics) -> SequenceEncoder:
    """The encoder before its first step."""
    seed = derive_seed(config.training.seed, "model") % 2**32
    encoder = build_encoder(config.model, sources.dataset.n_items, seed)
    if config.model.item_init == "text":
        assert semantics.item_vectors is not None
        encoder.start_from_texts(semantics.item_vectors)
    encoder.scale_items(config.model.item_std / INIT_STD)
    return encoder


def start_objectives(config: RunConfig, sources: Sources, semantics: Semantics) -> dict[str, Objective]:
    """The objectives of a run before its first step, by name; one of weight 0 is not there."""
    items, prefixes = semantics.item_neighbors, semantics.prefix_neighbors
    world = World(
        seed=config.training.seed,
        n_items=sources.dataset.n_items,
        hidden_size=config.model.state_size,
        vectors_per_state=config.model.vectors_per_state,
        sharded=config.training.shard_items,
        split=sources.split,
        prefixes=sources.prefixes,
        item_vectors_NE=semantics.item_vectors,
        item_neighbors_NK=None if items is None else items.ids,
        prefix_vectors=semantics.prefix_vectors,
        prefix_neighbors_PK=None if prefixes is None else prefixes.ids,
    )
    return build_objectives(config.active_objectives, world)
