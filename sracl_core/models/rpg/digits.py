"""Digits of vectors: by parts, by what is left over, or by independent aspects.

A vector is cut into as many parts as there are digits; for residual ids each digit reads what those before it
leave of the whole vector.
"""

from __future__ import annotations

import numpy as np
import torch

from sracl_core.retrieval.kmeans import kmeans


def quantized(
    vectors_NE: np.ndarray, ids: str, digits: int, codebook: int, rng: np.random.Generator
) -> np.ndarray:
    """For each vector and digit the nearest of `codebook` centroids, int64 [N, digits].

    Args:
        ids: "product", "residual" or "aspects", see `models.rpg`.

    There are at least as many dimensions to cut as digits, and as many vectors as centroids.
    """
    vectors_NE = np.asarray(vectors_NE, dtype=np.float32)
    if ids == "residual":
        return _residual(vectors_NE, digits, codebook, rng)
    found = [_centroids(part, codebook, rng)[1] for part in _parts(vectors_NE, vectors_NE, ids, digits)]
    return np.stack(found, axis=1)


def as_others(
    digits_NM: np.ndarray, vectors_NE: np.ndarray, asked_ME: np.ndarray, ids: str, of: np.ndarray
) -> np.ndarray:
    """Digits of other vectors: those whose own vectors have the nearest mean, int64 [M, digits].

    Args:
        digits_NM: what `quantized` made of `vectors_NE`; any numbers, a column's own.
        of: rows that are learned from, int64.
    """
    digits = digits_NM.shape[1]
    if ids != "residual":
        ours, theirs = (_parts(vectors_NE, some, ids, digits) for some in (vectors_NE, asked_ME))
        found = [
            _nearest_mean(labels, one[of], other)[0]
            for labels, one, other in zip(digits_NM[of].T, ours, theirs, strict=True)
        ]
        return np.stack(found, axis=1)
    ours_left, theirs_left, found = vectors_NE[of].astype(np.float64), asked_ME.astype(np.float64), []
    for labels in digits_NM[of].T:
        nearest, means, their_means = _nearest_mean(labels, ours_left, theirs_left)
        found.append(nearest)
        ours_left, theirs_left = ours_left - means, theirs_left - their_means
    return np.stack(found, axis=1)


def _residual(vectors_NE: np.ndarray, digits: int, codebook: int, rng: np.random.Generator) -> np.ndarray:
    """Each digit clusters what the centroids of those before leave of a vector."""
    left_NE, found = vectors_NE, []
    for _ in range(digits):
        centroids_KE, labels_N = _centroids(left_NE, codebook, rng)
        left_NE = left_NE - centroids_KE[labels_N]
        found.append(labels_N)
    return np.stack(found, axis=1)


def _parts(vectors_NE: np.ndarray, some_ME: np.ndarray, ids: str, digits: int) -> list[np.ndarray]:
    """`some` of such vectors, cut as `ids` says of `vectors`: one part a digit."""
    if ids == "product":
        return np.array_split(some_ME, digits, axis=1)
    mean_E = vectors_NE.mean(axis=0, dtype=np.float64)
    centered_NE = vectors_NE - mean_E
    variances_E, directions_EE = np.linalg.eigh(centered_NE.T @ centered_NE)
    turned_ME = ((some_ME - mean_E) @ directions_EE).astype(np.float32)
    return [turned_ME[:, columns] for columns in _dealt(variances_E, digits)]


def _dealt(variances_E: np.ndarray, digits: int) -> list[list[int]]:
    """Which components each of `digits` aspects gets: of the strongest left, the aspect of least weight.

    As in the eigenvalue allocation of optimized product quantization (Ge et al., CVPR 2013), the weight of an
    aspect is the product of its variances, all taken as above 1. No aspect gets more than its share of them.
    """
    size = -(-len(variances_E) // digits)
    floor = max(float(variances_E.max()), 1e-12) * 1e-9
    weight = np.zeros(digits)
    dealt: list[list[int]] = [[] for _ in range(digits)]
    for component in np.argsort(-variances_E, kind="stable").tolist():
        # An empty aspect comes first, so that every one has a component.
        open_to = [(bool(some), weight[at], at) for at, some in enumerate(dealt) if len(some) < size]
        _, _, at = min(open_to)
        dealt[at].append(component)
        weight[at] += np.log(max(float(variances_E[component]), floor) / floor)
    return dealt


def _centroids(vectors: np.ndarray, codebook: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centroids float32 [codebook, E], and the nearest of each vector, int64."""
    centroids, labels = kmeans(torch.from_numpy(np.ascontiguousarray(vectors)), codebook, rng)
    return centroids.numpy(), labels.numpy()


def _nearest_mean(
    labels: np.ndarray, vectors: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of `labels` [N] those whose `vectors` [N, E] have the mean nearest to `asked` [M, E].

    Returns:
        (labels [M], the mean of each vector's label [N, E], that of each found one [M, E])
    """
    known, at = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(known), vectors.shape[1]))
    np.add.at(sums, at, vectors)
    means = sums / np.bincount(at)[:, None]
    nearest = ((means**2).sum(axis=1) - 2 * asked @ means.T).argmin(axis=1)
    return known[nearest], means[at], means[nearest]
