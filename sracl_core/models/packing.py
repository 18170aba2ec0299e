"""Rows of unequal length laid end to end, in groups of nearly equal length.

Inside a group rows are padded to the group's width, so tokens of a group are a plain
[rows, width] view of the packed tokens: attention needs no gather, and next to nothing is padding.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


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
    """A batch of rows sorted by length."""

    tokens_T: Tensor
    """int64 item indices of all tokens."""
    positions_T: Tensor
    """int64 distance of each token from the end of its row."""
    last_B: Tensor
    """int64 index in the packed tokens of each packed row's last token."""
    unsort_B: Tensor
    """int64: packed_rows[unsort_B] is in the order of the batch."""
    groups: tuple[Group, ...]


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


def pack(items_BL: Tensor, lengths_B: Tensor) -> Packed:
    """Sort the rows of a right-aligned batch by length and lay them end to end."""
    device = items_BL.device
    items = items_BL.cpu().numpy()
    lengths = lengths_B.cpu().numpy()
    n_rows, n_columns = items.shape
    order = np.argsort(lengths, kind="stable")
    row_widths = widths_up_to(n_columns)[lengths[order]]
    edges = np.flatnonzero(np.diff(row_widths, prepend=-1, append=-1))
    groups, tokens, positions, last, start = [], [], [], [], 0
    for first, stop in itertools.pairwise(edges):
        rows, width = order[first:stop], int(row_widths[first])
        block = items[rows, n_columns - width :]
        valid = None
        if lengths[rows[0]] < width:
            columns = np.arange(width)
            valid = torch.from_numpy(columns >= (width - lengths[rows])[:, None]).to(device)
        tokens.append(block.ravel())
        positions.append(np.tile(np.arange(width - 1, -1, -1), len(rows)))
        last.append(start + width * np.arange(1, len(rows) + 1) - 1)
        groups.append(Group(len(rows), width, start, valid))
        start += block.size
    unsort = np.empty(n_rows, dtype=np.int64)
    unsort[order] = np.arange(n_rows)

    def tensor(parts: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(np.int64, copy=False)).to(device)

    return Packed(tensor(tokens), tensor(positions), tensor(last), tensor([unsort]), tuple(groups))
