"""On a small terminal too: the keys at the bottom, every key by name, and the question before leaving."""

from __future__ import annotations

from pathlib import Path

import pytest

from sracl_tui.screens.help import HelpScreen
from sracl_tui.screens.quit import QuitScreen
from tests.tui.dashboards import dashboard, drawn, shows, until

SMALL = (80, 24)

pytestmark = pytest.mark.usefixtures("told", "dataset")


@pytest.mark.parametrize("mode", ["data", "configure", "train", "explore"])
async def test_the_ways_out_are_always_there(tmp_path: Path, frozen: Path, mode: str) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=SMALL) as pilot:
        app.action_go(mode)
        await until(pilot, lambda: app.current_mode == mode and app.screen.query("FooterKey"))
        app.screen.set_focus(None)
        await until(pilot, lambda: drawn(app).splitlines()[-1].endswith(" ^q Quit ? Help"))


async def test_the_keys_of_a_chart_stand_apart(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(app, "x: step"))
        await pilot.press("tab")
        await until(pilot, shows(app, "+ - Zoom", "← → ↑ ↓ Pan r Reset scales", " ^q Quit ? Help"))
        first, keys = app.screen.focused, list(app.screen.query("FooterKey"))
        await pilot.press("tab")
        await until(pilot, lambda: app.screen.focused is not first)
        await pilot.pause()
        assert list(app.screen.query("FooterKey")) == keys, "another chart has the same keys"


async def test_leaving_and_the_keys_are_said_in_full(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.session.runs)
        app.push_screen(QuitScreen(app.session.runs))
        await until(pilot, shows(app, "Detach (d): it goes on", "Stop (s): checkpoint, end", "Cancel (esc)"))
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        # The present screen's keys first, those of the others further down.
        await until(pilot, shows(app, "Train", "Draw the run under the cursor beside this one"))
        await pilot.press("end")
        await until(pilot, shows(app, "Everything also works with the mouse"))
