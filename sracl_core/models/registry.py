"""Which backbone a name stands for."""

from __future__ import annotations

from collections.abc import Callable

from sracl_core.models.base import SequenceEncoder
from sracl_core.models.gru4rec import GRU4Rec
from sracl_core.models.sasrec import SASRec
from sracl_core.settings.models import ModelConfig


def _sasrec(config: ModelConfig, n_items: int, seed: int) -> SequenceEncoder:
    return SASRec(
        n_items,
        config.hidden_size,
        config.layers,
        config.heads,
        config.inner_size,
        config.dropout,
        config.attention_dropout,
        config.max_length,
        seed,
    )


def _gru4rec(config: ModelConfig, n_items: int, seed: int) -> SequenceEncoder:
    return GRU4Rec(n_items, config.hidden_size, config.layers, config.dropout, config.max_length, seed)


BACKBONES: dict[str, Callable[[ModelConfig, int, int], SequenceEncoder]] = {
    "sasrec": _sasrec,
    "gru4rec": _gru4rec,
}


def build_encoder(config: ModelConfig, n_items: int, seed: int = 0) -> SequenceEncoder:
    """The encoder that `config` names, with weights drawn from `seed`."""
    return BACKBONES[config.name](config, n_items, seed)
