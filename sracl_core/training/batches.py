"""Batches of training prefixes, assembled by indexing flat arrays; they stay on the host."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sracl_core.data.prefixes import Prefixes
from sracl_core.objectives.base import Batch
from sracl_core.seeding import generator


def epoch_order(n_examples: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch, int64 [P]; a function of seed and epoch alone."""
    return generator(seed, "batches", epoch).permutation(n_examples)


def steps_per_epoch(n_examples: int, batch_size: int) -> int:
    """Batches in an epoch; the last may be smaller."""
    return -(-n_examples // batch_size)


def make_batch(prefixes: Prefixes, rows_B: np.ndarray) -> Batch:
    """The batch of the prefixes `rows_B`."""
    targets_B = prefixes.values[prefixes.ends[rows_B]].astype(np.int64)
    return Batch(rows_B, prefixes.take(rows_B), targets_B)


def epoch_batches(
    prefixes: Prefixes, examples: np.ndarray, batch_size: int, seed: int, epoch: int, first: int
) -> Iterator[Batch]:
    """The batches of an epoch from number `first` on.

    examples: int64, the prefixes that an epoch walks through; see `Objective.examples`.
    """
    order = examples[epoch_order(len(examples), seed, epoch)]
    for start in range(first * batch_size, len(order), batch_size):
        yield make_batch(prefixes, order[start : start + batch_size])
