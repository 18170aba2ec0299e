"""Hostile names, titles, ids and records on every screen: shown as they read, obeyed by nobody."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Select, Static

from sracl_tui.content import HarmlessFilter
from sracl_tui.last_words import report_file
from tests.hostile import MARK, NAMES, ODD
from tests.test_plain import is_harmless
from tests.tui.dashboards import FIXTURES, dashboard, drawn, new_run, shows, until

TOLD = json.loads((FIXTURES / "answers.json").read_text())
EVERYTHING = "".join(NAMES.values())


@pytest.fixture
def read_as_markup(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every foreign text that Textual was given as markup: there must be none."""
    found: list[str] = []
    read: Callable[..., Any] = Content.from_markup.__func__  # type: ignore[attr-defined]

    def watched(cls: type[Content], markup: Any, **variables: object) -> Content:
        if MARK in str(markup):
            found.append(str(markup))
        return read(cls, markup, **variables)

    monkeypatch.setattr(Content, "from_markup", classmethod(watched))
    return found


def without_net(app: Any) -> Any:
    """The doors alone have to do; the last net must have nothing to catch."""
    app._filters = [held for held in app._filters if not isinstance(held, HarmlessFilter)]
    return app


def harmless(app: Any) -> bool:
    return is_harmless(drawn(app).replace("\n", ""))


async def test_names_of_datasets(
    tmp_path: Path, dataset: Path, told: None, read_as_markup: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRACL_TEST_SPOIL", EVERYTHING)
    facts = json.loads((FIXTURES / "dataset.json").read_text())
    for kind, name in NAMES.items():
        folder = tmp_path / "data" / f"[{kind}] {MARK}"
        folder.mkdir()
        (folder / "dataset.json").write_text(json.dumps({**facts, "name": name}))
    app = without_net(dashboard(tmp_path))
    async with app.run_test(notifications=True, size=(160, 48)) as pilot:
        await until(pilot, shows(app, MARK, "my ␛[31mshop", "[@click=app.quit]", "one␊two␉three␍"))
        await until(pilot, shows(app, "Overview", "licence"))
        for key in ["down"] * len(NAMES) + ["right"] * 4:
            await pilot.press(key)
            await until(pilot, lambda: harmless(app) and "reading…" not in drawn(app))
        await pilot.press("f2")
        await until(pilot, shows(app, "Settings of dataset", "sracl train"))
        select = app.screen.query_one("#pick-dataset", Select)
        await pilot.press("shift+tab")
        select.focus()
        await pilot.press("enter")
        await until(pilot, shows(app, "my ␛[31mshop"))
        await pilot.press("down", "enter")
        await until(pilot, lambda: harmless(app))
        app.screen.query_one("#find", Input).value = f"[/x]{MARK}"
        await until(pilot, shows(app, f"Settings with “[/x]{MARK}”"))
        app.notify(EVERYTHING, title=NAMES["action"], severity="error")
        await until(pilot, shows(app, "[@click=app.quit]"))
        assert harmless(app)
    assert not read_as_markup


async def test_titles_and_ids_in_explore(
    tmp_path: Path, told: None, read_as_markup: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRACL_TEST_SPOIL", NAMES["escape"] + NAMES["closing"])
    run = tmp_path / "runs" / f"20260101-120000-[b] {MARK}"
    shutil.copytree(FIXTURES / "run", run)
    shutil.copytree(FIXTURES / "run", tmp_path / "runs" / f"20260101-130000-[x] {MARK}")
    app = without_net(dashboard(tmp_path, run))
    async with app.run_test(notifications=True, size=(160, 48)) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: app.screen.client.state == "ready" and app.screen.focused.id == "user")
        await pilot.press(*TOLD["known"][0], "enter")
        await until(pilot, shows(app, "my ␛[31mshop", f"Why my ␛[31mshop {MARK}[/] closing", "hit"))
        await pilot.press("p")
        await until(pilot, shows(app, "esc closes"))
        await pilot.press("escape", "down", "enter")
        await until(pilot, shows(app, "Near by text", "text as embedded", "Fernhollow"))
        assert harmless(app)
        await pilot.press("escape", "v")
        await until(pilot, shows(app, "Map of the items", "enter opens", "held out"))
        await pilot.press("c")
        await until(pilot, lambda: harmless(app))
        await pilot.press("escape", "f", *"[x]", "enter")
        await until(pilot, shows(app, "steered", "[x]"))
        await pilot.press("c")
        await until(pilot, shows(app, "Compare with", f"[x] {MARK}"))
        await pilot.press("enter")
        await until(pilot, shows(app, f"→ [x] {MARK}"))
        await pilot.press("e")
        await until(pilot, shows(app, "written: exports"))
        assert harmless(app)
    assert not read_as_markup


async def test_odd_runs_on_the_train_screen(tmp_path: Path, frozen: Path, read_as_markup: list[str]) -> None:
    odd = {}
    for number, (kind, spoil) in enumerate(ODD.items()):
        run = new_run(tmp_path, f"odd{number}")
        spoil(run.path)
        odd[kind] = run.path
    app = without_net(dashboard(tmp_path, frozen))
    async with app.run_test(notifications=True, size=(160, 48)) as pilot:
        await until(pilot, shows(app, "✓ finished", "x: step"))
        await until(pilot, lambda: len(app.session.runs) == len(ODD) + 1)
        for kind, path in odd.items():
            app.session.choose_run(path)
            await until(pilot, lambda path=path: path in app.session.snapshots)
            assert "cannot be drawn" not in drawn(app), kind
            assert "cannot be followed" not in drawn(app), kind
            assert harmless(app), kind
        app.session.choose_run(odd["format of the future"])
        await until(pilot, shows(app, "✗ damaged", "format 99"))
        app.session.set_overlays((frozen, odd["hostile part"]))
        await pilot.press("x", "x", "s", "l", "m", "v", "d")
        await until(pilot, shows(app, "Settings that differ"))
        await pilot.press("escape", "y", "e")
        app.session.choose_run(frozen)
        await until(pilot, shows(app, "✓ finished", "Validation NDCG", "test unmasked"))
    assert not read_as_markup


async def test_odd_runs_and_studies_in_lists_of_them(
    tmp_path: Path, frozen: Path, read_as_markup: list[str]
) -> None:
    for number, spoil in enumerate(list(ODD.values())[::4]):  # the train screen is shown them all
        odd = frozen.with_name(f"20260102-1200{number:02}-[x] {MARK}{number}")
        shutil.copytree(frozen, odd)
        spoil(odd)
        (odd / "note.txt").write_text(EVERYTHING)
    shutil.copytree(frozen, frozen.with_name(f"20260103-120000-{NAMES['markup'].replace('/', '')}"))
    studies = frozen.parent / "studies"
    studies.mkdir()
    row = {"name": NAMES["markup"], "runs": [frozen.name, {}, 3, None, NAMES["escape"]]}
    rows: list[Any] = [row, {"name": [], "runs": {}}, 3, {"runs": [[]]}, {**row, "name": EVERYTHING}]
    for number, kind in enumerate(("compare", "tune", EVERYTHING, {})):
        told = {"kind": kind, "dataset": EVERYTHING, "metric": [], "rows": rows, "baseline": {}}
        (studies / f"{number}.json").write_text(json.dumps(told))
    (studies / "deep.json").write_text("[" * 100_000)
    (studies / "odd.json").write_text('{"rows": {}}')
    app = without_net(dashboard(tmp_path, frozen))
    async with app.run_test(notifications=True, size=(160, 48)) as pilot:
        await until(pilot, shows(app, "✓ finished"))
        await pilot.press("c")
        await until(pilot, shows(app, "Comparisons and studies", MARK, "Drama [DVD]"))
        assert harmless(app)
        await pilot.press("escape", "b")
        await until(pilot, shows(app, "Leaderboard", "by unmasked NDCG@20"))
        await pilot.press("f", "m", "s", "slash", *"[/x]", "enter")
        await until(pilot, lambda: harmless(app) and "cannot be" not in drawn(app))
    assert not read_as_markup


async def test_a_follower_that_fails_is_that_runs_banner(
    tmp_path: Path, frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sracl_tui.watcher import RunFollower

    whole = RunFollower._poll
    monkeypatch.setattr(RunFollower, "_poll", lambda self: 1 / 0 if "bad" in self.path.name else whole(self))
    bad = new_run(tmp_path, "bad")
    app = dashboard(tmp_path, bad.path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(app, "this run cannot be followed: ZeroDivisionError"))
        app.session.choose_run(frozen)
        await until(pilot, shows(app, "✓ finished", "x: step"))


class Asking(Screen[None]):
    """Looks for what was on it once that is gone, as Textual's palette does for its list."""

    asked = False

    def compose(self) -> ComposeResult:
        yield Static("here")

    @work
    async def ask(self) -> None:
        while self.query(Static):
            await asyncio.sleep(0)
        self.asked = True
        self.query_one(Static)


async def test_what_a_screen_looks_for_that_is_left_ends_nothing(tmp_path: Path) -> None:
    app, screen = dashboard(tmp_path), Asking()
    async with app.run_test() as pilot:
        await app.push_screen(screen)
        screen.ask()
        await pilot.pause()
        await app.pop_screen()
        assert screen.asked
        await pilot.press("question_mark")
        await until(pilot, shows(app, "Everywhere"))


async def test_the_last_net_says_what_goes_on_and_where_the_report_lies(
    tmp_path: Path, frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = dashboard(tmp_path, frozen)
    monkeypatch.setattr(type(app), "action_next_theme", lambda self: {}["[/x]\x1b"])
    with pytest.raises(KeyError):  # noqa: PT012
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, shows(app, "✓ finished"))
            await pilot.press("t")
            await pilot.pause()
    said = app.last_words
    lines = said.splitlines()
    assert len(lines) == 3, said
    assert "trainings go on" in lines[1]
    assert str(report_file()) in lines[2]
    assert is_harmless(said.replace("\n", ""))
    assert "KeyError" in report_file().read_text()
