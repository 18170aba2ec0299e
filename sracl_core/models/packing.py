"""Rows of unequal length laid end to end, in groups of nearly equal length.

Inside a group rows are padded to the group's width, so tokens of a group are a plain
[rows, width] view of the packed tokens: attention needs no gather, and next to nothing is padding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.device import tokens_at_once


@dataclass(frozen=True)
class Group:
    """`rows` consecutive packed rows of `width` tokens each, the first at token `start`."""

    rows: int
    width: int
    start: int
    keys_valid: Tensor | None
    """bool [rows, width], or None where no row is shorter than the group's width."""


@dataclass(frozen=True)
class Packed:
    """A batch of rows sorted by length, on the device of the encoder."""

    tokens_T: Tensor
    """int64 item indices of all tokens."""
    positions_T: Tensor
    """int64 distance of each token from the end of its row."""
    last_B: Tensor
    """int64 index in the packed tokens of each packed row's last token."""
    unsort_B: Tensor
    """int64: packed_rows[unsort_B] is in the order of the batch."""
    groups: tuple[Group, ...]
    flat_S: Tensor | None = None
    """int64 index in the packed tokens of every item of the batch in its order, where asked for."""


def widths(max_length: int, device: torch.device) -> np.ndarray:
    """As `widths_up_to` on a CPU; elsewhere one width for all, since there a call costs more than padding."""
    if device.type == "cpu":
        return widths_up_to(max_length)
    return np.full(max_length + 1, max_length)


@lru_cache(maxsize=64)
def widths_up_to(max_length: int) -> np.ndarray:
    """For each length 0..max_length the width it is padded to: 2, 4, 6, then half as much again.

    Six groups for 20 items: every group costs a dozen calls, which for a few rows is more than
    what its padding costs.
    """
    steps = [2, 4, 6]
    while steps[-1] < max_length:
        steps.append(int(steps[-1] * 1.5))
    ladder = np.minimum(np.array(steps), max_length)
    widths: np.ndarray = ladder[np.searchsorted(ladder, np.arange(max_length + 1))]
    return widths


def pack(rows: Sequences, device: torch.device, *, flat: bool = False) -> Packed:
    """Sort the rows by length and lay them end to end; one copy takes all of it to the device.

    Args:
        rows: on the host, none of them empty.
        flat: whether `Packed.flat_S` is wanted.
    """
    lengths, ends = rows.lengths, rows.offsets[1:]
    order = np.argsort(lengths, kind="stable")
    row_widths = widths(int(lengths.max(initial=1)), device)[lengths[order]]
    edges = np.flatnonzero(np.diff(row_widths, prepend=-1, append=-1))
    spans, tokens, positions, last, filled, start = [], [], [], [], [], 0
    for first, stop in itertools.pairwise(edges):
        chosen, width = order[first:stop], int(row_widths[first])
        columns = np.arange(-width, 0)
        inside = columns >= -lengths[chosen, None]
        block = np.where(inside, rows.values[np.where(inside, ends[chosen, None] + columns, 0)], 0)
        tokens.append(block.ravel())
        positions.append(np.tile(np.arange(width - 1, -1, -1), len(chosen)))
        last.append(start + width * np.arange(1, len(chosen) + 1) - 1)
        if short := bool(lengths[chosen[0]] < width):
            # By length, not by item: a blanked item keeps its place, and padding has none.
            filled.append(inside.ravel())
        spans.append((len(chosen), width, start, short))
        start += block.size
    unsort = np.empty(len(order), dtype=np.int64)
    unsort[order] = np.arange(len(order))
    last_B = np.concatenate(last)
    keys = np.concatenate([np.empty(0, dtype=bool), *filled])
    parts = [np.concatenate(tokens), np.concatenate(positions), last_B, unsort, keys]
    if flat:
        firsts = last_B[unsort] + 1 - lengths
        parts.append(np.arange(rows.offsets[-1]) + np.repeat(firsts - rows.offsets[:-1], lengths))
    sent = torch.from_numpy(np.concatenate(parts).astype(np.int64, copy=False)).to(device)
    tokens_T, positions_T, last_R, unsort_R, keys_K, *more = torch.split(sent, [len(part) for part in parts])
    valid = iter(torch.split(keys_K != 0, [len(part) for part in filled]))
    groups = tuple(
        Group(count, width, at, next(valid).view(count, width) if short else None)
        for count, width, at, short in spans
    )
    return Packed(tokens_T, positions_T, last_R, unsort_R, groups, more[0] if more else None)


def one_group(tokens_RL: Tensor) -> Packed:
    """Rows that are padded already, 0 before them, as a batch of one group."""
    rows, width = tokens_RL.shape
    every_R = torch.arange(rows, device=tokens_RL.device)
    positions_L = torch.arange(width - 1, -1, -1, device=tokens_RL.device)
    return Packed(
        tokens_RL.flatten(),
        positions_L.expand(rows, width).flatten(),
        (every_R + 1) * width - 1,
        every_R,
        (Group(rows, width, 0, tokens_RL != 0),),
    )


def pieces(lengths: np.ndarray, device: torch.device) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rows of like length together, in pieces whose activations stay in the cache of this device.

    Returns:
        (all rows by length int64 [R], the same split into pieces)
    """
    order = np.argsort(lengths, kind="stable")
    number = np.cumsum(lengths[order]) // tokens_at_once(device)
    return order, np.split(order, np.flatnonzero(np.diff(number)) + 1)


def by_pieces(rows: Sequences, device: torch.device, states_of: Callable[[Packed], Tensor]) -> Tensor:
    """What `states_of` a packed batch gives, row by row, for all `rows` in their order.

    states_of: [rows of the batch, ...] in the order of the batch.
    """
    order_R, parts = pieces(rows.lengths, device)
    states = torch.cat([states_of(pack(rows.take(part), device)) for part in parts])
    return states[torch.from_numpy(np.argsort(order_R)).to(device)]
