"""Data: the list, what a dataset holds, and getting one."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest
from textual.widgets import Input, Select

from sracl_tui import commands
from sracl_tui.screens.data import import_entries
from sracl_tui.screens.data.import_entries import CHOICES, COLUMNS, ENTRIES, TEXTS, arguments, sources_of
from sracl_tui.screens.data.importing import ImportScreen, PathSuggester
from sracl_tui.screens.data.job_line import JobLine
from sracl_tui.screens.data.text_columns import Marks, TextColumns
from sracl_tui.widgets.row_list import RowList
from tests.tui.dashboards import SIZES, dashboard, drawn, shows, until

pytestmark = pytest.mark.usefixtures("told")


@pytest.mark.parametrize("size", SIZES)
async def test_a_ready_dataset_at_every_size(tmp_path: Path, dataset: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=size) as pilot:
        await until(pilot, shows(app, "sample", "✓ ready"))
        await until(pilot, shows(app, "Overview"))
        if size[1] >= 24:
            await until(pilot, shows(app, "11,265", "2.3528%"))
            await pilot.press("right")
            await until(pilot, shows(app, "Bow-Front Starter Aquarium"))
            await pilot.press("right")
            await until(pilot, shows(app, "users by number of interactions", "940"))
            await pilot.press("right")
            await until(pilot, shows(app, "7,665 prefixes"))


async def test_the_catalogue_says_licence_and_what_to_do(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "● to prepare", "amazon-beauty", "↓ to fetch", "bring the files"))
        await until(pilot, shows(app, "MIT, as the product", "Press enter: it is prepared"))
        app.screen.query_one("#data-rows").select_id("catalog:yelp")
        await until(pilot, shows(app, "licence"))
        app.screen.query_one("#data-rows").select_id("catalog:amazon-beauty")
        await pilot.press("g")
        await until(pilot, shows(app, "Fetch amazon-beauty?", "Terms:"))
        await pilot.press("escape")
        await pilot.press("slash", *"beau")
        await until(pilot, lambda: "amazon-toys" not in drawn(app))


async def test_enter_on_a_ready_dataset_sets_up_a_run(tmp_path: Path, dataset: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "✓ ready"))
        await pilot.press("enter")
        await until(pilot, shows(app, "$ sracl train ", "data/sample"))


async def test_datasets_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, dataset: Path) -> None:
    shutil.copytree(dataset, dataset.with_name("filtered"))
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "sample  filtered", "sample (filtered)", "2 ready"))
        await pilot.press("enter")
        await until(pilot, shows(app, "sample (filtered)", "$ sracl train "))


async def test_a_job_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "● to prepare"))
        app.screen.query_one(JobLine).start("preparing", "sample", ["nonsense", "sample"])
        await until(pilot, shows(app, "✗ preparing sample: nothing was recorded"))


async def test_a_damaged_dataset_is_said(tmp_path: Path, dataset: Path) -> None:
    (dataset / "dataset.json").write_text("{")
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "✗ damaged", "cannot be read"))
        await pilot.press("enter", "p", "g")


async def test_the_import_form_checks_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("user_id,item_id,timestamp\n")
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "● to prepare"))
        taken: list[object] = []
        app.push_screen(ImportScreen(), taken.append)
        await until(pilot, shows(app, "least interactions"))
        await pilot.press("ctrl+s")
        await until(pilot, shows(app, "say which files to import"))
        await pilot.press(*"nowhere.csv", "ctrl+s")
        await until(pilot, shows(app, "there is no nowhere.csv"))
        app.screen.query_one("#import-source").value = "mine.csv"
        app.screen.query_one("#import-k-core").value = "0"
        await pilot.press("ctrl+s")
        await until(pilot, shows(app, "whole number from 1 on"))
        app.screen.query_one("#import-k-core").value = "2"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: taken)
        out = str(tmp_path / "data" / "mine")
        (held,) = taken
        assert arguments(held, tmp_path / "data") == [
            "mine.csv",
            "--out",
            out,
            "--name",
            "mine",
            "--k-core",
            "2",
        ]


async def test_an_import_of_dates_that_fails_keeps_its_entries_and_then_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real command: the commonest CSV of all."""
    monkeypatch.setattr(commands, "sracl", lambda *args: [sys.executable, "-m", "sracl_core.cli.main", *args])
    days = [f"u{user},i{item},{item + 1:02d}/03/2024" for user in range(6) for item in range(6)]
    (tmp_path / "log.csv").write_text("\n".join(["who,what,day", *days]) + "\n")
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.current_mode == "data" and app.screen.query("#data-rows"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen))
        for option, text in {"source": "log.csv", "k-core": "1"}.items():
            app.screen.query_one(f"#import-{option}", Input).value = text
        await until(
            pilot,
            shows(app, "the interactions", "01/03/2024", "! none is named like one", "empty: log"),
            180.0,
        )
        for option, column in {"user-col": "who", "item-col": "what"}.items():
            app.screen.query_one(f"#import-{option}", Select).value = column
        await until(pilot, shows(app, "day (found)", "only column of dates", "“time format”"), 180.0)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ImportScreen))
        await pilot.press("a")
        await until(pilot, shows(app, "log.csv  the interactions", "you chose it"), 180.0)
        app.screen.query_one("#import-time-format", Input).value = "%Y"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen) and "✗" in drawn(app), 180.0)
        first = lambda: "".join(drawn(app).splitlines()[:8])  # noqa: E731
        await until(pilot, lambda: "✗" in first() and "the interactions" in drawn(app), 180.0)
        assert app.screen.query_one("#import-user-col", Select).value == "who"
        assert "--" not in drawn(app).partition("✗")[2].splitlines()[0], "in the form's words"
        app.screen.query_one("#import-time-format", Input).value = "%d/%m/%Y"
        await until(pilot, shows(app, "times  dates '%d/%m/%Y'"), 180.0)
        await pilot.press("ctrl+s")
        await until(pilot, shows(app, "✓ preparing log: done", "1 ready"), 180.0)
        written = (tmp_path / "data" / "log" / "dataset.json").stat().st_mtime_ns
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen))
        app.screen.query_one("#import-source", Input).value = "log.csv"
        await pilot.press("ctrl+s")
        await until(pilot, shows(app, "log is there already. Replace it?"))
        await pilot.press("escape")
        await until(pilot, shows(app, "✗ log is there already; another name keeps it"))
        assert (tmp_path / "data" / "log" / "dataset.json").stat().st_mtime_ns == written


async def test_text_columns_are_marked_in_a_list(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.query("#data-rows"))
        app.push_screen(ImportScreen(held=import_entries.fresh("") | {TEXTS.option: "color,gone"}))
        await until(pilot, lambda: app.focused is not None and app.focused.id == "import-source")
        field = app.screen.query_one(TextColumns)
        assert field.value == "color,gone", "kept until the files are known"
        field.offer(["brand", "[b]color", "color", "count"], ["brand", "color"])
        assert field.value == "color"
        marks = app.screen.query_one(Marks)
        # The form puts the cursor on its first field once more when it is mounted.
        await until(pilot, lambda: marks.focus() and app.focused is marks and marks.highlighted == 0)
        await pilot.press("space")
        await until(pilot, lambda: field.value == "")  # brand and color: what is found
        await until(pilot, shows(app, "· [b]color", "· count", "✓ color", "all that are found are kept"))
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: field.value == "brand,color,count")
        await until(pilot, shows(app, "you chose these"))
        held = app.screen._entered() | {"source": "log.csv"}
        assert arguments(held, tmp_path)[-2:] == ["--text-cols", "brand,color,count"]


async def test_files_are_found_by_looking_through_folders(tmp_path: Path) -> None:
    folder = tmp_path / "my \x1b[31m logs"
    folder.mkdir()
    for name in ("a [b]x[c].csv", "items.csv", ".hidden"):
        (folder / name).write_text("user,item\n")
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.push_screen(ImportScreen())
        await until(pilot, shows(app, "Browse (ctrl+o)"))
        await pilot.click("#browse")
        await until(pilot, shows(app, "my ␛[31m logs/", ".."))
        rows = app.screen.query_one(RowList)
        rows.select_id(folder.name)
        x, y = rows.region.offset
        # The second half falls on the file that comes to stand there.
        await pilot.click(offset=(x + 4, y + (rows.highlighted or 0)), times=2)
        await until(pilot, shows(app, "a [b]x[c].csv", "items.csv", "10 B"))
        assert rows.current_id == "a [b]x[c].csv"
        assert ".hidden" not in drawn(app)
        assert "Take takes the whole folder" in drawn(app)
        await pilot.press("space", "slash", *"ite", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen))
        held = app.screen.query_one("#import-source", Input).value
        assert sources_of(held) == [f"{folder.name}/a [b]x[c].csv", f"{folder.name}/items.csv"]
        await pilot.press("ctrl+o")
        await until(pilot, shows(app, "marked: a [b]x[c].csv items.csv"))


ELSEWHERE = {"out", "max-length", "sample-users", "seed", "ties-seed", "raw-dir", "json", "quiet", "dry-run"}
"""Options of the command that the form does not ask for; the folder follows from the name."""


def test_the_form_asks_for_every_option_or_leaves_it_out_on_purpose() -> None:
    import typer

    from sracl_core.cli.data import app
    from sracl_core.data.readers import READERS

    command = typer.main.get_command(app).commands["prepare"]  # type: ignore[attr-defined]
    known = {name[2:] for option in command.params for name in option.opts if name.startswith("--")}
    asked = {each.option for each in (*ENTRIES, TEXTS, *COLUMNS, *CHOICES)} - {"source"}
    assert asked | ELSEWHERE == known
    assert not asked & ELSEWHERE
    assert {name for name, _ in CHOICES[0].others} == set(READERS)


def test_what_is_chosen_reaches_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sracl_core.cli.main import run
    from sracl_core.data.dataset import load_dataset

    monkeypatch.chdir(tmp_path)
    rows = [f"u{user},i{item}" for user in range(4) for item in range(5)]
    for name, lines in {"log.csv": [*rows, "u1,"], "valid.csv": ["u0,i1"], "test.csv": ["u0,i2"]}.items():
        Path(name).write_text("\n".join(lines) + "\n")
    held = import_entries.fresh("log.csv") | {"name": "mine", "k-core": "1", "valid": "valid.csv"}
    held |= {"test": "test.csv", "order": "rows", "header": "no", "drop-empty": "yes", "ties": "id"}
    words = arguments(held, Path("data"))
    assert [word for word in words if word in ("--no-header", "--drop-empty")] == [
        "--no-header",
        "--drop-empty",
    ]
    assert run(["data", "prepare", *words]) == 0
    assert load_dataset(Path("data/mine")).n_interactions == 22


async def test_a_path_is_completed(tmp_path: Path) -> None:
    (tmp_path / "my logs").mkdir()
    (tmp_path / "my logs" / "purchases.csv").write_text("")
    suggester = PathSuggester()
    assert await suggester.get_suggestion("my") == "my logs/"
    assert await suggester.get_suggestion("my logs/pur") == "my logs/purchases.csv"
    assert await suggester.get_suggestion(str(tmp_path) + "/m") == str(tmp_path) + "/my logs/"
    assert await suggester.get_suggestion("nothing") is None


async def test_escape_leaves_the_filter_and_down_goes_to_the_list(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(app, "● to prepare"))
        for key in ("escape", "down"):
            await pilot.press("slash", "x", key)
            assert app.focused is app.screen.query_one("#data-rows")
            app.screen.query_one("#data-filter", Input).value = ""


async def test_nothing_is_missing_before_all_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = asyncio.Event()

    async def told(*words: str) -> list[object]:
        await known.wait()
        return []

    monkeypatch.setattr("sracl_tui.screens.data.screen.ask", told)
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "looking for datasets…"))
        known.set()
        await until(pilot, shows(app, "Nothing here yet"))
