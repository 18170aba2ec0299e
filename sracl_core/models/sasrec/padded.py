"""SASRec's states at every place of padded rows, as S3-Rec's code and those that build on it have them.

There padding is hidden as a key, but has states of its own: a place of padding, from which every key is
hidden alike, sees all places of its row, later ones too. Whoever averages or compares whole outputs of that
code, as ICLRec's does, works on these more than on the items' states, since most rows are short.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.models.sasrec.encoder import Block, SASRec

HIDDEN = -10_000.0
"""What that code adds to the score of a hidden key; where all are hidden, the softmax does not see it."""


def padded_states(encoder: SASRec, rows: Sequences) -> Tensor:
    """States float [R, max_length, D] of the latest items of each row, aligned to the right.

    Blank items are hidden as keys like padding.
    """
    width = encoder.max_length
    items_RL = _aligned(rows.latest(width), width).to(encoder.device)
    seen_LL = torch.ones(width, width, dtype=torch.bool, device=encoder.device).tril()
    hidden = ~((items_RL > 0)[:, None, None, :] & seen_LL) * HIDDEN
    positions_L = torch.arange(width - 1, -1, -1, device=encoder.device)
    x: Tensor = encoder.dropout(encoder.norm(encoder.embed(items_RL) + encoder.positions(positions_L)))
    for block in encoder.blocks:
        assert isinstance(block, Block)
        query = block.query(x).view(len(rows), width, block.heads, -1).transpose(1, 2)
        both = block.key_value(x).view(len(rows), width, 2, block.heads, -1)
        key, value = both.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + hidden
        mixed = block.attention_dropout(scores.softmax(dim=-1)) @ value
        x = block.joined(x, mixed.transpose(1, 2).flatten(2))
    return x


def _aligned(rows: Sequences, width: int) -> Tensor:
    """int64 [R, width], each row at the right, 0 before it."""
    items_RL = np.zeros((len(rows), width), dtype=np.int64)
    items_RL[np.arange(width) >= width - rows.lengths[:, None]] = rows.values
    return torch.from_numpy(items_RL)
