"""Batches of training prefixes, assembled by indexing flat arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from sracl_core.data.prefixes import Prefixes
from sracl_core.objectives.base import Batch
from sracl_core.seeding import generator


def epoch_order(n_prefixes: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch, int64 [P]; a function of seed and epoch alone."""
    return generator(seed, "batches", epoch).permutation(n_prefixes)


def steps_per_epoch(n_prefixes: int, batch_size: int) -> int:
    """Batches in an epoch; the last may be smaller."""
    return -(-n_prefixes // batch_size)


def make_batch(prefixes: Prefixes, rows_B: np.ndarray, max_length: int, device: torch.device) -> Batch:
    """The batch of the prefixes `rows_B`."""

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.int64)).to(device)

    return Batch(
        rows_B,
        tensor(prefixes.padded(rows_B, max_length)),
        tensor(np.minimum(prefixes.ends[rows_B] - prefixes.starts[rows_B], max_length)),
        tensor(prefixes.values[prefixes.ends[rows_B]]),
    )


def epoch_batches(
    prefixes: Prefixes,
    batch_size: int,
    max_length: int,
    seed: int,
    epoch: int,
    first: int,
    device: torch.device,
) -> Iterator[Batch]:
    """The batches of an epoch from number `first` on."""
    order = epoch_order(len(prefixes), seed, epoch)
    for start in range(first * batch_size, len(prefixes), batch_size):
        yield make_batch(prefixes, order[start : start + batch_size], max_length, device)
