from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.sequences import Sequences
from sracl_core.objectives import augment
from sracl_core.seeding import generator
from tests.oracles import augment as plain

N_ITEMS = 30
lists = st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=12), min_size=1, max_size=8)
shares = st.floats(0.0, 0.99)
seeds = st.integers(0, 10**6)


def as_lists(rows: Sequences) -> list[list[int]]:
    return [rows.of(row).tolist() for row in range(len(rows))]


def partners(seed: int) -> np.ndarray:
    """A partner for most items."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(N_ITEMS) < 0.8, rng.integers(0, N_ITEMS, N_ITEMS), -1).astype(np.int32)


@pytest.mark.parametrize("name", ["crop", "mask", "reorder", "replace", "insert"])
@settings(deadline=None, max_examples=60)
@given(lists, shares, seeds)
def test_an_operator_is_its_slow_twin(name: str, rows: list[list[int]], share: float, seed: int) -> None:
    near = partners(seed)
    needs = (near,) if name in ("replace", "insert") else ()
    fast = getattr(augment, name)(Sequences.from_lists(rows), *needs, share, generator(seed, name))
    slow = getattr(plain, name)(rows, *(part.tolist() for part in needs), share, generator(seed, name))
    assert as_lists(fast) == slow
    assert fast.values.dtype == np.int32
    assert (fast.lengths >= 1).all()


@settings(deadline=None, max_examples=60)
@given(lists, shares, seeds)
def test_what_each_operator_leaves(rows: list[list[int]], share: float, seed: int) -> None:
    whole, near = Sequences.from_lists(rows), partners(seed)
    views: dict[str, Callable[[Sequences, np.random.Generator], Sequences]] = {
        "crop": partial(augment.crop, share=share),
        "mask": partial(augment.mask, share=share),
        "reorder": partial(augment.reorder, share=share),
        "replace": partial(augment.replace, partners_N=near, share=share),
        "insert": partial(augment.insert, partners_N=near, share=share),
    }
    made = {name: as_lists(view(whole, rng=generator(seed, name))) for name, view in views.items()}
    for number, row in enumerate(rows):
        part, kept = int(share * len(row)), made["crop"][number]
        assert any(row[at : at + len(kept)] == kept for at in range(len(row)))
        assert len(kept) == max(part, 1)
        assert sum(item == augment.BLANK for item in made["mask"][number]) == part
        assert sorted(made["reorder"][number]) == sorted(row)
        assert sum(a != b for a, b in zip(made["reorder"][number], row, strict=True)) <= part
        changed = [(a, b) for a, b in zip(row, made["replace"][number], strict=True) if a != b]
        assert len(changed) <= max(part, 1)
        assert all(near[a - 1] + 1 == b for a, b in changed)
        assert len(made["insert"][number]) - len(row) <= max(part, 1)
    assert as_lists(whole) == rows


@settings(deadline=None, max_examples=60)
@given(lists, seeds, st.booleans())
def test_each_sequence_gets_one_operator_of_its_own(rows: list[list[int]], seed: int, few: bool) -> None:
    def times(factor: int) -> augment.Operator:
        return lambda part, rng: Sequences(part.values * factor, part.offsets)

    among = np.array([1 + len(row) % 3 for row in rows]) if few else None
    operators = [times(factor) for factor in (1, 100, 10_000)]
    view = as_lists(augment.mixed(Sequences.from_lists(rows), operators, generator(seed), among))
    for number, (row, new) in enumerate(zip(rows, view, strict=True)):
        allowed = (1, 100, 10_000)[: 3 if among is None else among[number]]
        assert new in [[item * factor for item in row] for factor in allowed]


def test_all_positions_and_operators_are_drawn_alike() -> None:
    rows = Sequences.from_lists([[1, 2, 3, 4, 5]] * 4000)
    blank = augment.mask(rows, 0.4, generator(1)).padded() == augment.BLANK
    assert np.abs(blank.mean(axis=0) - 0.4).max() < 0.03
    first = augment.crop(rows, 0.4, generator(2)).padded()[:, 0]
    assert np.abs(np.bincount(first, minlength=5)[1:5] / 4000 - 0.25).max() < 0.03
    order = augment.reorder(rows, 0.99, generator(3)).padded()
    assert np.abs((order == np.arange(1, 6)).mean(axis=0) - [0.625, 0.25, 0.25, 0.25, 0.625]).max() < 0.04
