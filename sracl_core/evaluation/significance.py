"""Whether one run is better than another on the same users, or only luckier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sracl_core.seeding import generator

AT_ONCE = 256


@dataclass(frozen=True)
class PairedTest:
    """`difference` is the mean of first - second; `p_value` is two-sided."""

    difference: float
    p_value: float
    n: int


def paired_test(first: np.ndarray, second: np.ndarray, seed: int = 0, flips: int = 10_000) -> PairedTest:
    """A paired randomization test (Fisher) of two runs' values for the same users.

    If the runs did not differ, each user's difference could as well have the other sign: the
    p-value is the share of `flips` random sign assignments whose mean is at least as far from 0
    (Smucker, Allan and Carterette, CIKM 2007).

    Args:
        first, second: float [Q], a metric of each query, in the same order.
    """
    if first.shape != second.shape:
        raise ValueError(f"paired values have shapes {first.shape} and {second.shape}")
    differences = first - second
    changed = differences[differences != 0]
    mean = float(differences.mean()) if len(differences) else 0.0
    if not len(changed):
        return PairedTest(mean, 1.0, len(differences))
    observed, rng, extreme = abs(changed.sum()), generator(seed, "paired-test"), 0
    for start in range(0, flips, AT_ONCE):
        signs = rng.integers(0, 2, size=(min(AT_ONCE, flips - start), len(changed)), dtype=np.int8)
        sums = (2.0 * signs - 1.0) @ changed
        extreme += int((np.abs(sums) >= observed * (1 - 1e-12)).sum())
    return PairedTest(mean, (extreme + 1) / (flips + 1), len(differences))


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
