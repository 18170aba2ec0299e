from __future__ import annotations

import numpy as np

from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.training.batches import epoch_batches, epoch_order, steps_per_epoch


def prefixes():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, size=30)
    values = rng.integers(1, 50, size=lengths.sum()).astype(np.int32)
    return training_prefixes(Sequences(values, np.concatenate([[0], np.cumsum(lengths)])), 8)


def test_an_epoch_shows_every_prefix_once_as_a_loop_would_build_it() -> None:
    table = prefixes()
    seen = []
    batches = list(epoch_batches(table, np.arange(len(table)), 16, seed=3, epoch=2, first=0))
    assert len(batches) == steps_per_epoch(len(table), 16)
    for batch in batches:
        for place, row in enumerate(batch.prefixes_B):
            assert batch.rows.of(place).tolist() == table.values[table.starts[row] : table.ends[row]].tolist()
            assert batch.targets_B[place] == table.values[table.ends[row]]
            seen.append(int(row))
    assert sorted(seen) == list(range(len(table)))


def test_order_depends_on_seed_and_epoch_and_can_be_entered_anywhere() -> None:
    table = prefixes()
    assert not np.array_equal(epoch_order(100, 1, 0), epoch_order(100, 1, 1))
    assert not np.array_equal(epoch_order(100, 1, 0), epoch_order(100, 2, 0))
    whole, rest = (list(epoch_batches(table, np.arange(len(table)), 16, 3, 2, first)) for first in (0, 4))
    assert [b.prefixes_B.tolist() for b in whole[4:]] == [b.prefixes_B.tolist() for b in rest]


def test_an_objective_may_walk_through_some_prefixes_several_times() -> None:
    table, chosen = prefixes(), np.array([5, 5, 9, 2])
    seen = np.concatenate([batch.prefixes_B for batch in epoch_batches(table, chosen, 3, 3, 2, 0)])
    assert sorted(seen.tolist()) == [2, 5, 5, 9]
