"""What a sitting of a run sets up before it trains: the device, what is learned from, and the trainer."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import torch

from sracl_core.data.sources import Sources, sources_of
from sracl_core.device import (
    bfloat16_gain,
    device_here,
    forget_compiled_shapes,
    forget_peak_memory,
    return_freed_blocks,
    use_threads,
)
from sracl_core.evaluation.ranking import scores_of
from sracl_core.evaluation.results import all_metrics, rank_split
from sracl_core.pipeline.caveats import caveats, keep_caveats
from sracl_core.pipeline.fitting import fit_scores
from sracl_core.pipeline.memory import parts, too_much
from sracl_core.pipeline.new_run import versions
from sracl_core.pipeline.resuming import semantics_of
from sracl_core.pipeline.stages import Report, Semantics
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig
from sracl_core.team import ALONE, Team
from sracl_core.training.inputs import recorded
from sracl_core.training.loop import Metrics, Trainer
from sracl_core.training.session import Session


def ready_device(config: RunConfig, writer: RunWriter, team: Team) -> torch.device:
    """The device of the run, and the process made ready for it."""
    device = device_here(config.training.device)
    use_threads(team.threads(config.training.threads))
    forget_peak_memory(device)
    return_freed_blocks()
    forget_compiled_shapes()
    if config.training.precision == "bfloat16" and (gain := bfloat16_gain(device)) < 1.0:
        writer.message(f"bfloat16 products take {1 / gain:.1f} times as long as float32 here", "warning")
    return device


def inputs_of(
    run: RunDirectory, writer: RunWriter, told: Progress, report: Report, team: Team
) -> tuple[Sources, Semantics]:
    """What the run learns from, the same in every process of the team; what is odd about it is told."""
    config = run.config
    sources = sources_of(run, config)
    say = partial(writer.message, level="warning")
    team.require_same({"dataset": sources.dataset.identity, **versions()})
    if team.first and config.floor is None and not recorded(run):  # else it has begun, and was told
        here = int(os.environ.get("LOCAL_WORLD_SIZE", team.size))
        for text in too_much(config, parts(config, sources, team.size), here):
            say(text)
    if not team.first:
        team.lend()  # until the first has made and kept them
    semantics = semantics_of(run, config, sources, say, told, report, team if team.first else ALONE)
    if team.first:
        team.release()
    said = caveats(config, sources, semantics.notes)
    for text in said:
        writer.message(text, "warning")
    if team.first:
        keep_caveats(run, said)
    return sources, semantics


def trainer_of(
    run: RunDirectory,
    session: Session,
    sources: Sources,
    writer: RunWriter,
    should_stop: Callable[[], bool],
    team: Team,
) -> Trainer:
    """What trains `session`, and validates it on `sources`."""
    config, encoder = run.config, session.encoder

    def validate(beat: Progress) -> Metrics:
        for text in fit_scores(config, encoder, sources, team):
            writer.message(text, "warning")
        return all_metrics(config, rank_split(config, sources, scores_of(encoder), "valid", beat, team=team))

    return Trainer(session, sources.prefixes, validate, config, run, writer, should_stop, team)
