"""Cross-entropy of states against a table of items, its gradients found in the same pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sracl_core.device import logit_rows_at_once
from sracl_core.team import ALONE, Team

ALIGNED = 64


class LinearCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of states against all items, with its gradients found in the same pass.

    Equals ``cross_entropy(states @ items.T, targets)``, whether a target is one item or a few that
    share it, and never holds more than one block of logits, nor any copy of it: the softmax
    overwrites the logits, and its division is left to the far smaller states. Rows of logits start at
    multiples of 64 floats: a product into rows of 12,101 takes twice as long.

    A team that shares the items out is told the largest logit and the sum of each row by all; each process
    has the gradient of its own items, and all have the loss and the gradient of the states.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states_BD: Tensor,
        items_ND: Tensor,
        targets_BK: Tensor,
        shares_BK: Tensor,
        team: Team,
        add_to: Callable[[Tensor, int], None] | None,
    ) -> Tensor:
        """See `linear_cross_entropy`."""
        n, n_items = len(targets_BK), len(items_ND)
        at_once = min(n, logit_rows_at_once(states_BD.device))
        room = states_BD.new_empty(at_once, -(-n_items // ALIGNED) * ALIGNED, dtype=torch.float32)
        grad_states = torch.empty_like(states_BD, dtype=torch.float32)
        grad_items = torch.zeros_like(items_ND)
        total = states_BD.new_zeros((), dtype=torch.float32)
        for start in range(0, n, at_once):
            states = states_BD[start : start + at_once].float()
            logits = room[: len(states), :n_items]
            torch.mm(states, items_ND.T, out=logits)
            if add_to is not None:
                some, shares = targets_BK[start : start + at_once], shares_BK[start : start + at_once]
                total += (logits.gather(1, some) * shares).sum()
                add_to(logits, start)
                total -= (logits.gather(1, some) * shares).sum()
            largest = team.largest(logits.amax(dim=1, keepdim=True))
            sums = team.summed(logits.sub_(largest).exp_().sum(dim=1, keepdim=True))
            total += (sums.log() + largest).sum()
            share = 1.0 / (sums * n)
            grad_states[start : start + at_once] = torch.mm(logits, items_ND).mul_(share)
            grad_items.addmm_(logits.T, states * share)
        states_BD = states_BD.float()
        if team.size > 1:
            targets_BK, shares_BK = _held(targets_BK, shares_BK, n_items, team)
        wanted_BD = (items_ND[targets_BK] * shares_BK[:, :, None]).sum(dim=1)
        grad_states.sub_(wanted_BD, alpha=1.0 / n)
        pulls_BKD = states_BD[:, None, :] * shares_BK[:, :, None]
        grad_items.index_add_(0, targets_BK.flatten(), pulls_BKD.flatten(0, 1), alpha=-1.0 / n)
        ctx.save_for_backward(team.summed(grad_states), grad_items)
        return (total - team.summed((states_BD * wanted_BD).sum())) / n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        """The gradients that `forward` found, scaled."""
        grad_states, grad_items = ctx.saved_tensors
        return grad_states * grads[0], grad_items * grads[0], None, None, None, None


def linear_cross_entropy(
    states_BD: Tensor,
    items_ND: Tensor,
    targets_BK: Tensor,
    shares_BK: Tensor,
    team: Team = ALONE,
    add_to: Callable[[Tensor, int], None] | None = None,
) -> Tensor:
    """Mean of ``-sum_k shares[b, k] * log softmax(states @ items.T)[b, targets[b, k]]``.

    Args:
        states_BD: float [B, D].
        items_ND: float [N, D]; of a team, this process's part of them, by `Team.share`.
        targets_BK: int64 [B, K], rows of all items.
        shares_BK: float [B, K]; each row sums to 1.
        team: has shared the items out; the states, targets and shares are the same in each process.
        add_to: adds to logits [R, N], of the rows from the given one on, what is not learned.
    """
    loss: Tensor = LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states_BD, items_ND, targets_BK, shares_BK, team, add_to
    )
    return loss


def _held(targets_BK: Tensor, shares_BK: Tensor, n_own: int, team: Team) -> tuple[Tensor, Tensor]:
    """Targets by their rows in this process, and 0 for the share of one that another process holds."""
    first = sum(team.counts(n_own)[: team.rank])
    rows_BK = targets_BK - first
    here_BK = (rows_BK >= 0) & (rows_BK < n_own)
    return rows_BK.clamp(0, n_own - 1), shares_BK * here_BK
