"""Whether one run is better than another on the same users, or only luckier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sracl_core.seeding import generator

AT_ONCE = 256
MOST_SIGNS = 1 << 22
"""In one product. Many small ones cost ten times as much where its threads wait for a core."""

ROUNDING = 1e-5
"""Sums are of float32, which is twice as fast; one that is as far from 0 but for that counts as being so."""


@dataclass(frozen=True)
class PairedTest:
    """`difference` is the mean of first - second; `p_value` is two-sided."""

    difference: float
    p_value: float
    n: int


def paired_test(first: np.ndarray, second: np.ndarray, seed: int = 0, flips: int = 10_000) -> PairedTest:
    """A paired randomization test (Fisher) of two runs' values for the same users, float [Q]."""
    if first.shape != second.shape:
        raise ValueError(f"paired values have shapes {first.shape} and {second.shape}")
    return paired_tests((first - second)[None], seed, flips)[0]


def paired_tests(differences_TQ: np.ndarray, seed: int = 0, flips: int = 10_000) -> list[PairedTest]:
    """T paired randomization tests of values for the same Q users, all by the same flips.

    If two runs did not differ, each user's difference could as well have the other sign: the
    p-value is the share of `flips` random sign assignments whose mean is at least as far from 0
    (Smucker, Allan and Carterette, CIKM 2007).

    Args:
        differences_TQ: float, of a metric of each query, first minus second.
    """
    tests, users = differences_TQ.shape
    if not users:
        return [PairedTest(0.0, 1.0, 0)] * tests
    # Most users have the item beyond every cut-off in both runs; a sign more or less says nothing there.
    changed_CT = differences_TQ[:, (differences_TQ != 0).any(axis=0)].T.astype(np.float32)
    least_T = np.abs(changed_CT.sum(axis=0, dtype=np.float64)) * (1 - ROUNDING)
    extreme_T, rng = np.zeros(tests, dtype=np.int64), generator(seed, "paired-test")
    changed = len(changed_CT)
    together = AT_ONCE * max(1, MOST_SIGNS // max(1, AT_ONCE * changed))
    for start in range(0, flips, together):
        # Drawn by few, so that how many are multiplied at once decides nothing.
        drawn = [
            rng.integers(0, 256, size=(min(AT_ONCE, flips - at), -(-changed // 8)), dtype=np.uint8)
            for at in range(start, min(start + together, flips), AT_ONCE)
        ]
        signs = np.unpackbits(np.concatenate(drawn), axis=1, count=changed).astype(np.float32)
        signs *= 2.0
        signs -= 1.0
        extreme_T += (np.abs(signs @ changed_CT) >= least_T).sum(axis=0)
    means, chances = differences_TQ.mean(axis=1), (extreme_T + 1) / (flips + 1)
    return [PairedTest(float(mean), float(p), users) for mean, p in zip(means, chances, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for being several (Holm, 1979): the family-wise error stays below each.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    corrected, least = [1.0] * len(p_values), 0.0
    for place, at in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[at]))
        corrected[at] = least
    return corrected
