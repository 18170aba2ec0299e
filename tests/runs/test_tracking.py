"""What trackers are handed: every number by its name, and nothing that a resume took back."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sracl_core.cli.tracking import while_tracked
from sracl_core.errors import InputError
from sracl_core.files import write_json
from sracl_core.runs import trackers
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.trackers.base import Point, Tracker
from sracl_core.runs.tracking import Tracking, tracked
from sracl_core.runs.writer import RunWriter

ROOT = Path(__file__).parents[2]
VALID = {"masked": {"HR@5": 0.25, "NOVEL@3": 0.5}}


class Kept:
    """A tracker's log of one run, in memory."""

    look = "look here"

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.opened = self.closed = 0

    def open(self, run: RunDirectory, out: Path | None) -> Kept:
        self.opened += 1
        self.points = []
        return self

    def write(self, points: list[Point]) -> None:
        self.points += points

    def close(self) -> None:
        self.closed += 1

    def steps(self) -> list[int]:
        return [point.step for point in self.points]


def following(run: RunDirectory) -> tuple[Kept, Tracking]:
    kept = Kept()
    return kept, Tracking(run, Tracker("sys", "", kept.open))


def told(run: RunDirectory, first: int, last: int) -> None:
    """Steps `first` to `last`, an epoch with the last."""
    with RunWriter(run) as writer:
        for step in range(first, last + 1):
            writer.event("step", step=step, epoch=0, loss=1.0 / step, mine=math.inf, prefixes_per_second=9.0)
        writer.event("epoch", step=last, epoch=0, loss=0.5, seconds=2.0, valid=VALID, best=True)


def test_names_come_from_the_record(run: RunDirectory) -> None:
    told(run, 1, 2)
    kept, tracking = following(run)
    tracking.poll()
    assert kept.steps() == [1, 2, 2]
    assert {name: value for name, value in kept.points[1].values.items() if name != "train/mine"} == {
        "train/loss": 0.5,
        "pace/prefixes_per_second": 9.0,
    }
    assert math.isnan(kept.points[1].values["train/mine"])
    assert kept.points[2].values == {
        "epoch/loss": 0.5,
        "pace/epoch_seconds": 2.0,
        "valid/masked/HR@5": 0.25,
        "valid/masked/NOVEL@3": 0.5,
    }
    tracking.poll()
    assert len(kept.points) == tracking.points == 3


def test_what_a_resume_takes_back_is_not_there(run: RunDirectory) -> None:
    told(run, 1, 9)
    watching, live = following(run)
    live.poll()
    with RunWriter(run) as writer:
        writer.event("run_resumed", step=5, epoch=0)
    told(run, 6, 7)
    late, later = following(run)
    for tracking in (live, later):
        tracking.poll()
    assert watching.steps() == late.steps() == [*range(1, 8), 7]
    assert (watching.opened, late.opened) == (2, 1)


def test_test_metrics_come_once_when_the_run_has_finished(run: RunDirectory) -> None:
    told(run, 1, 2)
    write_json(run.results_path, {"test": VALID}, seal=True)
    kept, tracking = following(run)
    tracking.poll()
    assert len(kept.points) == 3
    with RunWriter(run) as writer:
        writer.state(status="finished")
    for _ in range(2):
        tracking.poll()
    assert len(kept.points) == 4
    assert (kept.points[-1].step, kept.points[-1].values) == (
        2,
        {"test/masked/HR@5": 0.25, "test/masked/NOVEL@3": 0.5},
    )


def test_a_training_is_followed_to_its_end_and_not_ended_by_its_tracker(run: RunDirectory) -> None:
    kept, tracking = following(run)
    failures: list[str] = []
    with tracked(tracking, failures.append):
        told(run, 1, 2)
    assert (kept.steps(), kept.closed, failures) == ([1, 2, 2], 1, [])
    _, broken = following(run)
    broken.poll = lambda: 1 / 0  # type: ignore[method-assign]
    with tracked(broken, failures.append):
        told(run, 3, 4)
    assert failures == ["division by zero"]


def test_a_tracker_that_hangs_or_ends_its_process_holds_no_training_up(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    never, failures = threading.Event(), list[str]()
    monkeypatch.setattr("sracl_core.runs.tracking.LAST_SECONDS", 0.1)
    for does, said in (
        (sys.exit, "SystemExit"),
        (never.wait, "it has not taken the last numbers within 0 s"),
    ):
        _, broken = following(run)
        monkeypatch.setattr(broken, "poll", does)
        with tracked(broken, failures.append):
            pass
        assert failures.pop() == said
    assert failures == []
    never.set()


def test_a_tracker_that_cannot_be_opened_ends_no_training(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(run: RunDirectory, out: Path | None) -> Kept:
        raise TypeError("another version")

    monkeypatch.setattr(trackers, "tracker", lambda name: Tracker("sys", "", broken))
    with while_tracked(run, ["trackio"]):
        told(run, 1, 2)
    said = capsys.readouterr().err
    assert "trackio: another version; the training goes on" in said


def test_one_that_is_unknown_or_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="did you mean 'tensorboard'"):
        trackers.tracker("tensorbord")
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"trackio is not installed.*pip install 'sracl-tui\[trackio\]'"):
        trackers.tracker("trackio")


def test_tensorboard_reads_what_is_written(run: RunDirectory, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", exc_type=ImportError)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told(run, 1, 3)
    for _ in range(2):  # the second replaces the first
        tracking = Tracking(run, trackers.tracker("tensorboard"), tmp_path / "all")
        tracking.poll()
        tracking.close()
    found = EventAccumulator(str(tmp_path / "all" / run.name)).Reload()
    assert [(one.step, one.value) for one in found.Scalars("train/loss")] == [
        (1, 1.0),
        (2, 0.5),
        (3, pytest.approx(1 / 3)),
    ]
    assert abs(found.Scalars("train/loss")[0].wall_time - time.time()) < 600
    assert [one.value for one in found.Scalars("valid/masked/NOVEL@3")] == [0.5]
    assert math.isnan(found.Scalars("train/mine")[0].value)
    assert found.PluginTagToContent("hparams")
    assert tracking.look == f"tensorboard --logdir {tmp_path / 'all'}"


TRACKIO = """
import socket, sys
from pathlib import Path

def refused(*_):
    raise AssertionError("the network was asked")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.tracking import Tracking
from sracl_core.runs.trackers import tracker

for _ in range(2):  # the second replaces the first
    tracking = Tracking(RunDirectory(Path(sys.argv[1])), tracker("trackio"), Path(sys.argv[2]))
    tracking.poll()
    tracking.close()
import trackio
from trackio.sqlite_storage import SQLiteStorage

(run,) = trackio.Api().runs("sracl")
rows = SQLiteStorage.get_logs("sracl", run.name)
print(run.name, run.config["training.seed"], len(rows), [
    (row["step"], row["train/loss"]) for row in rows if "train/loss" in row
], [row["valid/masked/NOVEL@3"] for row in rows if "valid/masked/NOVEL@3" in row])
"""


def test_trackio_reads_what_is_written_and_asks_no_network(run: RunDirectory, tmp_path: Path) -> None:
    pytest.importorskip("trackio", exc_type=ImportError)
    told(run, 1, 2)
    # Variables that would make trackio itself send to a server.
    where = {"TRACKIO_SPACE_ID": "someone/space", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", TRACKIO, str(run.path), str(tmp_path / "all")],
        env={**os.environ, "PYTHONPATH": str(ROOT), **where},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == f"{run.name} 42 3 [(1, 1.0), (2, 0.5)] [0.5]", done.stderr
    assert not (tmp_path / "home" / "trackio").exists()
