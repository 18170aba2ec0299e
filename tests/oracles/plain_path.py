"""SRA-CL the plain way: what one would write first, and what published code does.

Every prefix is padded to the full length, every position of every layer is computed, the anchor
is encoded once for each objective, neighbors are encoded one by one without looking for repeats,
batches are built row by row in Python, and the softmax keeps all logits. It uses the weights of
our encoder, so that both can be compared number by number; benchmarks/speed.py times it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.prefixes import Prefixes
from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.objectives.sracl.inter import InterUser


def padded_row(prefixes: Prefixes, row: int, length: int) -> list[int]:
    """One prefix as a list, zeros first."""
    items = [int(item) for item in prefixes.values[prefixes.starts[row] : prefixes.ends[row]]][-length:]
    return [0] * (length - len(items)) + items


def batch_of(prefixes: Prefixes, rows: list[int], length: int) -> Tensor:
    """int64 [B, length], a sample at a time."""
    return torch.tensor([padded_row(prefixes, row, length) for row in rows])


def encode(encoder: SASRec, items_BL: Tensor) -> Tensor:
    """States at the last position, from all positions of all layers, with torch's own dropout."""
    width = items_BL.shape[1]
    rate = encoder.dropout.rate
    positions = torch.arange(width - 1, -1, -1)
    x = encoder.items(items_BL) + encoder.positions(positions)[None]
    x = nn.functional.dropout(encoder.norm(x), rate, encoder.training)
    allowed = torch.ones(width, width, dtype=torch.bool).tril()[None] & (items_BL > 0)[:, None, :]
    mask = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)[:, None]
    for block in encoder.blocks:
        x = _block(block, x, mask, rate, encoder.training)
    return x[:, -1]


def _block(block: nn.Module, x: Tensor, mask: Tensor, rate: float, training: bool) -> Tensor:
    n_rows, width, size = x.shape
    heads = block.heads

    def split(part: Tensor) -> Tensor:
        return part.view(n_rows, width, heads, -1).transpose(1, 2)

    key, value = block.key_value(x).chunk(2, dim=-1)
    query, key, value = split(block.query(x)), split(key), split(value)
    scores = query @ key.transpose(-1, -2) / math.sqrt(size // heads) + mask
    weights = nn.functional.dropout(scores.softmax(-1), block.attention_dropout.rate, training)
    mixed = (weights @ value).transpose(1, 2).reshape(n_rows, width, size)
    x = block.attention_norm(x + nn.functional.dropout(block.output(mixed), rate, training))
    inner = nn.functional.gelu(block.inner(x))
    return block.inner_norm(x + nn.functional.dropout(block.outer(inner), rate, training))


def info_nce(left: Tensor, right: Tensor, similarity: str, temperature: float) -> Tensor:
    """The definition, a state at a time."""
    both = torch.cat([left, right])
    if similarity == "cosine":
        both = both / both.norm(dim=1, keepdim=True)
    n, losses = len(left), []
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        others = [both[i] @ both[j] / temperature for j in range(2 * n) if j != i]
        losses.append(torch.logsumexp(torch.stack(others), 0) - both[i] @ both[partner] / temperature)
    return torch.stack(losses).mean()


def info_nce_matrix(left: Tensor, right: Tensor, similarity: str, temperature: float) -> Tensor:
    """As published code writes it: one matrix product, positives and negatives picked by mask."""
    both = torch.cat([left, right])
    if similarity == "cosine":
        both = nn.functional.normalize(both, dim=-1)
    n = len(left)
    logits = both @ both.T / temperature
    positives = torch.cat([torch.diag(logits, n), torch.diag(logits, -n)])[:, None]
    negatives_mask = ~torch.eye(2 * n, dtype=torch.bool)
    negatives_mask[torch.arange(2 * n), torch.arange(2 * n).roll(n)] = False
    negatives = logits[negatives_mask].view(2 * n, -1)
    joined = torch.cat([positives, negatives], dim=1)
    return nn.functional.cross_entropy(joined, torch.zeros(2 * n, dtype=torch.long))


def losses(
    encoder: SASRec,
    inter: InterUser | None,
    views: tuple[np.ndarray, np.ndarray] | None,
    prefixes: Prefixes,
    rows: list[int],
    beta: float,
    length: int,
) -> dict[str, Tensor]:
    """next_item, inter and intra of one step, each encoding its own anchors.

    Args:
        inter: holds weights, neighbors, text vectors and settings of L_inter; None leaves it out.
        views: the two substituted batches [B, L] of L_intra; None leaves it out.
    """
    items = batch_of(prefixes, rows, length)
    targets = torch.tensor([int(prefixes.values[prefixes.ends[row]]) for row in rows])
    logits = encode(encoder, items) @ encoder.item_embeddings[1:].T
    parts = {"next_item": nn.functional.cross_entropy(logits, targets - 1)}
    if inter is not None:
        config = inter.settings
        neighbors = [[int(j) for j in inter.neighbors_PK[row]] for row in rows]
        flat = batch_of(prefixes, [j for group in neighbors for j in group], length)
        states = encode(encoder, flat).view(len(rows), -1, encoder.hidden_size)
        assert inter.vectors is not None
        text = inter.vectors.take(np.array(rows), items.device)
        near = torch.stack([inter.vectors.take(np.array(group), items.device) for group in neighbors])
        among = torch.arange(near.shape[0] * near.shape[1]).view(near.shape[:2])
        weights = inter.synthesizer.weights(
            text, near.flatten(0, 1), among, torch.ones(near.shape[:2], dtype=torch.bool)
        )
        positives = (weights[:, :, None] * states).sum(1)
        anchors = encode(encoder, items)
        parts["inter"] = config.alpha * info_nce_matrix(
            anchors, positives, config.similarity, config.temperature
        )
    if views is not None:
        width = [torch.from_numpy(np.pad(view, ((0, 0), (length - view.shape[1], 0)))) for view in views]
        left, right = (encode(encoder, view) for view in width)
        config = inter.settings if inter is not None else None
        similarity, temperature = (config.similarity, config.temperature) if config else ("cosine", 0.1)
        parts["intra"] = beta * info_nce_matrix(left, right, similarity, temperature)
    return parts
