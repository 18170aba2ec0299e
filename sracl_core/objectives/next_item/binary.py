"""SASRec's own loss: yes or no to the target and to one item that the user has never had."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences


def binary_cross_entropy(
    embed: Callable[[Tensor], Tensor], states_BD: Tensor, targets_B: np.ndarray, negatives_B: np.ndarray
) -> Tensor:
    """Mean of -log sigmoid(s_target) - log(1 - sigmoid(s_negative)) (arXiv 1808.09781, section 3.6).

    Args:
        embed: items int64 [B] to their embeddings [B, D].
        targets_B, negatives_B: int64 items; a negative of 0 stands for none, and has no part.
    """
    device = states_BD.device
    targets_BD = embed(torch.from_numpy(targets_B).to(device))
    negatives_BD = embed(torch.from_numpy(negatives_B).to(device))
    yes_B = nn.functional.softplus(-(states_BD * targets_BD).sum(dim=1))
    no_B = nn.functional.softplus((states_BD * negatives_BD).sum(dim=1))
    return (yes_B + no_B * torch.from_numpy(negatives_B > 0).to(no_B)).mean()


class Unseen:
    """Draws items that a user has not had, each as likely, without trying again.

    Args:
        train: the users' training sequences.
        n_items: N.
    """

    def __init__(self, train: Sequences, n_items: int) -> None:
        self.n_items = n_items
        users_T = np.repeat(np.arange(len(train)), train.lengths)
        seen = np.unique(users_T * n_items + train.values - 1)
        self.count_U = np.bincount(seen // n_items, minlength=len(train))
        first_U = np.cumsum(self.count_U) - self.count_U
        self.first_U = first_U
        # Before the seen item s, the k-th of its user, lie s - k unseen ones: these ascend as well.
        user = seen // n_items
        self.unseen_before = seen - (np.arange(len(seen)) - first_U[user])

    def draw(self, users_B: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One item for each user, int64; 0 for one who has had every item."""
        users_B = users_B.astype(np.int64)
        left_B = self.n_items - self.count_U[users_B]
        rank_B = (rng.random(len(users_B)) * left_B).astype(np.int64)
        wanted_B = users_B * self.n_items + rank_B
        skipped_B = np.searchsorted(self.unseen_before, wanted_B, side="right") - self.first_U[users_B]
        found: np.ndarray = np.where(left_B > 0, rank_B + skipped_B + 1, 0)
        return found
