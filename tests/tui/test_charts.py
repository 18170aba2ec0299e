"""Charts of 100,000 points on small and large, dark, light, colorless and ASCII-only terminals."""

from __future__ import annotations

import re
import time
from array import array
from pathlib import Path

import numpy as np
import pytest

from sracl_tui.app import Dashboard
from sracl_tui.view_models import RunLine, RunSnapshot
from sracl_tui.watcher import CatalogChanged, RunChanged
from tests.tui.dashboards import dashboard, drawn, shows, until

POINTS = 100_000
PATH = Path("runs/20260101-120000-long")
BRAILLE = re.compile("[\u2801-\u28ff]")


def long_run() -> RunSnapshot:
    """Losses that fall with noise over 100,000 steps and 50 epochs, one of them a spike."""
    steps = np.arange(1.0, POINTS + 1)
    noise = np.random.default_rng(0).normal(0, 0.05, POINTS)
    loss = 4.0 + 3.0 / (1 + steps / 8000) + noise
    loss[70_000] = 9.0
    columns = {"step": steps, "epoch": steps // 2000, "elapsed": steps / 10, "loss": loss}
    columns |= {"next_item": loss - 0.7, "inter": 0.5 + noise, "intra": 0.4 + noise}
    epochs = [
        {"epoch": at, "step": (at + 1) * 2000, "valid": {"unmasked": {"NDCG@20": 0.2 - 0.1 / (at + 1)}}}
        for at in range(50)
    ]
    return RunSnapshot(
        path=PATH,
        status="finished",
        steps={name: array("d", column) for name, column in columns.items()},
        epochs=tuple(epochs),
    )


def show(app: Dashboard, snapshot: RunSnapshot) -> None:
    """As the watcher does; there is no such folder, so it says nothing of its own."""
    app.session.stop()
    app.post_message(CatalogChanged((RunLine(PATH, PATH.name, "finished", "long", "sasrec", 49, 0.2, 1.0),)))
    app.post_message(RunChanged(snapshot))


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
@pytest.mark.parametrize("look", ["sracl-dark", "sracl-light", "no color", "ascii"])
async def test_a_hundred_thousand_points_are_readable(
    size: tuple[int, int], look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if look in ("no color", "ascii"):
        monkeypatch.setenv(*(("NO_COLOR", "1") if look == "no color" else ("SRACL_ASCII", "1")))
    app = dashboard(tmp_path)
    async with app.run_test(size=size) as pilot:
        if look.startswith("sracl"):
            app.theme = look
        await pilot.press("f3")
        show(app, long_run())
        await until(pilot, shows(app, "A total", "B next", "Validation NDCG"))
        mark = (lambda line: set(line) & set(".:*")) if look == "ascii" else BRAILLE.search
        await until(pilot, lambda: sum(bool(mark(line)) for line in chart(app)) >= 5)
        lines = chart(app)
        if look == "ascii":
            assert drawn(app).isascii()
        else:
            curve = [BRAILLE.search(line) for line in lines]
            first, last = curve.index(next(filter(None, curve))), len(curve)
            assert last - first >= 5, "the course takes up the height"
        assert any(line.rstrip(" |┃┫┣+").endswith(("A", "B")) for line in lines), "letters name the curves"
        labels = [float(found) for line in lines if (found := label(line)) is not None]
        assert labels == sorted(set(labels), reverse=True)
        assert 2 <= len(labels) <= size[1] // 4
        assert 8.0 <= labels[0] <= 10.0, "the one spike is not lost among 100,000"
        if look == "no color":
            strips = app.screen._compositor.render_strips()
            colors = {s.style.color for strip in strips for s in strip if s.style and s.style.color}
            assert all(color.triplet is None or len(set(color.triplet)) == 1 for color in colors)


async def test_drawing_them_anew_takes_little(tmp_path: Path) -> None:
    app, snapshot = dashboard(tmp_path), long_run()
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.press("f3")
        show(app, snapshot)
        await until(pilot, shows(app, "A total", "B next"))
        begun = time.process_time()
        for _ in range(5):
            app.screen._redraw()
            await pilot.pause()
        took = (time.process_time() - begun) / 5
        begun = time.process_time()
        sum(number * number for number in range(1_000_000))
        yardstick = time.process_time() - begun  # on a busy machine both take longer
        assert took < 5 * yardstick


def chart(app: Dashboard) -> list[str]:
    """The rows of the first chart, from the frame's top to its bottom."""
    tile = app.screen.query_one("#tile-loss Plot").region
    return [line[tile.x : tile.right] for line in drawn(app).splitlines()[tile.y : tile.bottom]]


def label(line: str) -> str | None:
    found = re.match(r"\s*(\d+(?:\.\d+)?) ", line)
    return found.group(1) if found and re.search(r"[┫+]", line) else None
