"""What the dashboard's tests share: dashboards, runs to watch, and reading the screen."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig
from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences

FIXTURES = Path(__file__).parent / "fixtures"
ROOT = Path(__file__).parents[2]
SIZES = [(80, 24), (100, 30), (120, 40), (40, 12)]


def recorded(*args: str) -> list[str]:
    """Instead of `sracl`: a program that says what `sracl` once said to the same question."""
    return [sys.executable, "-S", str(FIXTURES / "replay.py"), *args]


def dashboard(tmp_path: Path, opened: Path | None = None) -> Dashboard:
    """A dashboard on tmp_path/runs and tmp_path/data."""
    preferences = Preferences(tmp_path / "dashboard.json")
    return Dashboard(tmp_path / "runs", tmp_path / "data", opened, preferences)


def new_run(tmp_path: Path, name: str = "live", **changes: Any) -> RunDirectory:
    """A run directory as a training makes it."""
    config = RunConfig.model_validate({"dataset": {"path": "data/sample"}, **changes})
    return create_run(tmp_path / "runs", name, config, {"dataset": {"name": "sample"}, "device": "cpu"})


def steps(writer: RunWriter, first: int, last: int, **changes: Any) -> None:
    """Step events as the loop writes them."""
    for step in range(first, last + 1):
        fields = {"loss": 6.0 - step / 100, "next_item": 5.0, "inter": 0.5, "intra": 0.4, **changes}
        writer.event(
            "step", step=step, epoch=step // 10, prefixes_per_second=900.0, elapsed=step * 0.5, **fields
        )


def epoch(writer: RunWriter, number: int, ndcg: float, best: bool = True) -> None:
    """An epoch event as the loop writes it."""
    metrics = {"NDCG@10": ndcg * 0.8, "NDCG@20": ndcg, "HR@10": ndcg * 2, "HR@20": ndcg * 3}
    valid = {"unmasked": metrics, "masked": {name: held * 1.2 for name, held in metrics.items()}}
    writer.event(
        "epoch", epoch=number, step=(number + 1) * 10, loss=5.0, next_item=4.5, inter=0.4, intra=0.3,
        seconds=5.0, elapsed=(number + 1) * 5.0, prefixes_per_second=900.0, valid=valid, best=best,
    )  # fmt: skip


async def until(pilot: Pilot[Any], what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until `what` is true, however slow the machine is."""
    end = time.monotonic() + seconds
    while (looked := time.monotonic()) < end:
        try:
            found = what()
        except Exception:
            found = None
        if found:
            return found
        # Looking must not keep what is waited for from its core.
        await asyncio.sleep(max(0.05, 4 * (time.monotonic() - looked)))
    raise AssertionError(f"did not come true in {seconds} s:\n{drawn(pilot.app)}")


def drawn(app: Any) -> str:
    """The screen as text, as a person reads it."""
    strips = app.screen._compositor.render_strips()
    text = "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)
    return text.replace("\u00a0", " ")


def shows(app: Any, *texts: str) -> Callable[[], bool]:
    """Whether all of `texts` stand on the screen, also where a line was broken between two words."""

    def stand() -> bool:
        screen = drawn(app)
        whole = screen + " ".join(screen.split())
        return all(text in whole for text in texts)

    return stand
