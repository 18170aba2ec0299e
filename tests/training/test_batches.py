from __future__ import annotations

import numpy as np
import torch

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.training.batches import epoch_batches, epoch_order, steps_per_epoch

CPU = torch.device("cpu")


def prefixes():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, size=30)
    values = rng.integers(1, 50, size=lengths.sum()).astype(np.int32)
    return training_prefixes(Sequences(values, np.concatenate([[0], np.cumsum(lengths)])), 8)


def test_an_epoch_shows_every_prefix_once_as_a_loop_would_build_it() -> None:
    table = prefixes()
    seen = []
    batches = list(epoch_batches(table, 16, 5, seed=3, epoch=2, first=0, device=CPU))
    assert len(batches) == steps_per_epoch(len(table), 16)
    for batch in batches:
        for place, row in enumerate(batch.prefixes_B):
            items = [int(i) for i in table.values[table.starts[row] : table.ends[row]]][-5:]
            assert [int(i) for i in batch.items_BL[place] if i] == items
            assert batch.items_BL[place][-len(items) :].tolist() == items
            assert batch.lengths_B[place] == len(items)
            assert batch.targets_B[place] == table.values[table.ends[row]]
            seen.append(int(row))
    assert sorted(seen) == list(range(len(table)))


def test_order_depends_on_seed_and_epoch_and_can_be_entered_anywhere() -> None:
    table = prefixes()
    assert not np.array_equal(epoch_order(100, 1, 0), epoch_order(100, 1, 1))
    assert not np.array_equal(epoch_order(100, 1, 0), epoch_order(100, 2, 0))
    whole = list(epoch_batches(table, 16, 5, 3, 2, 0, CPU))
    rest = list(epoch_batches(table, 16, 5, 3, 2, 4, CPU))
    assert [b.prefixes_B.tolist() for b in whole[4:]] == [b.prefixes_B.tolist() for b in rest]
