"""What must not end the dashboard, on the real app."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tracemalloc
from pathlib import Path

import pytest

from sracl_core.runs.writer import RunWriter
from sracl_tui import commands
from sracl_tui.watcher import RunFollower
from tests.tui.dashboards import dashboard, drawn, new_run, shows, steps, until

MIB = 1 << 20


@pytest.mark.usefixtures("told")
async def test_a_run_that_vanishes_while_it_is_watched_and_comes_back(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        shutil.move(frozen, tmp_path / "away")
        await until(pilot, shows(app, "is gone", "No runs here yet"))
        assert "total" in drawn(app), "what was read stays"
        await pilot.press("x", "S", "R", "K", "e", "y")
        shutil.move(tmp_path / "away", frozen)
        await until(pilot, shows(app, "✓ finished", "total"))
        await until(pilot, lambda: "is gone" not in drawn(app))


@pytest.mark.usefixtures("told")
async def test_a_line_cut_in_the_middle_is_drawn_once_it_is_whole(tmp_path: Path) -> None:
    run = new_run(tmp_path, "cut")
    with RunWriter(run) as writer:
        steps(writer, 1, 3)
        app = dashboard(tmp_path, run.path)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, shows(app, "total 5.97"))
            line = json.dumps({"event": "step", "step": 4, "epoch": 0, "loss": 1.25}) + "\n"
            with run.metrics_path.open("a") as stream:
                stream.write(line[:30])
                stream.flush()
                writer.state(step=4)
                await until(pilot, lambda: app.session.snapshots[run.path].state.get("step") == 4)
                assert "damaged" not in drawn(app)
                stream.write(line[30:] + '{"broken\n')
            await until(pilot, shows(app, "total 1.25", "1 damaged line"))


@pytest.mark.usefixtures("told")
async def test_nan_in_the_losses(tmp_path: Path) -> None:
    run = new_run(tmp_path, "bad")
    with RunWriter(run) as writer:
        steps(writer, 1, 5)
        steps(writer, 6, 6, loss=math.nan, next_item=math.nan)
        app = dashboard(tmp_path, run.path)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, shows(app, "NaN or infinite at step 6", "total 5.95"))
            await pilot.press("l", "s", "x")
            await until(pilot, shows(app, "x: epoch", "log"))


async def test_a_training_that_cannot_start_is_reported_in_the_command_lines_words(
    tmp_path: Path, dataset: Path
) -> None:
    """The real `sracl train`, on a dataset whose tables are not there."""
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, shows(app, "$ sracl train ", "data/sample"))
        await pilot.press("f5")
        await until(pilot, shows(app, "the training could not start"), seconds=120)
        with pytest.raises(commands.CommandError) as said:
            await commands.ask("train", str(dataset))
        shown = "".join(drawn(app).split())
        assert "".join(str(said.value).split())[:40] in shown


async def test_a_python_that_is_gone_cannot_start_a_training(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
        await pilot.press("f2")
        await until(pilot, shows(app, "$ sracl train ", "data/sample"))
        await pilot.press("f5")
        await until(pilot, shows(app, "not started", "cannot be started"))


@pytest.mark.usefixtures("told")
async def test_a_dataset_without_text_says_what_that_means(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads((Path(__file__).parent / "fixtures" / "data-info.json").read_text())
    facts |= {"text_coverage": {}, "items_without_title": facts["items"]}
    facts["preview"]["items"] = [{"item_id": item["item_id"]} for item in facts["preview"]["items"]]

    async def answer(*words: str) -> object:
        return facts if words[:2] == ("data", "info") else []

    for module in ("screen", "dataset_panel"):
        monkeypatch.setattr(f"sracl_tui.screens.data.{module}.ask", answer)
    app = dashboard(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(app, "No item has a title", "text          none"))
        await pilot.press("right")
        await until(pilot, shows(app, "no text beside the id"))


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("mode", ["data", "configure", "train", "explore"])
async def test_almost_no_terminal_and_back(tmp_path: Path, frozen: Path, dataset: Path, mode: str) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.action_go(mode)
        await pilot.pause()
        await pilot.resize_terminal(20, 5)
        await pilot.press("question_mark", "escape", "z", "z")
        await pilot.resize_terminal(1, 1)
        await pilot.resize_terminal(120, 40)
        await until(pilot, shows(app, "F1 Data", "F4 Explore"))
        await until(pilot, lambda: "Quit" in drawn(app).splitlines()[-1])


@pytest.mark.usefixtures("told")
async def test_settings_that_cannot_be_written_are_a_notice(tmp_path: Path, frozen: Path) -> None:
    """A file where the folder should be: not even root can write below it."""
    (tmp_path / "taken").write_text("")
    app = dashboard(tmp_path, frozen)
    app.session.preferences.path = tmp_path / "taken" / "dashboard.json"
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        await pilot.press("x")
        await until(pilot, shows(app, "settings are not remembered", "x: epoch"))
        await pilot.press("t", "m")
        await until(pilot, shows(app, "NDCG, masked"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.usefixtures("told")
async def test_a_folder_without_permission_is_a_notice(tmp_path: Path, frozen: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    app = dashboard(tmp_path, frozen)
    app.session.preferences.path = tmp_path / "locked" / "dashboard.json"
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        await pilot.press("x")
        await until(pilot, shows(app, "settings are not remembered"))


def test_a_huge_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """36 MiB of steps here; benchmarks/dashboard.py opens one of 1 GB."""
    run = new_run(tmp_path, "huge")
    RunWriter(run).close()
    with run.metrics_path.open("w") as stream:
        for step in range(1, 60_001):
            stream.write(
                f'{{"event": "step", "time": 1.0, "step": {step}, "epoch": 0, "loss": 5.0, "next_item": 4.0, '
                f'"inter": 0.5, "intra": 0.4, "prefixes_per_second": 900.0, "elapsed": {step / 2}, '
                f'"padding": "{"x" * 400}"}}\n'
            )
    assert run.metrics_path.stat().st_size > 32 * MIB
    follower = RunFollower(run.path)
    tracemalloc.start()
    snapshot = follower.poll()
    while follower.behind:
        snapshot = follower.poll() or snapshot
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert snapshot is not None
    assert snapshot.steps["step"][-1] == 60_000
    assert most < 100 * MIB
