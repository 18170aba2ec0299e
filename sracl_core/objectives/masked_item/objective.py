"""The cloze task."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.errors import ConfigError
from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, Objective, Request
from sracl_core.objectives.masked_item import Settings
from sracl_core.objectives.next_item.cross_entropy import linear_cross_entropy
from sracl_core.objectives.world import World


class ReadsMasks(Protocol):
    """What the task asks of an encoder beside the usual."""

    max_length: int
    mask: int
    item_bias_N: Tensor

    def masked_states(self, rows: Sequences, where_M: np.ndarray) -> Tensor:
        """States [M, D] at the masks `where_M` of `rows`, at most `max_length` + 1 tokens each."""


def build(settings: Settings, world: World) -> MaskedItem:
    """The loss that `settings` describe."""
    return MaskedItem(settings, world)


class MaskedItem(Objective):
    """Cross-entropy against every item at masked positions."""

    reads_anchors = False
    shared = False

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings = settings

    def examples(self, prefixes: Prefixes) -> np.ndarray:
        """The prefixes that, with their targets, tile each user's training sequence from its end.

        A single item that is left at the start of a sequence is in none: there is nothing around it.
        """
        longest = int(prefixes.lengths.max(initial=0)) + 1
        return np.repeat(prefixes.windows(longest), self.settings.copies)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`. Raises ConfigError for an encoder without masks."""
        if not hasattr(encoder, "masked_states"):
            raise ConfigError(
                f"objectives.masked_item needs a backbone that fills in masked items, and "
                f"{type(encoder).__name__} has no masked_states; take model.name=bert4rec"
            )
        reader, whole = cast(ReadsMasks, encoder), _with_targets(batch)
        where_M = self._hidden(whole, rng)
        rows = Sequences(whole.values.copy(), whole.offsets)
        rows.values[where_M] = reader.mask
        # Here rather than in `finish`: the encoder follows an autocast around the step, losses do not.
        states_MD = reader.masked_states(rows, where_M)
        targets_M1 = torch.from_numpy(whole.values[where_M].astype(np.int64) - 1)[:, None]

        def loss() -> Tensor:
            one_M1 = torch.ones(len(where_M), 1, device=states_MD.device)
            return linear_cross_entropy(
                torch.cat([states_MD.float(), one_M1], dim=1),
                torch.cat([encoder.item_embeddings[1:], reader.item_bias_N[:, None]], dim=1),
                targets_M1.to(states_MD.device),
                one_M1,
            )

        return Request(lambda _, __: {"masked_item": loss()})

    def _hidden(self, rows: Sequences, rng: np.random.Generator) -> np.ndarray:
        """Which places of `rows.values` are masked, increasing: a share of each row, or its last alone."""
        lengths = rows.lengths
        row_T = np.repeat(np.arange(len(rows)), lengths)
        # The items of a row in random order: those with the lowest draws are masked.
        order_T = np.lexsort((rng.random(len(row_T)), row_T))
        rank_T = np.arange(len(row_T)) - rows.offsets[row_T]
        count_R = np.clip(np.round(self.settings.mask_share * lengths), 1, lengths - 1).astype(np.int64)
        masked = np.zeros(len(row_T), dtype=bool)
        masked[order_T] = rank_T < count_R[row_T]
        last_alone_R = rng.random(len(rows)) < self.settings.last_share
        last_T = np.zeros(len(row_T), dtype=bool)
        last_T[rows.offsets[1:] - 1] = True
        return np.flatnonzero(np.where(last_alone_R[row_T], last_T, masked))


def _with_targets(batch: Batch) -> Sequences:
    """Each prefix and the item that followed it."""
    rows = batch.rows
    values = np.insert(rows.values, rows.offsets[1:], batch.targets_B.astype(np.int32))
    return Sequences(values, rows.offsets + np.arange(len(rows) + 1))
