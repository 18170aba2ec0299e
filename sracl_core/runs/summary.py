"""One line of what was trained. Nothing heavy is imported here: of a list that is kept it is all there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.runs.records import DEFAULT_HEADLINE


@dataclass(frozen=True)
class RunSummary:
    """One line of `sracl runs list`; metrics are those of the best epoch on validation.

    status: a word of `liveness.status`, or "damaged", and then `problem` says why. headline: the metric
    that chose the best epoch, such as "unmasked/NDCG@20".
    """

    path: Path
    name: str
    status: str
    problem: str | None
    created: float
    dataset: str
    model: str
    seed: int | None
    epoch: int | None
    best_epoch: int | None
    headline: str
    valid: dict[str, dict[str, float]]
    test: dict[str, dict[str, float]]
    training_seconds: float | None


def damaged(folder: Path, problem: str) -> RunSummary:
    """The line of a run of which nothing can be read."""
    return RunSummary(
        folder, folder.name, "damaged", problem, created=0.0, dataset="", model="", seed=None, epoch=None,
        best_epoch=None, headline=DEFAULT_HEADLINE, valid={}, test={}, training_seconds=None,
    )  # fmt: skip


def setting(settings: Mapping[str, Any], key: str) -> Any:
    """The setting `key`, such as "training.seed", of unchecked settings; None where there is none."""
    found: Any = settings
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
