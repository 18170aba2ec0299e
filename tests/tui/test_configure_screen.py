"""Configure: form, checks at the field, what comes of it, run."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual.app import App
from textual.widgets import Button, Input, Select

from sracl_core.settings.layers import preset_names
from sracl_tui import commands
from sracl_tui.screens.configure import outcome
from sracl_tui.screens.configure import screen as configure
from sracl_tui.screens.configure.editor import EditorError, edit
from sracl_tui.screens.configure.setting_field import SettingField
from sracl_tui.screens.configure.settings_panel import PASSING_SECONDS
from sracl_tui.view_models import RunLine
from sracl_tui.watcher import CatalogChanged
from tests.tui.dashboards import SIZES, dashboard, drawn, shows, until

pytestmark = pytest.mark.usefixtures("told", "dataset")


@pytest.mark.parametrize("size", SIZES)
async def test_form_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=size) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sample", "defaults"))
        await until(pilot, shows(app, "sracl train"))
        below = ("none: no text",) if size[1] >= 40 else ()
        if size[0] >= 100:
            await until(pilot, shows(app, "training prefixes", "7,665", "126,976", *below))


async def test_a_problem_stands_at_the_field_and_holds_the_run_back(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "Settings of dataset"))
        app.screen.query_one("#section-rows").select_id("training")
        field = await until(pilot, lambda: app.screen.query_one("#set-training-learning-rate Input", Input))
        field.value = "-3"
        await until(pilot, shows(app, "✗ input should be greater than 0", "✗ 1 wrong"))
        assert app.screen.query_one("#run", Button).disabled
        await pilot.press("f5")
        await until(pilot, shows(app, "not started"))
        field.value = "0.01"
        await until(pilot, shows(app, "training.learning_rate=0.01", "● 1 changed", "● learning_rate"))
        assert not app.screen.query_one("#run", Button).disabled
        await pilot.press("f9")
        await until(pilot, lambda: "0.01" not in drawn(app))


async def test_no_letter_is_lost_to_what_came_of_the_one_before(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "Settings of dataset"))
        screen = cast(configure.ConfigureScreen, app.screen)
        screen.query_one("#section-rows").select_id("training")
        await until(pilot, shows(app, "max_epochs", "constant"))
        field = screen.query_one("#set-training-max-epochs Input", Input)
        field.value = "90"
        screen._check()  # of the letter before, before anything is told of this one
        assert field.value == "90"
        await until(pilot, shows(app, "training.max_epochs=90"))


async def test_a_blank_stays_until_the_word_after_it(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "Settings of dataset"))
        field = await until(pilot, lambda: app.screen.query_one("#set-dataset-path Input", Input))
        app.screen.set_focus(field)
        field.value = "my "
        await until(pilot, shows(app, "$ sracl train my"))
        await pilot.press("end", "d")
        await until(pilot, shows(app, "$ sracl train 'my d'"))


async def test_no_dataset_can_be_chosen_and_the_command_says_so(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "$ sracl train ", "data/sample"))
        await pilot.click("#pick-dataset")
        await until(pilot, shows(app, "none: F1 prepares"))
        await pilot.press("home", "enter")
        await until(pilot, lambda: "data/sample" not in drawn(app))
        assert app.screen.query_one("#run", Button).disabled


async def test_preset_changes_yaml_and_search(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(140, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "Settings of dataset"))
        app.screen.query_one("#pick-preset", Select).value = "paper"
        await until(pilot, shows(app, "--preset paper", "As published (arXiv 2503.04162 and its code): "))
        app.screen.form.enter("training.max_epochs", "3")
        app.screen._check()
        app.screen.query_one("#sides").active = "side-changes"
        await until(pilot, shows(app, "preset  paper", "− 100", "+ 3"))
        app.screen.query_one("#sides").active = "side-yaml"
        await until(pilot, shows(app, "split: leave_one_out"))
        await pilot.press("slash", *"temperature")
        await until(pilot, shows(app, "Settings with", "Divides the similarity"))


async def test_what_missing_texts_cost_is_told_before_they_are_paid_for(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(140, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "training prefixes"))
        for key, text in {
            "semantics.items": "llm", "describe.model": "m", "describe.base_url": "http://localhost:9/v1",
            "describe.price_input": "1", "describe.price_output": "1",
        }.items():  # fmt: skip
            app.screen.form.enter(key, text)
        app.screen._check()
        await until(pilot, shows(app, "✗", "sracl describe", "texts by an LLM", "money"))


async def test_a_small_terminal_shows_the_estimate_in_the_place_of_the_form(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sracl train"))
        await pilot.press("f6")
        await until(pilot, shows(app, "training prefixes", "7,665", "F6 back to the settings"))
        await pilot.press("right")
        await until(pilot, shows(app, "Nothing differs from the preset"))
        await pilot.press("f6")
        await until(pilot, shows(app, "Settings of dataset"))
        assert app.screen.focused.id == "section-rows"
        await pilot.press("f6", "slash", *"temperature")
        await until(pilot, shows(app, "Settings with", "Divides the similarity"))


async def test_typing_on_while_fields_are_taken_away_ends_in_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To cancel what waits for widgets to go would cancel these, and nothing would be drawn any more."""
    going, gone = asyncio.Event(), asyncio.Event()

    async def slowly(_: SettingField) -> None:
        going.set()
        await gone.wait()

    monkeypatch.setattr(SettingField, "on_unmount", slowly, raising=False)
    app = dashboard(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "leave_one_out"))
        app.screen.set_focus(app.screen.query_one("#find"))
        for text in ("tem", "temperature"):
            app.screen.query_one("#find", Input).value = text
            await until(pilot, going.is_set)
        await asyncio.sleep(2 * PASSING_SECONDS)
        gone.set()
        await until(pilot, shows(app, "Settings with “temperature”", "Divides the similarity"))
        keys = [field.setting.key for field in app.screen.query(SettingField)]
        assert len(keys) == len(set(keys))
        field = app.screen.query(SettingField).first()
        await field.query_one(".name").remove()
        app.screen._check()  # marks what is on its way out, too


async def test_only_another_setting_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def listening(*args: str) -> object:
        asked.append(args[0])
        return await commands.ask(*args)

    monkeypatch.setattr(outcome, "ask", listening)
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "training prefixes"))
        await pilot.press("slash", *"max_epochs")
        await until(pilot, shows(app, "Settings with “max_epochs”"))
        await pilot.press("ctrl+u", *"nonsense")
        await until(pilot, shows(app, "No setting has “nonsense”"))
        await pilot.press("escape", "question_mark", "escape")
        await pilot.pause(2 * outcome.ESTIMATE_SECONDS)
        assert "training prefixes" in drawn(app)
        assert asked == ["train"]
        await pilot.press("f6")
        await until(pilot, lambda: asked == ["train"] * 2)
        app.screen.query_one("#pick-preset", Select).value = "paper"
        await until(pilot, lambda: asked == ["train"] * 3)


async def test_the_presets_that_most_look_for_come_first(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sracl train"))
        offered = [value for _, value in app.screen.query_one("#pick-preset", Select)._options]
        assert offered[:5] == ["defaults", "quick", "fast", "best", "paper"]
        assert sorted(offered[1:]) == preset_names()


async def test_save_and_copy(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sracl train"))
        app.screen.query_one("#run-name", Input).value = "mine"
        await until(pilot, shows(app, "--name mine"))
        await pilot.press("f7", "y")
        await until(pilot, (tmp_path / "mine.yaml").exists)
        assert "max_epochs: 100" in (tmp_path / "mine.yaml").read_text()
        copied = tmp_path / "XDG_CACHE_HOME" / "sracl" / "copied.txt"
        await until(pilot, copied.exists)
        assert copied.read_text().startswith("sracl train ")


async def test_an_editor_that_is_not_set_or_changes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "sracl train"))
        await pilot.press("f8")
        await until(pilot, shows(app, "cannot be started", "names another"))
        path = tmp_path / "config.yaml"
        path.write_text("training:\n  seed: 7\n")
        app.screen._read_back(path)
        await until(pilot, shows(app, "training.seed=7"))
        path.write_text("training:\n  sead: 7\n")
        app.screen._read_back(path)
        await until(pilot, shows(app, "not taken over", "config.yaml:2:"))
        opened: list[str] = []
        monkeypatch.setattr(configure, "edit", lambda app, path: opened.append(path.read_text()))
        await pilot.press("f8")
        await until(pilot, lambda: opened)
        assert opened == ["training:\n  sead: 7\n"], "what was written is not lost"


def test_what_an_editor_that_ends_with_an_error_wrote_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sh -c 'exit 3'")
    with pytest.raises(EditorError, match="ended with code 3"):
        edit(cast(App[Any], SimpleNamespace(suspend=nullcontext)), tmp_path / "config.yaml")


async def test_a_training_that_cannot_start_says_so_as_the_command_line_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "Settings of dataset"))
        monkeypatch.setattr(configure, "start_run", lambda app, session, args: start(app, session))
        from sracl_tui.starting import _start

        def start(app: Any, session: Any) -> None:
            _start(app, session, ["nonsense"], None, set(), ())

        await pilot.press("f5")
        await until(pilot, shows(app, "could not start", "nothing was recorded for nonsense"))
        app.clear_notifications()
        await until(pilot, lambda: not app.screen.query("Toast"))
        await until(pilot, shows(app, "✗ the last one could not start: nothing was recorded for nonsense"))


async def test_without_a_dataset_the_form_says_where_to_get_one(tmp_path: Path, dataset: Path) -> None:
    (dataset / "dataset.json").unlink()
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "none: F1 prepares", "choose a dataset"))


async def test_what_starts_and_waits_is_told_without_the_runs_of_before(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session.runs is not None)
        app.session.stop()
        path = tmp_path / "runs" / "20260101-120000-mine"
        for status in ("running", "finished"):
            app.post_message(
                CatalogChanged((RunLine(path, path.name, status, "mine", "sasrec", 1, 0.2, 1.0),))
            )
            app.session.tell_runs()  # before the message of the watcher has come
            await until(
                pilot, lambda status=status: [one.status for one in app.session.runs or ()] == [status]
            )
        await until(pilot, shows(app, "1 run"))
        await pilot.pause()
        assert app.session.live_runs() == []
