"""What hands and eyes need: a way out of every field, drop-downs and charts that show something."""

from __future__ import annotations

import io
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input

from sracl_core.errors import ConfigError
from sracl_core.settings.layers import preset_names
from sracl_tui import launcher, starting
from sracl_tui.commands import error_line, start_detached
from sracl_tui.last_words import last_words
from sracl_tui.screens.configure.run_choices import FIRST
from sracl_tui.screens.confirm import ConfirmScreen
from sracl_tui.screens.data.importing import ImportScreen
from sracl_tui.screens.quit import QuitScreen
from tests.tui.dashboards import dashboard, drawn, shows, until

pytestmark = pytest.mark.usefixtures("told", "dataset", "frozen")


async def test_escape_leaves_every_field_of_every_screen(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    there = {"f1": "✓ ready", "f2": "sracl train", "f3": "✓ finished", "f4": "free text"}
    async with app.run_test(size=(120, 40)) as pilot:
        for key, text in there.items():
            await pilot.press(key)
            await until(pilot, shows(app, text))
            fields = list(app.screen.query(Input))
            assert fields
            for field in fields:
                field.focus()
                await until(pilot, lambda field=field: app.focused is field)
                await pilot.press("escape")
                await until(pilot, lambda: not isinstance(app.focused, Input))
        await pilot.press("f3", "slash", *"zzz", "escape", "x")
        await until(pilot, shows(app, "x: epoch"))
        assert app.screen.query_one("#run-filter", Input).value == "zzz"


@pytest.mark.parametrize("size", [(120, 30), (100, 30), (80, 24)])
async def test_a_drop_down_shows_its_rows(tmp_path: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sracl train"))
        await pilot.click("#pick-preset")
        await until(pilot, shows(app, *preset_names()[:5]))
        await pilot.press("end")
        await until(pilot, shows(app, *[name for name in preset_names() if name not in FIRST][-5:]))


@pytest.mark.parametrize("size", [(120, 30), (100, 30), (80, 24), (160, 48)])
async def test_charts_have_axes(tmp_path: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f3")
        await until(pilot, shows(app, "✓ finished", "x: step"))
        # The lower axes of two charts side by side.
        await until(pilot, lambda: max(line.count("└─") for line in drawn(app).splitlines()) >= 2)
        assert "Validation NDCG" in drawn(app)


async def test_one_run_is_started_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []
    still = subprocess.Popen(["sleep", "600"])

    def start(words: list[str]) -> Any:
        begun.append(words)
        return still, io.BytesIO()

    monkeypatch.setattr(starting, "start_detached", start)
    app = dashboard(tmp_path)
    try:
        async with app.run_test(notifications=True, size=(120, 40)) as pilot:
            await pilot.press("f2")
            await until(pilot, shows(app, "sracl train"))
            await pilot.press("f5", "f5")
            await until(pilot, shows(app, "this very run is in training"))
            await until(pilot, shows(app, "starting…"))
            assert len(begun) == 1
            app.screen.query_one("#run-name", Input).value = "other"
            await until(pilot, shows(app, "--name other"))
            await pilot.press("f5")
            await until(pilot, shows(app, "waits for the training before it", "1 waits"))
            assert len(begun) == 1
            still.kill()
            await until(pilot, shows(app, "ended by SIGKILL"))
            await until(pilot, lambda: len(begun) == 2 and "other" in begun[1])
            await until(pilot, lambda: not app.session.started)
    finally:
        still.kill()


async def test_several_seeds_are_one_run_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []

    def start(words: list[str]) -> Any:
        begun.append(words)
        return subprocess.Popen(["true"]), io.BytesIO()

    monkeypatch.setattr(starting, "start_detached", start)
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sracl train", "seeds: as set, or 1,2,3"))
        app.screen.query_one("#run-seeds", Input).value = "1, x"
        await pilot.press("f5")
        await until(pilot, shows(app, "seeds are whole numbers, such as 1,2,3"))
        app.screen.query_one("#run-seeds", Input).value = "3,1,2"
        await until(pilot, shows(app, "for seed in 3 1 2; do sracl train"))
        await pilot.press("f5")
        await until(pilot, lambda: len(begun) == 3)
        assert [word for words in begun for word in words if word.startswith("training.seed")] == [
            "training.seed=3",
            "training.seed=1",
            "training.seed=2",
        ]


def test_what_ended_a_process_is_told_by_its_signal_or_its_error() -> None:
    assert error_line("neighbors: 7,665 in 0.0 s\n", -signal.SIGKILL) == "the process was ended by SIGKILL"
    assert error_line("loading\nerror: no space\nbye", 1) == "no space"


def test_a_training_leaves_what_it_said_in_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    process, output = start_detached(["resume", str(tmp_path / "none")])
    assert process.wait(timeout=120) == 2
    output.seek(0)
    with output:
        assert "none" in error_line(output.read().decode(), 2)
    assert not list(folder.iterdir())


async def test_the_filled_button_is_the_one_that_enter_presses(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session.runs)
        app.push_screen(QuitScreen(app.session.runs))
        await until(pilot, lambda: isinstance(app.focused, Button))
        for _ in range(3):
            buttons = list(app.screen.query(Button))
            grounds = {button.id: button.styles.background for button in buttons}
            others = {grounds[button.id] for button in buttons if button is not app.focused}
            assert len(others) == 1
            assert grounds[app.focused.id] not in others
            await pilot.press("tab")


@pytest.mark.parametrize("name", ["last", "sample", "20260101-120000-sample"])
def test_a_run_is_named_as_for_every_command(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = launcher._find_run(name, tmp_path / "runs")
    assert found == tmp_path / "runs" / "20260101-120000-sample"
    assert launcher.run(["nothing", "--runs-dir", "runs"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no run 'nothing' here or in runs; ")
    assert launcher.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sracl-tui ")


def test_settings_that_are_none_are_told_before_the_screen_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEXTUAL_DRIVER", "no.such:Driver")
    (tmp_path / "sracl.yaml").write_text("training:\n  sede: 1\n")
    assert launcher.run([]) == 2
    assert capsys.readouterr().err.startswith("error: sracl.yaml:2: there is no setting 'training.sede'")


def test_an_error_that_a_person_can_mend_is_no_fault_of_the_dashboard() -> None:
    said = last_words(ConfigError("sracl.yaml:2: there is no setting 'x'"))
    assert said.startswith("error: sracl.yaml:2: there is no setting 'x'\ntrainings go on")


@pytest.mark.parametrize("size", [(120, 30), (100, 30), (80, 24)])
async def test_what_a_dialog_says_is_never_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    app, said = dashboard(tmp_path), [f"word{number:02}" for number in range(24)]
    async with app.run_test(size=size) as pilot:
        await until(pilot, shows(app, "✓ ready"))
        for screen in (ImportScreen(problem=" ".join(said)), ConfirmScreen(" ".join(said), "Go")):
            app.push_screen(screen)
            await until(pilot, shows(app, *said))
            app.pop_screen()
