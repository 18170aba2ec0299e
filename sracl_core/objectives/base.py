"""How objectives share one step.

An objective first says which further sequences it needs; all sequences of a step, the anchors
included, are encoded in one call; then each objective turns states into its parts of the loss.
The anchor is so encoded once, however many objectives read it.

Shape suffixes: B anchors, R rows of one request, L positions, D hidden size, K neighbors,
E size of a text vector, N items, P training prefixes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder

LossParts = dict[str, Tensor]
"""Named scalars, weights applied: they sum to the loss."""


@dataclass(frozen=True)
class Rows:
    """Sequences to encode: right-aligned int64 items and their lengths."""

    items_RL: Tensor
    lengths_R: Tensor


@dataclass(frozen=True)
class Batch:
    """Anchors of a step."""

    prefixes_B: np.ndarray
    """int64 row numbers in the table of training prefixes."""
    items_BL: Tensor
    lengths_B: Tensor
    targets_B: Tensor


@dataclass(frozen=True)
class StepPlan:
    """What an objective wants encoded, and what it does with the states."""

    finish: Callable[[SequenceEncoder, Tensor, list[Tensor]], LossParts]
    """(encoder, anchors_BD, one states_RD for each request) -> parts."""
    rows: list[Rows] = field(default_factory=list)


class Objective(nn.Module, ABC):
    """Something to minimize beside others; a module, since some have weights to learn."""

    @abstractmethod
    def plan(self, batch: Batch, rng: np.random.Generator) -> StepPlan:
        """Decide, with chance from `rng` alone, what this step needs."""

    def start_epoch(self, encoder: SequenceEncoder) -> None:
        """Called before each epoch's first step."""


def loss_parts(
    encoder: SequenceEncoder, objectives: Sequence[Objective], batch: Batch, rng: np.random.Generator
) -> LossParts:
    """All parts of the loss of one step, from a single encoding of all its sequences."""
    plans = [objective.plan(batch, rng) for objective in objectives]
    requests = [Rows(batch.items_BL, batch.lengths_B), *(rows for plan in plans for rows in plan.rows)]
    anchors_BD, *rest = (states.float() for states in encode_together(encoder, requests))
    parts: LossParts = {}
    # Only the encoder follows an autocast around this: similarities over a temperature need float32.
    with torch.autocast(anchors_BD.device.type, enabled=False):
        for plan in plans:
            mine, rest = rest[: len(plan.rows)], rest[len(plan.rows) :]
            parts |= plan.finish(encoder, anchors_BD, mine)
    return parts


def encode_together(encoder: SequenceEncoder, requests: Sequence[Rows]) -> list[Tensor]:
    """States of several requests from one call of the encoder, on its device wherever the rows are."""
    device = encoder.item_embeddings.device
    width = max(rows.items_RL.shape[1] for rows in requests)
    items_RL = torch.cat(
        [
            nn.functional.pad(rows.items_RL.to(device), (width - rows.items_RL.shape[1], 0))
            for rows in requests
        ]
    )
    lengths_R = torch.cat([rows.lengths_R.to(device) for rows in requests])
    return list(torch.split(encoder.encode(items_RL, lengths_R), [len(rows.lengths_R) for rows in requests]))
