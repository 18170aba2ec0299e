"""From a backbone's settings to the encoder."""

from __future__ import annotations

import torch

from sracl_core.methods import backbones
from sracl_core.models.base import SequenceEncoder
from sracl_core.settings.section import Backbone


def build_encoder(settings: Backbone, n_items: int, seed: int = 0) -> SequenceEncoder:
    """The encoder that `settings` describe, with weights drawn from `seed`."""
    encoder: SequenceEncoder = backbones()[settings.name].load("encoder").build(settings, n_items, seed)
    return encoder


def parameter_count(settings: Backbone, n_items: int) -> int:
    """How many numbers the encoder learns; none of them is made for it."""
    with torch.device("meta"):
        return build_encoder(settings, n_items).parameter_count
