"""What stands for a sequence, where it is more than its last state."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences


def means(states_TD: Tensor, rows: Sequences) -> Tensor:
    """The mean of each row's states, [R, D]; `states_TD` are those after every item."""
    row_T = torch.from_numpy(np.repeat(np.arange(len(rows)), rows.lengths)).to(states_TD.device)
    sums_RD = states_TD.new_zeros(len(rows), states_TD.shape[1]).index_add(0, row_T, states_TD)
    return sums_RD / torch.from_numpy(rows.lengths).to(sums_RD)[:, None]


def laid_out(states_TD: Tensor, rows: Sequences, width: int) -> Tensor:
    """Each row's states side by side, the last one at the end and 0 before the first, [R, width * D].

    The dot product of two is the sum of those of their states, position by position from the end.
    """
    from_end_T = np.repeat(rows.offsets[1:], rows.lengths) - np.arange(len(rows.values))
    place_T = np.repeat(np.arange(1, len(rows) + 1) * width, rows.lengths) - from_end_T
    flat = states_TD.new_zeros(len(rows) * width, states_TD.shape[1])
    return flat.index_copy(0, torch.from_numpy(place_T).to(flat.device), states_TD).view(len(rows), -1)
