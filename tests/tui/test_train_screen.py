"""Train, on frozen and on moving run directories."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from sracl_core.files import write_json
from sracl_core.runs.writer import RunWriter
from sracl_tui.screens.train.screen import TrainScreen
from tests.tui.dashboards import SIZES, dashboard, drawn, epoch, new_run, shows, steps, until

pytestmark = pytest.mark.usefixtures("told")


@pytest.mark.parametrize("size", SIZES)
async def test_a_finished_run_at_every_size(tmp_path: Path, frozen: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=size) as pilot:
        await until(pilot, shows(app, "finished", "sample"))
        await until(pilot, shows(app, "total"))
        assert "NDCG" in drawn(app)
        if size[0] >= 80:
            assert "Loss" in drawn(app)
            await until(pilot, lambda: any(dots in drawn(app) for dots in "⠒⠤⠉⣀"))
        await pilot.press("r")
        await until(pilot, shows(app, "Runs", "✓ finished"))


async def test_a_live_run_grows_on_the_screen(tmp_path: Path) -> None:
    run = new_run(tmp_path, "moving", training={"max_epochs": 2})
    with RunWriter(run) as writer:
        writer.progress("embed", 40, 100)
        app = dashboard(tmp_path)
        async with app.run_test(notifications=True, size=(120, 40)) as pilot:
            await until(pilot, shows(app, "▶ running", "moving", "▸ embed", "40%"))
            assert app.current_mode == "train", "a live run is shown at once"
            writer.event("stage", stage="embed", status="done", seconds=1.0)
            writer.event("stage", stage="train", status="started")
            writer.state(
                stage="train", step=5, total_steps=20, epoch=0, eta_seconds=30.0, epoch_eta_seconds=5.0
            )
            steps(writer, 1, 5)
            await until(pilot, shows(app, "25%", "left at most 30 s, this epoch 5.0 s", "epoch 1 of 2"))
            epoch(writer, 0, 0.25)
            await until(pilot, shows(app, "best valid NDCG@20 0.2500"))
            await pilot.press("space")
            steps(writer, 6, 8, loss=1.25)
            await until(pilot, lambda: len(app.session.snapshots[run.path].steps["loss"]) == 8)
            assert "1.25" not in drawn(app), "a frozen display keeps ingesting and shows nothing new"
            await pilot.press("space")
            await until(pilot, shows(app, "1.25"))
            writer.state(status="finished")
            await until(pilot, shows(app, "✓ finished"))


async def test_axes_smoothing_and_masking_are_remembered(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "x: step"))
        await pilot.press("x", "s", "l", "m")
        await until(pilot, shows(app, "x: epoch", "mean of 5", "log", "NDCG, masked"))
        await pilot.press("x")
        await until(pilot, shows(app, "x: time"))
    again = dashboard(tmp_path, frozen)
    async with again.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(again, "x: time", "NDCG, masked"))


async def test_two_runs_over_each_other_and_their_difference(tmp_path: Path, frozen: Path) -> None:
    other = new_run(tmp_path, "other", training={"learning_rate": 0.01})
    with RunWriter(other) as writer:
        steps(writer, 1, 9)
        epoch(writer, 0, 0.3)
        writer.state(status="finished")
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "other", "sample"))
        await pilot.press("r")
        app.screen.query_one("#run-rows").select_id(str(other.path))
        await pilot.press("o")
        await until(pilot, shows(app, "Total loss", "2 other", "Validation NDCG@20"))
        await pilot.press("d")
        await until(pilot, shows(app, "Settings that differ", "training.learning_rate", "0.001  →  0.01"))
        await pilot.press("escape", "o")
        await until(pilot, shows(app, "Other losses"))


async def test_runs_of_one_name_are_told_apart_by_their_seeds(tmp_path: Path) -> None:
    for seed in (1, 2):
        new_run(tmp_path, "live", training={"seed": seed}).path.rename(
            tmp_path / "runs" / f"20260101-12000{seed}-live"
        )
    new_run(tmp_path, "alone")
    app = dashboard(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await until(pilot, shows(app, "seed 1", "seed 2", "alone"))
        rows = app.screen.query_one("#run-rows").as_text()
        assert "seed 42" not in rows, "a name that no other has is enough"


async def test_a_crash_is_said_and_offers_resume(tmp_path: Path) -> None:
    run = new_run(tmp_path, "broken")
    RunWriter(run).close()
    write_json(run.state_path, {**run.state(), "pid": 2**22 - 1, "process_start": "1", "heartbeat": 1.0})
    app = dashboard(tmp_path, run.path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "! crashed", "R resumes, before its first step"))
        await pilot.press("R")
        await until(pilot, shows(app, "nothing was recorded for"))


async def test_nan_is_a_banner_and_the_chart_lives_on(tmp_path: Path) -> None:
    run = new_run(tmp_path, "bad")
    with RunWriter(run) as writer:
        steps(writer, 1, 5)
        steps(writer, 6, 6, loss=math.inf)
        app = dashboard(tmp_path, run.path)
        async with app.run_test(notifications=True, size=(80, 24)) as pilot:
            await until(pilot, shows(app, "✗ error", "NaN or infinite at step 6", "total"))


async def test_a_run_that_vanishes_ends_nothing(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        shutil.rmtree(frozen)
        await until(pilot, shows(app, "is gone", "No runs here yet"))
        assert "total" in drawn(app)


async def test_resizing_to_almost_nothing_and_back(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        for mode in ("data", "configure", "train", "explore"):
            await app.action_go(mode)
            for size in ((20, 5), (1, 1), (200, 60), (120, 40)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
        await app.action_go("train")
        await until(pilot, shows(app, "finished", "total"))


async def test_the_filter_and_two_hundred_rows(tmp_path: Path) -> None:
    for number in range(3):
        with RunWriter(new_run(tmp_path, f"run-{number}")) as writer:
            writer.state(status="finished")
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session.runs is not None and len(app.session.runs) == 3)
        await pilot.press("3")
        await until(pilot, shows(app, "run-0", "3 shown"))
        await pilot.press("slash", "slash", *"run-1")
        await until(pilot, shows(app, "1 shown"))
        assert app.current_mode == "train", "digits typed into a filter change no screen"


async def test_copy_and_export_write_files(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        await pilot.press("y", "e")
        await until(pilot, lambda: (tmp_path / "exports" / f"{frozen.name}.csv").exists())
        copied = tmp_path / "XDG_CACHE_HOME" / "sracl" / "copied.txt"
        await until(pilot, copied.exists)
        assert "status: finished" in copied.read_text()
        assert "unmasked/NDCG@20" in (tmp_path / "exports" / f"{frozen.name}.csv").read_text()


async def test_nothing_to_watch_says_what_to_do(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("f3")
        await until(pilot, shows(app, "Nothing to watch yet", "choose a dataset"))
        await pilot.press("S", "R", "K", "o", "d", "y", "e", "z")
        assert isinstance(app.screen, TrainScreen)


async def test_a_chosen_run_takes_the_keys_from_the_list_that_goes_away(tmp_path: Path, frozen: Path) -> None:
    other = frozen.with_name("20260101-130000-other")
    shutil.copytree(frozen, other)
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, lambda: app.session.runs and len(app.session.runs) == 2)
        await pilot.press("f3", "r")
        await until(pilot, shows(app, "Runs", "2 shown"))
        await pilot.press("down", "down", "enter")
        await until(pilot, shows(app, "total", "x: step"))
        await pilot.pause()
        assert app.screen.focused is None
        await pilot.press("x")
        await until(pilot, shows(app, "x: epoch"))
        await pilot.resize_terminal(120, 40)
        app.screen.query_one("#run-rows").focus()
        await until(pilot, lambda: app.screen.focused.id == "run-rows")
        await pilot.resize_terminal(80, 24)
        await until(pilot, shows(app, "x: epoch"))
        await pilot.pause()
        assert app.screen.focused is None


async def test_the_log_follows_after_a_resize_that_it_did_not_see(tmp_path: Path) -> None:
    run = new_run(tmp_path, "talking")
    with RunWriter(run) as writer:
        log = run.path / "log.txt"
        log.write_text("".join(f"2026-01-01 12:00:00 line {at}\n" for at in range(40)))
        steps(writer, 1, 5)
        app = dashboard(tmp_path, run.path)
        async with app.run_test(notifications=True, size=(120, 36)) as pilot:
            await until(pilot, shows(app, "line 39"))
            await pilot.press("f1")
            await pilot.resize_terminal(80, 24)
            await pilot.press("f3")
            await until(pilot, shows(app, "line 39"))
            with log.open("a") as stream:
                stream.write("2026-01-01 12:00:00 line 40\n")
            await until(pilot, shows(app, "line 40"))
            pane = app.screen.query_one("#log VerticalScroll")
            pane.scroll_home(animate=False)
            await until(pilot, shows(app, "line 0"))
            with log.open("a") as stream:
                stream.write("2026-01-01 12:00:00 line 41\n")
            await until(pilot, lambda: "line 41" in app.session.snapshots[run.path].log)
            await pilot.pause()
            assert "line 41" not in drawn(app), "whoever reads above is left there"


@pytest.mark.parametrize("width", [80, 100, 120])
async def test_the_header_is_not_cut(tmp_path: Path, frozen: Path, width: int) -> None:
    run = new_run(tmp_path, "moving", training={"max_epochs": 100})
    with RunWriter(run) as writer:
        writer.event("stage", stage="train", status="started")
        steps(writer, 1, 5)
        epoch(writer, 0, 0.25)
        writer.state(
            stage="train", step=5, total_steps=20, epoch=0, eta_seconds=5000.0, epoch_eta_seconds=70.0
        )
        app = dashboard(tmp_path, run.path)
        async with app.run_test(notifications=True, size=(width, 30)) as pilot:
            await until(pilot, shows(app, "left at most 1 h 23 min, this epoch 1 min 10 s", "examples/s"))
            await until(pilot, shows(app, "25%", "· evaluate", "best valid NDCG@20 0.2500 (epoch 1)"))
            app.session.choose_run(frozen)
            await until(pilot, shows(app, "trained 4 min 50 s", "masked NDCG@20 0.3263 HR@20 0.6217"))
