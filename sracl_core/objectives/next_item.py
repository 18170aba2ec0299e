"""L_rec: predict the next item."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, StepPlan
from sracl_core.settings.models import NextItemConfig

# On a CPU few enough that a block of logits stays in the cache.
ROWS_AT_ONCE = {"cpu": 128}
ALIGNED = 64


class LinearCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of states against all items, with its gradients found in the same pass.

    Equals ``cross_entropy(states @ items.T, targets)``, whether a target is one item or a few that
    share it, and never holds more than one block of
    logits, nor any copy of it: the softmax overwrites the logits, and its division is left to the
    far smaller states. Rows of logits start at multiples of 64 floats: a product into rows of
    12,101 takes twice as long.
    """

    @staticmethod
    def forward(
        ctx: Any, states_BD: Tensor, items_ND: Tensor, targets_BK: Tensor, shares_BK: Tensor
    ) -> Tensor:
        """`targets_BK` are rows of `items_ND`; `shares_BK` sum to 1 in each row."""
        n, n_items = len(targets_BK), len(items_ND)
        at_once = min(n, ROWS_AT_ONCE.get(states_BD.device.type, 4096))
        room = states_BD.new_empty(at_once, -(-n_items // ALIGNED) * ALIGNED, dtype=torch.float32)
        grad_states = torch.empty_like(states_BD, dtype=torch.float32)
        grad_items = torch.zeros_like(items_ND)
        total = states_BD.new_zeros((), dtype=torch.float32)
        for start in range(0, n, at_once):
            states = states_BD[start : start + at_once].float()
            logits = room[: len(states), :n_items]
            torch.mm(states, items_ND.T, out=logits)
            largest = logits.amax(dim=1, keepdim=True)
            sums = logits.sub_(largest).exp_().sum(dim=1, keepdim=True)
            total += (sums.log() + largest).sum()
            share = 1.0 / (sums * n)
            grad_states[start : start + at_once] = torch.mm(logits, items_ND).mul_(share)
            grad_items.addmm_(logits.T, states * share)
        states_BD = states_BD.float()
        wanted_BD = (items_ND[targets_BK] * shares_BK[:, :, None]).sum(dim=1)
        grad_states.sub_(wanted_BD, alpha=1.0 / n)
        pulls_BKD = states_BD[:, None, :] * shares_BK[:, :, None]
        grad_items.index_add_(0, targets_BK.flatten(), pulls_BKD.flatten(0, 1), alpha=-1.0 / n)
        ctx.save_for_backward(grad_states, grad_items)
        return (total - (states_BD * wanted_BD).sum()) / n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """The gradients that `forward` found, scaled."""
        grad_states, grad_items = ctx.saved_tensors
        return grad_states * grads[0], grad_items * grads[0], None, None


def linear_cross_entropy(
    states_BD: Tensor, items_ND: Tensor, targets_BK: Tensor, shares_BK: Tensor
) -> Tensor:
    """Mean of ``-sum_k shares[b, k] * log softmax(states @ items.T)[b, targets[b, k]]``.

    Args:
        states_BD: float [B, D].
        items_ND: float [N, D].
        targets_BK: int64 [B, K], rows of `items_ND`.
        shares_BK: float [B, K]; each row sums to 1.
    """
    loss: Tensor = LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states_BD, items_ND, targets_BK, shares_BK
    )
    return loss


class NextItem(Objective):
    """Cross-entropy against every item (tied weights, no bias), or against sampled negatives.

    Args:
        config: which loss.
        counts_N: int64 [N], how often each item is a training target; read where negatives are
            drawn by popularity.
        neighbors_NK: int32 [N, K]; row i holds the neighbors of item i + 1 as row numbers, -1 where
            there are fewer; read where targets are smoothed.
        prefix_neighbors_PK: int32 [P, K] row numbers of near prefixes, -1 where there are fewer, and
        prefix_targets_P: the item that followed each prefix; read where neighbors' targets are shared.
    """

    def __init__(
        self,
        config: NextItemConfig,
        counts_N: np.ndarray,
        neighbors_NK: np.ndarray | None = None,
        prefix_neighbors_PK: np.ndarray | None = None,
        prefix_targets_P: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.neighbors_NK = neighbors_NK
        self.prefix_neighbors_PK = prefix_neighbors_PK
        self.prefix_targets_P = prefix_targets_P
        share = counts_N + 1.0 if config.sampling == "popularity" else np.ones(len(counts_N))
        self.share_N = share / share.sum()
        self.cumulative_N = np.cumsum(self.share_N)

    def plan(self, batch: Batch, rng: np.random.Generator) -> StepPlan:
        """See `Objective.plan`."""
        if self.config.loss == "full":
            targets_BK, shares_BK = self._targets(batch)
            return StepPlan(
                lambda encoder, anchors_BD, _: {
                    "next_item": linear_cross_entropy(
                        anchors_BD, encoder.item_embeddings[1:], targets_BK, shares_BK
                    )
                }
            )
        draws = np.searchsorted(self.cumulative_N, rng.random(self.config.negatives), side="right")
        negatives = torch.from_numpy(np.minimum(draws, len(self.share_N) - 1) + 1)
        return StepPlan(lambda encoder, anchors_BD, _: self._sampled(encoder, anchors_BD, batch, negatives))

    def _targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rows of the item table and their shares: the target's own, and parts for others.

        Label smoothing (Szegedy et al., CVPR 2016, section 7), but over items that the texts call
        near rather than over all: the target's nearest, and what followed the nearest prefixes.
        """
        rows_BK = batch.targets_B.cpu().numpy()[:, None] - 1
        shares_BK = np.ones(rows_BK.shape, dtype=np.float32)
        if self.config.smoothing and self.neighbors_NK is not None:
            near_BK = self.neighbors_NK[rows_BK[:, 0]]
            rows_BK, shares_BK = _shared(rows_BK, shares_BK, near_BK, self.config.smoothing)
        near_PK, targets_P = self.prefix_neighbors_PK, self.prefix_targets_P
        if self.config.neighbor_targets and near_PK is not None and targets_P is not None:
            near_BK = near_PK[batch.prefixes_B]
            followed_BK = np.where(near_BK >= 0, targets_P[near_BK] - 1, -1)
            rows_BK, shares_BK = _shared(rows_BK, shares_BK, followed_BK, self.config.neighbor_targets)
        device = batch.targets_B.device
        return torch.from_numpy(rows_BK).to(device), torch.from_numpy(shares_BK).to(device)

    def _sampled(
        self, encoder: SequenceEncoder, anchors_BD: Tensor, batch: Batch, negatives_S: Tensor
    ) -> LossParts:
        """Sampled softmax (Bengio and Senecal, 2008): an estimate of the full one.

        exp(score) / (S q) over S draws from q estimates the sum over all items. The target is
        always there, not drawn, so its score needs no correction.
        """
        negatives_S = negatives_S.to(anchors_BD.device)
        log_q = torch.from_numpy(np.log(self.share_N * self.config.negatives)).to(anchors_BD)
        table = encoder.items
        positive_B1 = (anchors_BD * table(batch.targets_B)).sum(-1, keepdim=True)
        negative_BS = anchors_BD @ table(negatives_S).T - log_q[negatives_S - 1]
        same = batch.targets_B[:, None] == negatives_S
        negative_BS = negative_BS.masked_fill(same, torch.finfo(negative_BS.dtype).min)
        logits = torch.cat([positive_B1, negative_BS], dim=1).float()
        target = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
        return {"next_item": nn.functional.cross_entropy(logits, target)}


def _shared(
    rows_BK: np.ndarray, shares_BK: np.ndarray, more_BJ: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Targets of which the rows `more_BJ` (-1: none) get `share`, in equal parts, the others the rest."""
    found_BJ = more_BJ >= 0
    part_B1 = share / np.maximum(found_BJ.sum(axis=1, keepdims=True), 1)
    new_BJ = (part_B1 * found_BJ).astype(np.float32)
    kept_BK = shares_BK * (1.0 - new_BJ.sum(axis=1, keepdims=True))
    return np.concatenate([rows_BK, np.maximum(more_BJ, 0)], 1), np.concatenate([kept_BK, new_BJ], 1)
