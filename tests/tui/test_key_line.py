"""On a small terminal too: the keys at the bottom, every key by name, and the question before leaving."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sracl_tui.screens.data.job_line import JobLine
from sracl_tui.screens.explore.item import ItemScreen
from sracl_tui.screens.explore.map import MapScreen
from sracl_tui.screens.explore.map_plot import MapPlot
from sracl_tui.screens.help import HelpScreen
from sracl_tui.screens.quit import QuitScreen
from sracl_tui.screens.train.screen import TrainScreen
from tests.tui.dashboards import dashboard, drawn, shows, until

SMALL = (80, 24)
TOP = re.compile(r" ?(SRA-CL +)?F1( Data)? +F2( Configure)? +F3 Train +F4( Explore)?( +1 run)?")
"""The bar with whole tabs, and beside them all that is to be said or nothing."""

pytestmark = pytest.mark.usefixtures("told", "dataset")


@pytest.mark.parametrize(
    ("mode", "there", "not_there"),
    [
        ("data", "a Import", ["Prepare", "Fetch", "Cancel"]),  # a ready dataset, and nothing under way
        ("configure", "F5 Run", ["Reset"]),  # nothing was changed
        ("train", "g Groups", ["Stop", "Resume", "Freeze", "Overlay"]),  # the only run, finished
        ("explore", "f Free text", ["Back", "Profile", "Compare"]),  # no user yet, no second run
    ],
)
async def test_what_can_be_done_and_the_ways_out_are_there(
    tmp_path: Path, frozen: Path, mode: str, there: str, not_there: list[str]
) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=SMALL) as pilot:
        await app.action_go(mode)
        await until(pilot, lambda: app.current_mode == mode and app.screen.query("FooterKey"))
        app.screen.set_focus(None)
        await until(pilot, lambda: drawn(app).splitlines()[-1].endswith(" ^q Quit ? Help"))
        await until(pilot, lambda: there in drawn(app).splitlines()[-1])
        palette = [command.title for command in app.get_system_commands(app.screen)]
        assert sorted(set(palette)) == sorted(palette), "nothing is offered twice"
        if mode == "explore":
            assert "Sort (s, F6)" in palette
            await until(pilot, shows(app, "/  user: part of id  ", "f  free text  "))
        assert not [name for name in not_there if name in drawn(app).splitlines()[-1]]


async def test_keys_come_with_what_they_can_do_and_go_again(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path)
    keys = lambda: drawn(app).splitlines()[-1]  # noqa: E731
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, lambda: "Import" in keys())
        app.screen.query_one(JobLine)._busy = "preparing"
        app.screen.query_one(JobLine).post_message(JobLine.Turned())
        await until(pilot, lambda: "^x Cancel" in keys())
        await app.action_go("train")
        await until(pilot, lambda: "g Groups" in keys())
        state = json.loads((frozen / "state.json").read_text())
        (frozen / "state.json").write_text(json.dumps(state | {"status": "stopped"}))
        await until(pilot, lambda: "R Resume" in keys() and "Groups" not in keys())
        await pilot.press("g")  # not offered, yet it answers
        await until(pilot, shows(app, "sample is stopped: nothing to group"))


async def test_no_key_is_cut_at_any_width(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "g Groups" in drawn(app).splitlines()[-1])
        for width in (110, 104, 101, 100, 95, 94, 93, 92, 80, 66, 50, 34):
            await pilot.resize_terminal(width, 30)
            await until(pilot, lambda width=width: app.screen.size.width == width)
            await until(pilot, lambda: not cut(drawn(app).splitlines()[-1]))
            await until(pilot, lambda: TOP.fullmatch(drawn(app).splitlines()[0]))


def cut(line: str) -> str:
    """What stands in the line of keys beside whole ones."""
    keys = [f"{key.key_display or key.key} {key.description}" for key in TrainScreen.BINDINGS]
    for key in (*keys, "^q Quit", "? Help"):
        line = line.replace(key, "", 1)
    return line.strip()


async def test_the_keys_of_a_chart_stand_apart(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(app, "x: step"))
        await pilot.press("tab")
        await until(
            pilot, shows(app, "+ - Zoom", "← → ↑ ↓ Pan", "r Reset scales", ", . Read", " ^q Quit ? Help")
        )
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
        await pilot.press("f2")
        assert isinstance(app.screen, QuitScreen), "a question waits for its answer"
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        # The present screen's keys first, those of the others further down.
        await until(pilot, shows(app, "Train", "Draw the run under the cursor beside this one"))
        await pilot.press("end")
        await until(pilot, shows(app, "Everything also works with the mouse"))
        await pilot.press("escape")
        app.push_screen(MapScreen(None, {}))  # type: ignore[arg-type]
        await until(pilot, lambda: isinstance(app.focused, MapPlot))
        await pilot.press("question_mark")
        await until(pilot, shows(app, "The map of the items", "Move the cursor, at the edge the map"))
        await pilot.press("escape")
        app.push_screen(ItemScreen(None, "tea"))  # type: ignore[arg-type]
        await until(pilot, lambda: isinstance(app.screen, ItemScreen))
        await pilot.press("question_mark")
        await until(pilot, shows(app, "The card of an item", "To the item before", "Everywhere"))
        line = next(at for at, row in enumerate(drawn(app).splitlines()) if "F4 4" in row)
        await pilot.click(offset=(30, line))
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen), "no line that does nothing there is pressed"
        await pilot.press("f2")
        await until(pilot, lambda: app.current_mode == "configure")
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "train")
        assert len(app.screen_stack) == 1, "who goes elsewhere has left what lay over the screen"
