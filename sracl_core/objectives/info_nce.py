"""InfoNCE between two sides of a batch, as SRA-CL uses it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def info_nce(left_BD: Tensor, right_BD: Tensor, similarity: str, temperature: float) -> Tensor:
    """Mean cross-entropy of finding each state's partner among all states of both sides.

    The 2B states are compared with each other; a state's partner (row b of the other side) is its
    positive and the remaining 2B - 2 are negatives (SRA-CL, arXiv 2503.04162, equation of L_CL).

    Args:
        left_BD, right_BD: float [B, D].
        similarity: "dot" or "cosine".
        temperature: positive; divides the similarity.

    Returns:
        A scalar; 0 where B is 1 and there is nothing to tell the partner from.
    """
    both = torch.cat([left_BD, right_BD]).float()
    if similarity == "cosine":
        both = nn.functional.normalize(both, dim=-1)
    logits = both @ both.T / temperature
    logits.fill_diagonal_(torch.finfo(logits.dtype).min)
    n = len(left_BD)
    partner = torch.arange(2 * n, device=both.device).roll(n)
    return nn.functional.cross_entropy(logits, partner)
