"""How long training takes on this machine, by the runs that it has trained already."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.finding import run_folders
from sracl_core.runs.summary import setting
from sracl_core.settings.deciding import deciding_settings
from sracl_core.settings.models import RunConfig

SLOW = ("model.", "objectives.", "semantics.", "retrieval.", "dataset.", "training.batch_size")
"""Settings by which one run's epochs last longer than another's; the seed, for one, is none of them."""


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch, validation included, as the run `run` had them over `epochs` epochs."""

    run: str
    epochs: int
    seconds_per_epoch: float


def measured_pace(config: RunConfig, dataset: str, device: str, runs_dir: Path) -> Pace | None:
    """The pace of the latest run on this machine with the same data and the settings that decide it.

    config: of the run to come. dataset: its identity. None where no such run has ended: a time that was
    not measured is not known.
    """
    wanted, threads = _slow(deciding_settings(config)), config.training.threads
    found: tuple[float, Pace] | None = None
    for folder in run_folders(runs_dir):
        run = RunDirectory(folder)
        meta, state = run.meta(), run.state()
        held, of = meta.get("config"), meta.get("dataset")
        if not isinstance(held, Mapping) or not isinstance(of, Mapping) or of.get("identity") != dataset:
            continue
        if state.get("host") != socket.gethostname() or meta.get("device") != device:
            continue
        pace, created = _pace(run.name, state), meta.get("created")
        if pace is None or not isinstance(created, int | float) or _slow(held) != wanted:
            continue
        if setting(run.settings(), "training.threads") != threads:
            continue
        if found is None or created > found[0]:
            found = float(created), pace
    return None if found is None else found[1]


def _slow(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide the pace; of an objective that is switched off none."""
    off = [
        key.removesuffix("weight") for key, value in settings.items() if key.endswith(".weight") and not value
    ]
    return {
        key: list(value) if isinstance(value, list | tuple) else value
        for key, value in settings.items()
        if key.startswith(SLOW) and not key.startswith(tuple(off))
    }


def _pace(name: str, state: Mapping[str, Any]) -> Pace | None:
    """Of a run that has ended; while one trains, its seconds are not yet summed up."""
    stages, epoch = state.get("stages"), state.get("epoch")
    seconds = stages.get("train") if isinstance(stages, Mapping) else None
    if not isinstance(seconds, int | float) or not isinstance(epoch, int) or not 0 < seconds < inf:
        return None
    return Pace(name, epoch + 1, seconds / (epoch + 1))
