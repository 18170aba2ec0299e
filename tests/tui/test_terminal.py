"""The real dashboard in a real terminal, by keyboard alone, with real trainings."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sracl_core.runs.liveness import is_alive
from tests.trained import Shop
from tests.tui.terminals import SECONDS, TMUX, Terminal, own_environment

pytestmark = [
    pytest.mark.skipif(TMUX is None, reason="tmux is not installed"),
    pytest.mark.timeout(900),
]


@pytest.fixture
def terminal(tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Not started yet; the sample's text vectors are there already."""
    monkeypatch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def configure(terminal: Terminal, epochs: int) -> None:
    """From the Data screen with a ready sample to a form with these epochs."""
    terminal.press("Enter")
    terminal.until("$ sracl train ")
    terminal.type("/")
    wait_until(lambda: "/ find a setting" in terminal.cursor_row(), "the cursor is in the search")
    terminal.type("max_epochs")
    terminal.until("Settings with “max_epochs”")
    terminal.press("Enter")
    wait_until(lambda: "max_epochs   " in terminal.cursor_row(), "the cursor is in the field")
    terminal.type(str(epochs))
    terminal.wait(lambda screen: f"training.max_epochs={epochs}\n" in screen, "the whole number is there")


def test_from_nothing_to_recommendations(terminal: Terminal) -> None:
    terminal.start()
    terminal.until("Datasets", "● to prepare", "Press enter")
    terminal.press("Enter")
    terminal.until("sample", "✓ ready", "11,265")
    configure(terminal, 2)
    terminal.press("F5")
    terminal.until("▶ running", "epoch 1 of 2")
    terminal.until("✓ finished", "epoch 2 of 2")
    result = re.compile(r"test +unmasked NDCG@20 0\.\d{4}")
    terminal.wait(lambda screen: result.search(screen) is not None, "the test metrics")
    terminal.press("F4")
    terminal.until("amber-badger")
    wait_until(lambda: "type a part of the id" in terminal.cursor_row(), "the cursor is at the user")
    terminal.type("amber-f")
    terminal.until("amber-ferret")
    terminal.press("Enter")
    screen = terminal.wait(
        lambda text: len(re.findall(r"\b0\.\d\d", text)) > 8, "scores of neighbors and items"
    )
    assert "Recommend" in screen
    run = next((terminal.folder / "runs").iterdir())
    assert json.loads((run / "results.json").read_text())["test"]["unmasked"]["NDCG@20"] > 0
    terminal.press("C-q")
    terminal.until("ended with 0")


def test_a_training_outlives_its_terminal_and_its_own_crash(terminal: Terminal, tmp_path: Path) -> None:
    """Two dashboards on one run; the first one's window is closed; the process is killed and resumed."""
    prepare(tmp_path)
    endless = {"SRACL_TRAINING__PATIENCE": "100000"}
    terminal.start(**endless)
    terminal.until("✓ ready", "11,265")
    configure(terminal, 9000)
    terminal.press("F5")
    terminal.until("▶ running", "best valid NDCG@20")
    run = next((tmp_path / "runs").iterdir())

    other = Terminal(tmp_path)
    try:
        other.start(**endless)
        other.until("▶ running", "best valid NDCG@20", run.name.partition("-")[2].partition("-")[2])
        dashboard = terminal.pid()
        terminal.close()
        wait_until(lambda: not Path(f"/proc/{dashboard}").exists(), "the first dashboard has ended")
        before = state(run)
        assert is_alive(before), "the training goes on without its terminal"
        wait_until(lambda: state(run)["step"] > before["step"], "the training makes steps")

        other.press("K")
        other.until("Kill (y)")
        other.press("y")
        other.until("! crashed", "R resumes from the last checkpoint", " killed, best")
        other.press("R")
        other.until("▶ running")
        wait_until(lambda: is_alive(state(run)) and state(run)["pid"] != before["pid"], "it was resumed")
        again = Terminal(tmp_path)
        try:
            again.start(run.name)
            again.until("▶ running")
            again.press("S")
            for each in (again, other):
                each.until("■ stopped")
            # The list says it before the figures do.
            wait_until(lambda: figures(again.screen()) == figures(other.screen()) != "", "both say the same")
        finally:
            again.close()
    finally:
        other.close()
        with contextlib.suppress(ProcessLookupError, KeyError):
            os.kill(state(run)["pid"], signal.SIGKILL)


def prepare(folder: Path) -> None:
    """The prepared sample in `folder`/data, by the real command."""
    command = [sys.executable, "-m", "sracl_core.cli.main", "data", "prepare", "sample"]
    environment = {**os.environ, **own_environment(folder)}
    subprocess.run(
        [*command, "--out", "data/sample"], cwd=folder, env=environment, check=True, timeout=SECONDS
    )


def state(run: Path) -> dict[str, Any]:
    """state.json as it is now; it is replaced in one step, so it is never half."""
    found: dict[str, Any] = json.loads((run / "state.json").read_text())
    return found


def figures(screen: str) -> str:
    """The line with epoch and best figure, without the list of runs on its left."""
    return next((line.rpartition("│")[2].strip() for line in screen.splitlines() if "best valid" in line), "")


def wait_until(what: Callable[[], bool], words: str) -> None:
    end = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < end, f"not within {SECONDS} s: {words}"
        time.sleep(0.2)


def test_an_editor_that_is_not_installed_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.start(EDITOR="no-such-editor --wait")
    terminal.until("● to prepare")
    terminal.press("F2")
    terminal.until("$ sracl train")
    terminal.press("F8")
    terminal.until("no-such-editor --wait cannot be", "such file")
    terminal.press("F1")
    terminal.until("Datasets", "● to prepare")
