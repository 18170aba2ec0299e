"""How long the runs of a study take, as far as that is known before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sracl_core.data.sources import load_sources
from sracl_core.device import pick_device
from sracl_core.runs.pace import measured_pace
from sracl_core.studies.planning import Planned, share_done


def minutes_at_most(planned: Sequence[Planned], runs_dir: Path) -> list[float | None]:
    """Of what is left of each, runs of one method that differ in their seed.

    By the pace of such a run on this machine, no more than its epochs and the one in which its budget ends;
    else its budget. 0 where nothing is to be trained, None where neither is known.
    """
    first = planned[0]
    paced = None
    if any(one.extent.steps for one in planned) and first.config.floor is None:
        device = str(pick_device(first.config.training.device))
        paced = measured_pace(first.config, load_sources(first.config).dataset.identity, device, runs_dir)
    found: list[float | None] = []
    for one in planned:
        seconds: float | None = 0.0
        if one.left in ("train", "resume", "running") and one.config.floor is None:
            whole = one.extent.seconds or None
            if paced is not None:
                whole = one.extent.seconds_left(0, 0.0, paced.seconds_per_epoch / one.extent.per_epoch)
            seconds = whole and whole * (1.0 - (share_done(one.run, one.extent) if one.run else 0.0))
        found.append(None if seconds is None else seconds / 60.0)
    return found
