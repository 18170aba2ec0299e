"""From a backbone's settings to the encoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sracl_core.data.related import Related
from sracl_core.methods import backbones
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.counts import Counts
from sracl_core.models.evidence import Evidence
from sracl_core.settings.section import Backbone


def build_encoder(settings: Backbone, n_items: int, seed: int = 0) -> SequenceEncoder:
    """The encoder that `settings` describe, with weights drawn from `seed`."""
    encoder: SequenceEncoder = backbones()[settings.name].load("encoder").build(settings, n_items, seed)
    if settings.kinds_of_evidence:
        encoder.evidence = Evidence(n_items, settings.kinds_of_evidence)
    if settings.repeats == "counted":
        encoder.counts = Counts()
    return encoder


def with_items(
    settings: Backbone,
    encoder: SequenceEncoder,
    rows: Mapping[str, Tensor],
    near: Mapping[str, Related] | None = None,
) -> SequenceEncoder:
    """`encoder`, which `settings` describe, with more items behind its own, in evaluation mode.

    rows: {name in the state dict: M rows}, see `SequenceEncoder.new_rows`. near: the evidence for them, see
    `Evidence.grown`. Raises RuntimeError where they do not fit.
    """
    more = len(next(iter(rows.values())))
    larger = build_encoder(settings, encoder.n_items + more)
    state = encoder.state_dict()
    grown = {name: torch.cat([state[name], some.to(state[name])]) for name, some in rows.items()}
    if encoder.evidence is not None:
        larger.evidence = encoder.evidence.grown(more, near or {})
        grown |= {f"evidence.{name}": part for name, part in larger.evidence.state_dict().items()}
    larger.load_state_dict(state | grown)
    return larger.eval()


def parameter_count(settings: Backbone, n_items: int) -> int:
    """How many numbers the encoder learns; none of them is made for it."""
    return sum(parameter_counts(settings, n_items))


def parameter_counts(settings: Backbone, n_items: int) -> tuple[int, int]:
    """(Of the item embeddings, of all else); see `parameter_count`."""
    with torch.device("meta"):
        encoder = build_encoder(settings, n_items)
    items = encoder.items.weight.numel()
    return items, encoder.parameter_count - items
