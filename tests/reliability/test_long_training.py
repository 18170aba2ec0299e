"""Hours of training with a dashboard beside it: memory and handles stay where they were.

Only `make soak` has the time for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import RunDirectory
from tests.reliability.figures import note, tried
from tests.trained import ROOT, SMALL
from tests.tui.terminals import TMUX, Terminal, own_environment

MINUTES = tried("MINUTES")
SETTLED = 0.2
"""Share of the time after which nothing may grow any more."""

pytestmark = [
    pytest.mark.skipif(not MINUTES, reason="takes an hour: make soak"),
    pytest.mark.skipif(TMUX is None, reason="needs tmux"),
]


def held(process: psutil.Process) -> tuple[float, int, int]:
    """MB in memory, open files, threads."""
    return process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()


def begin(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **own_environment(folder)}
    sracl = [sys.executable, "-m", "sracl_core.cli.main"]
    sample = ROOT / "sample_data"
    prepare = [*sracl, "data", "prepare", str(sample), "--out", "data/sample", "-q"]
    subprocess.run(prepare, cwd=folder, env=environment, check=True)
    sets = [word for text in (*SMALL, "training.patience=1000000") for word in ("--set", text)]
    words = [*sracl, "train", "--dataset", "data/sample", "--name", "long", "--epochs", "1000000", *sets]
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def the_run(folder: Path, training: subprocess.Popen[bytes]) -> RunDirectory:
    end = time.monotonic() + 300
    while not (found := [line for line in list_runs(folder / "runs") if line.epoch]):
        assert training.poll() is None
        assert time.monotonic() < end
        time.sleep(1)
    return RunDirectory(found[0].path)


def test_memory_and_handles_stay_flat(tmp_path: Path) -> None:
    training = begin(tmp_path)
    terminal = Terminal(tmp_path)
    try:
        run = the_run(tmp_path, training)
        terminal.start(str(run.path))
        terminal.until("NDCG")
        watched = {"training": psutil.Process(training.pid), "dashboard": psutil.Process(terminal.pid())}
        samples: dict[str, list[tuple[float, int, int]]] = {name: [] for name in watched}
        end = time.monotonic() + 60 * MINUTES
        while time.monotonic() < end:
            for name, process in watched.items():
                samples[name].append(held(process))
            time.sleep(2)
        training.send_signal(signal.SIGTERM)
        assert training.wait(120) == 128 + signal.SIGTERM
        terminal.until("stopped")
    finally:
        terminal.close()
        training.kill()
    for name, rows in samples.items():
        began = rows[int(len(rows) * SETTLED)]
        columns = [[row[part] for row in rows] for part in range(3)]
        note(
            "training beside a dashboard",
            name,
            {
                "minutes": MINUTES,
                "epochs": run.state().get("epoch") or 0,
                "MB after a fifth": round(began[0]),
                "MB at most": round(max(columns[0])),
                "MB at the end": round(rows[-1][0]),
                "open files at most": max(columns[1]),
                "open files at the end": rows[-1][1],
                "threads at most": max(columns[2]),
            },
        )
        later = rows[int(len(rows) * SETTLED) :]
        assert max(row[0] for row in later) < 1.25 * began[0] + 40, f"{name} grows"
        assert rows[-1][1] <= began[1] + 2, f"{name} leaves files open"
        assert rows[-1][2] <= began[2] + 1, f"{name} leaves threads"
