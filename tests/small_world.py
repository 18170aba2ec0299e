"""A world small enough for slow oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.models import sasrec
from sracl_core.models.build import build_encoder
from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.objectives.world import World
from sracl_core.semantics.by_row import StoredVectors

N_ITEMS = 25


def small_world() -> World:
    """Twelve short sequences of 25 items, with neighbors and text vectors drawn at random."""
    rng = np.random.default_rng(7)
    lengths = rng.integers(2, 9, size=12)
    values = rng.integers(1, N_ITEMS + 1, size=lengths.sum()).astype(np.int32)
    sequences = Sequences.of_lengths(values, lengths)
    prefixes = training_prefixes(sequences, 6)
    near = [rng.permutation(len(prefixes))[:4] for _ in range(len(prefixes))]
    return World(
        seed=3,
        n_items=N_ITEMS,
        hidden_size=8,
        split=leave_one_out(sequences),
        prefixes=prefixes,
        item_neighbors_NK=np.stack([rng.permutation(N_ITEMS)[:3] for _ in range(N_ITEMS)]).astype(np.int32),
        prefix_vectors=StoredVectors(rng.normal(size=(len(prefixes), 5)).astype(np.float32)),
        prefix_neighbors_PK=np.stack(near).astype(np.int32),
    )


def small_encoder(**changes: Any) -> SASRec:
    """A SASRec of its size, without dropout, whose items are far enough apart for losses to differ."""
    chosen = {"hidden_size": 8, "inner_size": 16, "max_length": 6, "dropout": 0.0, "attention_dropout": 0.0}
    encoder = build_encoder(sasrec.Settings(**{**chosen, **changes}), N_ITEMS, seed=1).train()
    assert isinstance(encoder, SASRec)
    with torch.no_grad():
        encoder.items.weight[1:] *= 20
    return encoder
