"""From nothing to recommendations by mouse alone: the real app, the real commands, no key."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences
from tests.trained import Shop
from tests.tui.dashboards import dashboard, drawn, shows, until
from tests.tui.terminals import SMALL_MODEL
from tests.tui.test_explore import TOLD

SECONDS = 240.0


@pytest.mark.timeout(900)
async def test_from_nothing_to_recommendations(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL_MODEL, "SRACL_TRAINING__MAX_EPOCHS": "1"}
    for name, value in {**settings, "SRACL_CACHE_DIR": str(shop.base / "cache")}.items():
        monkeypatch.setenv(name, value)
    app = Dashboard(Path("runs"), Path("data"), None, Preferences(tmp_path / "dashboard.json"))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(app, "● to prepare"), SECONDS)
        await click(pilot, "● to prepare")
        await until(pilot, shows(app, "✓ ready", "11,265"), SECONDS)
        await click(pilot, "✓ ready")
        await until(pilot, shows(app, "$ sracl train data/sample"), SECONDS)
        await click(pilot, "Run (F5)")
        await until(pilot, shows(app, "✓ finished", "epoch 1 of 1", "test unmasked NDCG@20"), SECONDS)
        await click(pilot, "F4 Explore")
        await until(pilot, shows(app, "amber-badger"), SECONDS)  # the list opens by itself
        await click(pilot, "type a part of the id")
        await click(pilot, "amber-badger")
        await until(pilot, shows(app, "answered in", "Recommend"), SECONDS)


async def click(pilot: Pilot[Any], text: str) -> None:
    """Click where `text` stands on the screen."""
    for row, line in enumerate(drawn(pilot.app).splitlines()):
        if text in line:
            await pilot.click(offset=(line.index(text) + 1, row))
            return
    raise AssertionError(f"{text!r} is not on the screen:\n{drawn(pilot.app)}")


@pytest.mark.usefixtures("told", "dataset")
async def test_a_click_puts_the_cursor_on_a_run_and_a_second_one_shows_it(
    tmp_path: Path, frozen: Path
) -> None:
    other = frozen.with_name("20260101-110000-other")
    shutil.copytree(frozen, other)
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, shows(app, "1 sample", "other  ", "Validation"))
        await click(pilot, "other  ")
        await click(pilot, "o Overlay")
        await until(pilot, shows(app, "2 other"))
        assert app.session.current == frozen
        await click(pilot, "2 other")
        await until(pilot, lambda: app.session.current == other)


@pytest.mark.usefixtures("told", "dataset")
async def test_what_opens_is_closed_and_every_key_is_pressed_by_clicks(tmp_path: Path, frozen: Path) -> None:
    shutil.copytree(frozen, frozen.with_name("20260101-110000-other"))
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, shows(app, "✓ finished", "g Groups"))
        for opens, title, closes in (
            ("? Help", "─ Keys ─", "esc closes"),
            ("b Board", "─ Leaderboard ─", "esc Close"),
        ):
            await click(pilot, opens)
            await until(pilot, shows(app, title))
            await click(pilot, closes)
            await until(pilot, lambda: len(app.screen_stack) == 1)
        theme = app.theme
        for line, done in (
            ("Theme", lambda: app.theme != theme),
            ("Logarithmic axis", lambda: app.session.preferences["log_axis"]),
            ("Comparisons and studies as", shows(app, "No comparison or study")),
        ):
            await click(pilot, "? Help")
            await until(pilot, shows(app, "─ Keys ─"))
            await click(pilot, line)
            await until(pilot, done)
        await click(pilot, "esc closes")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await click(pilot, "F4 explores it")
        await until(pilot, shows(app, "amber-badger"))
        await click(pilot, "type a part of the id")
        await click(pilot, "amber-badger")
        await until(pilot, shows(app, "u: all but test"))
        await click(pilot, "u: all but test")
        await until(pilot, shows(app, "u: everything"))
        title = TOLD["recommend"]["items"][1]["title"]
        for _ in range(2):
            await until(pilot, shows(app, "answered in", title))
            await click(pilot, title)
        await until(pilot, shows(app, "Latest buyers", "esc closes"))
        await click(pilot, "F4 Explore")  # a tab that is seen beside the box
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await click(pilot, "v Map")
        await until(pilot, shows(app, "items shown"))
        await click(pilot, "esc Close")
        await until(pilot, lambda: len(app.screen_stack) == 1)
