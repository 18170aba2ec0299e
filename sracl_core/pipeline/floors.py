"""A run of a floor: counted in one go, then ranked like any other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.data.sources import Sources
from sracl_core.device import forget_peak_memory, peak_memory
from sracl_core.evaluation.ranking import Scores
from sracl_core.evaluation.results import write_results
from sracl_core.floors.base import Counts, ScoringFloor
from sracl_core.methods import floors
from sracl_core.pipeline.stages import Report, Semantics, stage
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig


def floor_scores(config: RunConfig, sources: Sources, semantics: Semantics) -> Scores:
    """Count the floor of `config` on the training part."""
    assert config.floor is not None
    counts = Counts(sources.dataset.n_items, sources.split.train, semantics.item_vectors)
    counted: ScoringFloor = floors()[config.floor.name].load("floor").Floor(config.floor, counts)

    def scores(rows: Sequences) -> Tensor:
        return torch.from_numpy(counted.score(rows))

    return scores


def rank_floor(
    run: RunDirectory,
    sources: Sources,
    semantics: Semantics,
    progress: Progress | None = None,
    report: Report | None = None,
    spent: Callable[[], Mapping[str, float]] = dict,
    test: bool = True,
) -> dict[str, object]:
    """Count, rank, and write the results; returns what results.json holds.

    spent: seconds of the stages so far. test: see `write_results`.
    """
    began, device = time.monotonic(), torch.device("cpu")
    forget_peak_memory(device)
    with stage("count", report):
        scores = floor_scores(run.config, sources, semantics)
    seconds = time.monotonic() - began
    with stage("evaluate", report):
        stages = {"count": seconds, **spent()}
        memory = peak_memory(device)
        return write_results(run, sources, scores, progress, None, seconds, stages, 0, memory, test)
