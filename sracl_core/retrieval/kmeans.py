"""K-means by Lloyd's iterations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

ROWS_AT_ONCE = 16384


def kmeans(
    points_UD: Tensor,
    k: int,
    rng: np.random.Generator,
    iterations: int = 20,
    told: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Centroids float [K, D] of the points, and the nearest centroid of each, int64 [U].

    Starts at `k` points drawn from `rng`; a centroid that loses all its points moves to the point that
    is farthest from its own. `told` hears how many iterations are over. Raises ValueError for more
    centroids than points.
    """
    if k > len(points_UD):
        raise ValueError(f"{k} centroids of {len(points_UD)} points")
    start = torch.from_numpy(np.sort(rng.choice(len(points_UD), k, replace=False))).to(points_UD.device)
    centroids_KD = points_UD[start].clone()
    labels_U, far_U = _nearest(points_UD, centroids_KD)
    for iteration in range(iterations):
        if told is not None:
            told(iteration)
        counts_K = torch.bincount(labels_U, minlength=k)
        sums_KD = torch.zeros_like(centroids_KD).index_add_(0, labels_U, points_UD)
        centroids_KD = sums_KD / counts_K.clamp(min=1)[:, None]
        empty = torch.nonzero(counts_K == 0)[:, 0]
        centroids_KD[empty] = points_UD[far_U.topk(len(empty)).indices]
        before_U = labels_U
        labels_U, far_U = _nearest(points_UD, centroids_KD)
        if torch.equal(before_U, labels_U):
            break
    return centroids_KD, labels_U


def _nearest(points_UD: Tensor, centroids_KD: Tensor) -> tuple[Tensor, Tensor]:
    """Each point's nearest centroid, and the squared distance to it."""
    half_K = centroids_KD.square().sum(dim=1) / 2
    found = [(part @ centroids_KD.T - half_K).max(dim=1) for part in torch.split(points_UD, ROWS_AT_ONCE)]
    near_U = torch.cat([part.values for part in found])
    return torch.cat([part.indices for part in found]), points_UD.square().sum(dim=1) - 2 * near_U
