"""Multi-head attention over packed rows, with its gradient written out.

Each group of equally wide rows takes half a dozen small products. Left to autograd they leave a
graph of some 60 nodes a group and a copy for each view, which took longer than the products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from sracl_core.models.dropout import MaskSource
from sracl_core.models.packing import Group


class PackedAttention(torch.autograd.Function):
    """softmax(q k^T / sqrt(D / H)) v inside each row, dropout on the weights.

    Equals attention over padded rows with a causal mask, gradients included.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query_QD: Tensor,
        key_value_TE: Tensor,
        groups: tuple[Group, ...],
        heads: int,
        rate: float,
        masks: MaskSource,
    ) -> Tensor:
        """`query_QD` holds every token (Q = T) or each row's last one (Q = B)."""
        last_only = len(query_QD) != len(key_value_TE)
        out_QD = torch.empty_like(query_QD)
        scale = 1.0 / math.sqrt(query_QD.shape[1] // heads)
        kept = []
        for group, query, key, value, out in _groups(
            groups, query_QD, key_value_TE, out_QD, heads, last_only
        ):
            scores = torch.matmul(query, key.transpose(-1, -2)).mul_(scale)
            hidden = torch.finfo(scores.dtype).min
            if not last_only:
                scores.masked_fill_(_after(group.width, scores.device), hidden)
            if group.keys_valid is not None:
                scores.masked_fill_(~group.keys_valid[:, None, None, :], hidden)
            weights = scores.softmax(dim=-1)
            mask = masks.draw(weights.shape, rate, weights) if rate else None
            out.copy_(torch.matmul(weights if mask is None else weights * mask, value))
            kept += [weights, mask]
        ctx.groups, ctx.heads, ctx.scale, ctx.last_only = groups, heads, scale, last_only
        ctx.save_for_backward(query_QD, key_value_TE, *kept)
        return out_QD

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the query and of the keys and values."""
        query_QD, key_value_TE, *kept = ctx.saved_tensors
        grad_query_QD, grad_key_value_TE = torch.empty_like(query_QD), torch.empty_like(key_value_TE)
        shape = ctx.heads, ctx.last_only
        inputs = _groups(ctx.groups, query_QD, key_value_TE, grads[0], *shape)
        results = _groups(ctx.groups, grad_query_QD, grad_key_value_TE, grads[0], *shape)
        parts = zip(kept[::2], kept[1::2], inputs, results, strict=True)
        for weights, mask, (_, query, key, value, grad), (_, grad_query, grad_key, grad_value, _) in parts:
            dropped = weights if mask is None else weights * mask
            grad_value.copy_(torch.matmul(dropped.transpose(-1, -2), grad))
            grad_weights = torch.matmul(grad, value.transpose(-1, -2))
            if mask is not None:
                grad_weights.mul_(mask)
            grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype).mul_(
                ctx.scale
            )
            grad_query.copy_(torch.matmul(grad_scores, key))
            grad_key.copy_(torch.matmul(grad_scores.transpose(-1, -2), query))
        return grad_query_QD, grad_key_value_TE, None, None, None, None


def packed_attention(
    query_QD: Tensor,
    key_value_TE: Tensor,
    groups: tuple[Group, ...],
    heads: int,
    rate: float,
    masks: MaskSource,
) -> Tensor:
    """Attention of each row's queries over its own tokens, none over a later one.

    Args:
        query_QD: of every token, or of each row's last one.
        key_value_TE: float [T, 2 D], keys before values.
        groups: where the rows lie.
        heads: H, a divisor of D.
        rate: dropout on the weights, from `masks`; 0 outside training.
    """
    if query_QD.device.type != "cpu" or torch.onnx.is_in_onnx_export():
        return library_attention(query_QD, key_value_TE, groups, heads, rate)
    mixed_QD: Tensor = PackedAttention.apply(  # type: ignore[no-untyped-call]
        query_QD, key_value_TE, groups, heads, rate, masks
    )
    return mixed_QD


def library_attention(
    query_QD: Tensor, key_value_TE: Tensor, groups: tuple[Group, ...], heads: int, rate: float
) -> Tensor:
    """The same by torch's fused attention, which an accelerator has kernels for; torch draws the dropout."""
    last_only = len(query_QD) != len(key_value_TE)
    out_QD = torch.empty_like(query_QD)
    mixed = []
    for group, query, key, value, _ in _groups(groups, query_QD, key_value_TE, out_QD, heads, last_only):
        allowed = torch.ones(1, 1, 1, group.width, dtype=torch.bool, device=query.device)
        if group.keys_valid is not None:
            allowed = group.keys_valid[:, None, None, :]
        if not last_only:
            # A query on padding sees itself: a row of nothing would be NaN, and spread.
            seen_LL, itself_LL = _causal(group.width, query.device)
            allowed = (allowed & seen_LL) | itself_LL
        attended = nn.functional.scaled_dot_product_attention(query, key, value, allowed, rate)
        mixed.append(attended.transpose(1, 2).reshape(-1, query_QD.shape[1]))
    return torch.cat(mixed)


def _groups(
    groups: tuple[Group, ...],
    query_QD: Tensor,
    key_value_TE: Tensor,
    out_QD: Tensor,
    heads: int,
    last_only: bool,
) -> Iterator[tuple[Group, Tensor, Tensor, Tensor, Tensor]]:
    """Each group with its query, key, value and out, views [rows, heads, columns, D / H]."""
    at = 0
    for group in groups:
        n_queries = 1 if last_only else group.width
        rows = slice(at, at := at + group.rows * n_queries)
        query, out = (
            part[rows].view(group.rows, n_queries, heads, -1).transpose(1, 2) for part in (query_QD, out_QD)
        )
        tokens = key_value_TE[group.start : group.start + group.rows * group.width]
        key, value = tokens.view(group.rows, group.width, 2, heads, -1).permute(2, 0, 3, 1, 4)
        yield group, query, key, value, out


def _after(width: int, device: torch.device) -> Tensor:
    return torch.ones(width, width, dtype=torch.bool, device=device).triu(1)


def _causal(width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(what each position may see, itself alone), bool [L, L]."""
    return (_made_causal if device.type == "cpu" else _kept_causal)(width, device)


def _made_causal(width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    seen = ~_after(width, device)
    return seen, seen & seen.transpose(0, 1)  # no eye: a graph's runtime has none of booleans


# Not on a CPU, where a graph is exported: what is made while it is traced holds no numbers.
_kept_causal = lru_cache(maxsize=64)(_made_causal)
