"""From files to snapshots: the follower, the catalogue, and what is made of them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from sracl_core.files import write_json
from sracl_core.runs import catalog
from sracl_core.runs.catalog import RunCatalog
from sracl_core.runs.writer import RunWriter
from sracl_tui import watcher
from sracl_tui.view_models import RunSnapshot, banners, present_stage, short_name, stage_views
from sracl_tui.watcher import CatalogChanged, RunChanged, RunFollower, run_lines
from tests.tui.dashboards import epoch, new_run, steps


def snapshot(follower: RunFollower) -> RunSnapshot:
    found = follower.poll()
    assert found is not None
    return found


def test_only_changes_make_snapshots(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with RunWriter(run) as writer:
        steps(writer, 1, 5)
        follower = RunFollower(run.path)
        assert len(snapshot(follower).steps["loss"]) == 5
        writer.heartbeat()
        assert follower.poll() is None
        steps(writer, 6, 6)
        assert len(snapshot(follower).steps["loss"]) == 6


def test_a_snapshot_is_frozen_while_reading_goes_on(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    follower = RunFollower(run.path)
    with RunWriter(run) as writer:
        steps(writer, 1, 5)
        before = snapshot(follower)
        steps(writer, 6, 9)
        assert len(snapshot(follower).steps["loss"]) == 9
    assert len(before.steps["loss"]) == 5


def test_a_resume_overrides_what_came_after_it(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    follower = RunFollower(run.path)
    with RunWriter(run) as writer:
        steps(writer, 1, 8)
        writer.event("run_resumed", step=4, epoch=0)
        steps(writer, 5, 6, loss=1.0)
    found = snapshot(follower)
    assert list(found.steps["step"]) == [1, 2, 3, 4, 5, 6]
    assert list(found.steps["loss"])[-2:] == [1.0, 1.0]


def test_a_dead_process_is_a_crash_that_can_be_resumed(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    RunWriter(run).close()
    write_json(run.state_path, {**run.state(), "pid": 2**22 - 1, "process_start": "1", "heartbeat": 1.0})
    found = snapshot(RunFollower(run.path))
    assert found.status == "crashed"
    assert any("R resumes, before its first step" in banner.text for banner in banners(found))
    with RunWriter(run) as writer:
        for status in ("started", "stopped"):
            writer.event("stage", stage="train", status=status)
        writer.state(status="stopped")
    assert [one.text for one in banners(snapshot(RunFollower(run.path)))] == [
        "stopped after a checkpoint; R resumes it"
    ]


def test_no_sign_of_life_of_a_living_process(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    RunWriter(run).close()
    found = snapshot(RunFollower(run.path))
    late = found.state["heartbeat"] + 75
    assert [b.text for b in banners(found, now=late)] == [
        "no sign of life for 1 min 15 s; the process still exists"
    ]


def test_nan_plateau_and_failure_are_banners(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with RunWriter(run) as writer:
        steps(writer, 1, 3)
        steps(writer, 4, 4, loss=math.nan)
        assert "NaN or infinite at step 4" in banners(snapshot(RunFollower(run.path)))[0].text
        writer.event("non_finite", part="inter", step=5)
        writer.state(status="failed", error="inter became NaN at step 5; lower training.learning_rate")
    texts = [banner.text for banner in banners(snapshot(RunFollower(run.path)))]
    assert texts == [
        "inter became NaN or infinite at step 5",
        "inter became NaN at step 5; lower training.learning_rate",
    ]


def test_plateau_is_told_while_it_lasts(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    follower = RunFollower(run.path)
    with RunWriter(run) as writer:
        epoch(writer, 0, 0.1)
        for number in range(1, 4):
            epoch(writer, number, 0.05, best=False)
        writer.event("plateau", epochs_without_gain=3, patience=10)
        found = snapshot(follower)
        assert any("no gain for 3 epochs" in b.text for b in banners(found, now=found.state["heartbeat"]))
        epoch(writer, 4, 0.2)
        found = snapshot(follower)
    assert not any("no gain" in b.text for b in banners(found, now=found.state["heartbeat"]))


def test_a_vanished_run_keeps_what_was_read(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with RunWriter(run) as writer:
        steps(writer, 1, 3)
    follower = RunFollower(run.path)
    assert not snapshot(follower).vanished
    for path in sorted(run.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    run.path.rmdir()
    gone = snapshot(follower)
    assert gone.vanished
    assert "is gone" in banners(gone)[0].text
    assert follower.poll() is None


def test_a_cut_line_waits_and_a_damaged_one_is_counted(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    RunWriter(run).close()
    line = json.dumps({"event": "step", "step": 1, "loss": 2.0}) + "\n"
    run.metrics_path.write_text("{broken\n" + line + line.replace("1", "2", 1)[:20])
    follower = RunFollower(run.path)
    found = snapshot(follower)
    assert (list(found.steps["step"]), found.damaged) == ([1], 1)
    with run.metrics_path.open("a") as stream:
        stream.write(line.replace('"step": 1', '"step": 2')[20:])
    assert list(snapshot(follower).steps["step"]) == [1, 2]


def test_a_long_file_is_read_in_pieces_with_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "BACKLOG_SECONDS", 0.0)
    run = new_run(tmp_path)
    RunWriter(run).close()
    line = json.dumps({"event": "message", "level": "info", "text": "x" * 1000}) + "\n"
    run.metrics_path.write_text(line * 6000)
    follower = RunFollower(run.path)
    assert 0.5 < (snapshot(follower).catching_up or 0.0) < 1.0
    assert follower.behind
    assert snapshot(follower).catching_up is None


def test_a_long_backlog_is_thinned_and_what_follows_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "BACKLOG_BYTES", 1 << 19)
    run = new_run(tmp_path)
    with RunWriter(run) as writer:
        lines = [
            f'{{"event": "step", "step": {step}, "loss": 2.0, "pad": "{"x" * 900}"}}' for step in range(9000)
        ]
        lines[4321] = '{"event": "step", "step": 4321, "loss": null, "non_finite": ["loss"]}'
        lines[50] = '{"event": "epoch", "epoch": 0, "step": 50}'
        with run.metrics_path.open("a") as stream:
            stream.write("\n".join(lines) + "\n")
        follower = RunFollower(run.path)
        found = snapshot(follower)
        while follower.behind:
            found = snapshot(follower)
        kept = list(found.steps["step"])
        assert 300 < len(kept) < 5000
        assert 4321 in kept
        assert len(found.epochs) == 1
        steps(writer, 9001, 9009)
        found = snapshot(follower)
        assert list(found.steps["step"])[-9:] == list(range(9001, 9010))


def test_stages_follow_the_events_where_the_state_lags(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with RunWriter(run) as writer:
        writer.event("stage", stage="embed", status="done", seconds=2.0)
        writer.progress("neighbors", 10, 10)
        writer.event("stage", stage="neighbors", status="done", seconds=1.0)
        writer.event("stage", stage="train", status="started")
        found = snapshot(RunFollower(run.path))
    assert present_stage(found) == "train"
    assert [(view.name, view.state) for view in stage_views(found)] == [
        ("embed", "done"),
        ("neighbors", "done"),
        ("train", "now"),
        ("evaluate", "next"),
    ]


def test_a_runs_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert run_lines(RunCatalog(tmp_path / "nowhere")) == ()


def test_the_chosen_run_is_read_before_the_rest_of_a_long_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "WORTH_TELLING", 1)
    for name in "abc":
        new_run(tmp_path, name)
    told: list[str] = []

    def post(message: CatalogChanged | RunChanged) -> None:
        if isinstance(message, RunChanged):
            told.append(message.snapshot.path.name[-1:])
            return
        told.append(f"{len(message.runs)} runs")
        watched.watch((message.runs[0].path,))
        if len(message.runs) == 3:
            watched.stop()

    watched = watcher.Watcher(tmp_path / "runs", post)
    watched.run()
    assert told == ["1 runs", "c", "2 runs", "3 runs"]


def test_words() -> None:
    assert short_name("20260101-120000-my-run") == "my-run"
    assert short_name("odd") == "odd"
