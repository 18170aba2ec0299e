"""Charts of 100,000 points on small and large, dark, light, colorless and ASCII-only terminals."""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from sracl_tui.app import Dashboard
from sracl_tui.screens.train.plot import Plot
from sracl_tui.screens.train.ticks import even, even_seconds, texts
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


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 60)])
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
        assert any(line.rstrip(" |").endswith(("A", "B")) for line in lines), "letters name the curves"
        labels = [float(found) for line in lines if (found := label(line)) is not None]
        assert labels == sorted(set(labels), reverse=True)
        assert 2 <= len(labels) <= size[1] // 4
        assert 8.0 <= labels[0] <= 10.0, "the one spike is not lost among 100,000"
        if look == "no color":
            strips = app.screen._compositor.render_strips()
            colors = {s.style.color for strip in strips for s in strip if s.style and s.style.color}
            assert all(color.triplet is None or len(set(color.triplet)) == 1 for color in colors)


async def test_the_wheel_comes_closer_by_the_same_turn_as_on_the_map(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f3")
        show(app, long_run())
        plot = await until(pilot, lambda: app.screen.query_one("#tile-headline Plot", Plot))
        await until(pilot, lambda: plot._x_max > POINTS)  # it has drawn them all
        whole = plot._x_max - plot._x_min
        # What is drawn meanwhile shows all again; a wheel that turns the other way never comes closer.
        for _ in range(50):
            await pilot._post_mouse_events([events.MouseScrollUp], plot, (20, 5))
            await pilot.pause()
            if plot._x_max - plot._x_min < whole:
                break
        assert plot._x_max - plot._x_min < whole


async def test_a_crosshair_reads_values_and_the_best_epoch_is_marked(tmp_path: Path) -> None:
    app, run = dashboard(tmp_path), long_run()
    best = [
        {**record, "best": at == 20, "valid": {"unmasked": {"NDCG@20": 0.3 + at / 100}}}
        for at, record in enumerate(run.epochs)
    ]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f3")
        show(app, replace(run, epochs=tuple(best)))
        await until(pilot, shows(app, "A total", "★", "(best epoch 0.5000)"))
        app.screen.query_one("#tile-headline Plot").focus()
        await pilot.press("comma")
        await until(pilot, shows(app, "at step 100,000", "A 0.7900", "50k          100k"))
        await pilot.press(*["comma"] * 3)
        await until(pilot, lambda: "at step 9" in drawn(app))
        await pilot.press("escape")
        await until(pilot, lambda: "at step" not in drawn(app))
        plot = app.screen.query_one("#tile-loss Plot")
        await pilot.hover("#tile-loss Plot", offset=(plot.region.width // 2, 3))
        await until(pilot, shows(app, "at step", "A 4."))


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.floats(1e-6, 1e7),
    st.integers(2, 12),
    st.sampled_from([even, even_seconds]),
)
def test_marks_are_few_even_and_all_say_something_else(
    low: float, span: float, most: int, ticks: Callable[[float, float, int], list[float]]
) -> None:
    if low + span / 1e3 == low or span < abs(low) * 1e-6:
        return
    found = ticks(low, low + span, most)
    assert len(found) <= most
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in found)
    if ticks is even:
        assert found
        assert len(set(texts(found))) == len(found)
    gaps = np.diff(found)
    assert np.allclose(gaps, gaps[:1], rtol=1e-3) if len(gaps) else True


async def test_a_hundred_times_the_points_are_drawn_in_about_the_same_time(tmp_path: Path) -> None:
    app, long = dashboard(tmp_path), long_run()
    short = replace(long, steps={name: column[::100] for name, column in long.steps.items()})
    took: dict[int, list[float]] = {}
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.press("f3")
        for snapshot in 4 * [short, long]:
            show(app, snapshot)
            await until(pilot, shows(app, "A total", "B next"))
            begun = time.process_time()
            app.screen._redraw()
            await pilot.pause()
            took.setdefault(len(snapshot.steps["step"]), []).append(time.process_time() - begun)
    few, many = (min(took[count]) for count in (POINTS // 100, POINTS))
    begun = time.process_time()
    sum(number * number for number in range(1_000_000))
    assert many < 4 * few
    assert few < 12 * (time.process_time() - begun), "it is 1 to 2 times as long as this sum"


def chart(app: Dashboard) -> list[str]:
    """The rows of the first chart, from the frame's top to its bottom."""
    tile = app.screen.query_one("#tile-loss Plot").region
    return [line[tile.x : tile.right] for line in drawn(app).splitlines()[tile.y : tile.bottom]]


def label(line: str) -> str | None:
    found = re.match(r"\s*(\d+(?:\.\d+)?) ", line)
    return found.group(1) if found and re.search(r"[┤+]", line) else None
