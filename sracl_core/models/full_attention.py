"""Attention over padded rows in which every pair of positions is computed.

For encoders whose queries may see later positions; causal ones over packed rows have `models.attention`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sracl_core.models.dropout import Dropout


def full_attention(
    query_RQD: Tensor, key_value_RLE: Tensor, bias: Tensor | None, heads: int, dropout: Dropout
) -> Tensor:
    """softmax(q k^T / sqrt(D / H) + bias) v, dropout on the weights; float [R, Q, D].

    Args:
        query_RQD: D a multiple of `heads`.
        key_value_RLE: keys before values, E = 2 D.
        bias: added to the scores, broadcast to [R, Q, L]; a large negative number hides a key.
        heads: H.
        dropout: on the weights.
    """

    def split(part: Tensor) -> Tensor:
        return part.reshape(*part.shape[:2], heads, -1).transpose(1, 2)

    query, key, value = (split(part) for part in (query_RQD, *key_value_RLE.chunk(2, dim=-1)))
    scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias.unsqueeze(-3)
    mixed: Tensor = torch.matmul(dropout(scores.softmax(dim=-1)), value)
    return mixed.transpose(1, 2).flatten(2)
