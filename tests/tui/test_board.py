"""The leaderboard: ranked by the real command, marked, noted, renamed and cleared by keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from textual.widgets import Input

from sracl_core.files import read_json, write_json
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.keeping import note_of
from sracl_tui.screens.train.board import BoardScreen
from tests.tui.dashboards import SIZES, dashboard, drawn, shows, until

OTHER = "20260102-120000-[b]odd"


@pytest.fixture
def two(frozen: Path) -> Path:
    """Beside the frozen run one of the same figures with an odd name."""
    shutil.copytree(frozen, frozen.with_name(OTHER))
    return frozen


async def test_runs_are_ranked_marked_and_noted(tmp_path: Path, two: Path) -> None:
    about = two.with_name(OTHER) / "meta.json"
    meta = read_json(about) or {}
    write_json(about, meta | {"dataset": meta["dataset"] | {"name": "elsewhere"}})
    app = dashboard(tmp_path, two)
    async with app.run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, shows(app, "✓ finished"))
        await pilot.press("b")
        await until(pilot, shows(app, "Leaderboard", "2 rows by unmasked NDCG@20", "together"))
        await pilot.press("f")
        await until(pilot, shows(app, "2 rows", "[b]odd", "each run", "of several datasets"))
        await pilot.press("m")
        await until(pilot, shows(app, "★", "+0.0%"))
        await pilot.press("s")
        await until(pilot, lambda: "by unmasked NDCG@20" not in drawn(app))
        app.screen.query_one("#leaderboard-rows").select_id(OTHER)
        await pilot.press("n")
        await until(pilot, shows(app, "Note on [b]odd:"))
        note = "-wide #tall " + "y" * 60
        app.screen.query_one(Input).value = note
        await until(pilot, shows(app, note))
        await pilot.press("enter")
        await until(pilot, lambda: note_of(RunDirectory(two.with_name(OTHER))) == note)
        await until(pilot, shows(app, f"  {note}", "elsewhere · "))  # beside it there is room for all else
        await pilot.press("slash", *"#tall")
        await until(pilot, shows(app, "1 row by"))
        await pilot.press("escape", "enter")
        await until(pilot, lambda: app.session.current == two.with_name(OTHER))


async def test_seeds_are_noted_and_renamed_together_and_a_run_is_deleted_by_itself(
    tmp_path: Path, two: Path
) -> None:
    for run, seed in ((two, 42), (two.with_name(OTHER), 43)):
        told = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(told.replace("seed: 42", f"seed: {seed}"))
        config = {"training.seed": seed}
        write_json(run / "meta.json", (read_json(run / "meta.json") or {}) | {"config": config})
    app = dashboard(tmp_path, two)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "✓ finished"))
        await pilot.press("r", "z")
        await until(pilot, shows(app, "Leaderboard", "1 row by", "[b]odd ×2"))
        await pilot.press("n")
        await until(pilot, shows(app, "Note on these 2 runs (seeds 42, 43) of [b]odd:"))
        await pilot.press(*"both", "enter")
        await until(
            pilot, lambda: note_of(RunDirectory(two)) == note_of(RunDirectory(two.with_name(OTHER))) == "both"
        )
        await until(pilot, shows(app, "  both", "1 row by"))
        await pilot.press("R")
        await until(
            pilot, shows(app, "New name of these 2 runs (seeds 42, 43) of [b]odd, each with its seed:")
        )
        app.screen.query_one(Input).value = "pair"
        await pilot.press("enter")
        left, right = two.with_name("20260101-120000-pair-42"), two.with_name("20260102-120000-pair-43")
        await until(pilot, lambda: left.is_dir() and right.is_dir() and not two.exists())
        await until(pilot, shows(app, "pair-43 ×2"))
        await pilot.press("f")
        await until(pilot, shows(app, "each run", "2 rows by"))
        app.screen.query_one("#leaderboard-rows").select_id(right.name)
        app.screen._current()["note"] = "one\ntwo"
        await pilot.press("n")
        await until(pilot, shows(app, "Note on pair-43:", "one"))
        await until(pilot, lambda: not [one for one in app.workers if one.group == "board-change"])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        assert not [one for one in app.workers if one.group == "board-change"], "a note of two lines stays"
        await pilot.press("D")
        await until(pilot, shows(app, "Delete pair-43, with models"))
        await pilot.press("y")
        await until(pilot, lambda: not right.exists())
        await until(pilot, shows(app, "1 row by"))
        assert left.is_dir()


async def test_a_run_that_is_watched_is_followed_to_its_new_name_though_the_board_is_closed_at_once(
    tmp_path: Path, two: Path
) -> None:
    app = dashboard(tmp_path, two)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "✓ finished"))
        await pilot.press("b")
        await until(pilot, shows(app, "rows by"))
        await pilot.press("f")
        await until(pilot, shows(app, "each run"))
        app.screen.query_one("#leaderboard-rows").select_id(two.name)
        await pilot.press("R")
        await until(pilot, shows(app, "New name of sample:"))
        app.screen.query_one(Input).value = "even"
        await pilot.press("enter", "escape")
        renamed = two.with_name("20260101-120000-even")
        await until(pilot, lambda: app.session.current == renamed)
        await until(pilot, lambda: renamed in app.session.snapshots)
        await until(pilot, shows(app, "✓ finished  even"))
        assert "is gone" not in drawn(app)


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_there_at_every_size(tmp_path: Path, two: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path, two)
    async with app.run_test(notifications=True, size=size) as pilot:
        await until(pilot, lambda: app.session.runs)
        await pilot.press("b")
        await until(pilot, shows(app, "rows by"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.id != "board")
