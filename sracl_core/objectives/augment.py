"""Views of sequences: stretches cut out or shuffled, items left blank, replaced or joined by others.

All work on many sequences at once and draw from the given generator alone. Where an operator changes a
share of a sequence, it changes the whole part of share * length items, so a share below 1 leaves some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences, gathered

BLANK = 0
"""A masked item. Encoders read it as an item whose embedding is zero: row 0 of their table, which never
learns. So every backbone can read a masked view, none needs one more token, and the item's place stays."""

Operator = Callable[[Sequences, np.random.Generator], Sequences]


def substitute(
    rows: Sequences, neighbors_NK: np.ndarray, ratio: float, rng: np.random.Generator
) -> Sequences:
    """Replace each item with probability `ratio` by one of its neighbors, uniformly.

    Args:
        rows: sequences of items.
        neighbors_NK: int32 [N, K]; row i holds the neighbors of item i + 1 as row numbers, best
            first, -1 where there are fewer than K.
        ratio: probability in [0, 1).

    Returns:
        Sequences of the same lengths. An item without neighbors stays.
    """
    items_T = rows.values - 1
    count_T = (neighbors_NK >= 0).sum(axis=1)[items_T]
    where = np.flatnonzero((rng.random(len(items_T), dtype=np.float32) < ratio) & (count_T > 0))
    column = (rng.random(len(where)) * count_T[where]).astype(np.int64)
    values = rows.values.copy()
    values[where] = neighbors_NK[items_T[where], column] + 1
    return Sequences(values, rows.offsets)


def crop(rows: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """A stretch of `share` of each sequence, of at least one item (CL4SRec, section 3.3)."""
    kept_R = np.maximum(_part(rows, share), 1)
    return gathered(rows.values, rows.offsets[:-1] + _starts(rows, kept_R, rng), kept_R)


def mask(rows: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """`share` of each sequence's items left blank (CL4SRec, section 3.3)."""
    values = rows.values.copy()
    values[_drawn(rows, _part(rows, share), rng)] = BLANK
    return Sequences(values, rows.offsets)


def reorder(rows: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """A stretch of `share` of each sequence in a random order (CL4SRec, section 3.3)."""
    count_R = _part(rows, share)
    first_T, count_T = (
        np.repeat(part, rows.lengths) for part in (rows.offsets[:-1] + _starts(rows, count_R, rng), count_R)
    )
    address_T = np.arange(len(rows.values))
    inside_T = (address_T >= first_T) & (address_T < first_T + count_T)
    key_T = np.where(inside_T, first_T + count_T * rng.random(len(address_T)), address_T)
    return Sequences(rows.values[np.argsort(key_T, kind="stable")], rows.offsets)


def replace(
    rows: Sequences, partners_N: NDArray[np.integer], share: float, rng: np.random.Generator
) -> Sequences:
    """`share` of each sequence's items, at least one, replaced by their partners (CoSeRec, section 4.2).

    Args:
        partners_N: row i holds the partner of item i + 1 as a row number, -1 where it has none; such
            an item stays.
    """
    where = _drawn(rows, np.maximum(_part(rows, share), 1), rng)
    where &= partners_N[rows.values - 1] >= 0
    values = rows.values.copy()
    values[where] = partners_N[values[where] - 1] + 1
    return Sequences(values, rows.offsets)


def insert(
    rows: Sequences, partners_N: NDArray[np.integer], share: float, rng: np.random.Generator
) -> Sequences:
    """Before `share` of each sequence's items, at least one, their partners (CoSeRec, section 4.2).

    Args:
        partners_N: as in `replace`; before an item without a partner nothing is put.
    """
    where = _drawn(rows, np.maximum(_part(rows, share), 1), rng)
    where &= partners_N[rows.values - 1] >= 0
    values = np.insert(rows.values, np.flatnonzero(where), partners_N[rows.values[where] - 1] + 1)
    added = np.concatenate(([0], np.cumsum(where)))[rows.offsets]
    return Sequences(values.astype(np.int32), rows.offsets + added)


def random_operators(crops: float, masks: float, reorders: float) -> list[Operator]:
    """The three of CL4SRec, each with its share of a sequence."""
    return [
        lambda rows, rng: crop(rows, crops, rng),
        lambda rows, rng: mask(rows, masks, rng),
        lambda rows, rng: reorder(rows, reorders, rng),
    ]


def mixed(
    rows: Sequences,
    operators: Sequence[Operator],
    rng: np.random.Generator,
    among_R: NDArray[np.integer] | None = None,
) -> Sequences:
    """Each sequence after one of the operators, drawn for it alone.

    among_R: the sequence r draws among the first `among_R[r]`; without it among all.
    """
    among = len(operators) if among_R is None else among_R
    drawn_R = (rng.random(len(rows)) * among).astype(np.int64)
    groups = [np.flatnonzero(drawn_R == number) for number in range(len(operators))]
    views = [operator(rows.take(group), rng) for operator, group in zip(operators, groups, strict=True)]
    return Sequences.joined(views).take(np.argsort(np.concatenate(groups)))


def _part(rows: Sequences, share: float) -> NDArray[np.int64]:
    """How many items are `share` of each sequence, rounded down."""
    return (share * rows.lengths).astype(np.int64)


def _starts(rows: Sequences, count_R: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Where in each sequence a stretch of `count_R` items begins."""
    return (rng.random(len(rows)) * (rows.lengths - count_R + 1)).astype(np.int64)


def _drawn(rows: Sequences, count_R: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """`count_R` items of each sequence, none twice: bool [T]."""
    row_T = np.repeat(np.arange(len(rows)), rows.lengths)
    order_T = np.lexsort((rng.random(len(row_T)), row_T))
    drawn_T = np.zeros(len(row_T), dtype=bool)
    drawn_T[order_T] = np.arange(len(row_T)) - rows.offsets[row_T] < count_R[row_T]
    return drawn_T
