"""Signals and closed streams: every command says "interrupted" and exits as a shell expects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_core import SchemaError, SchemaValidator, core_schema

from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.interrupts import Signaled
from tests.cli.test_end_to_end import wait_for_epoch
from tests.trained import ROOT, SMALL, Shop

ASLEEP = """
import os, sys, time
from sracl_core import interrupts
from sracl_core.cli import main
interrupts.ECHO_SECONDS = 60.0
def sleeps():
    print("ready", flush=True)
    try:
        time.sleep(120)
    except interrupts.Signaled as signal:
        # As `timeout` does: it signals its child, and then the group that the child is in.
        os.kill(os.getpid(), signal.number)
        raise
main._load = lambda command: sleeps
sys.exit(main.run(["doctor"]))
"""
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", NUMBERS)
def test_any_command_says_interrupted(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ASLEEP], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 128 + number


def test_the_explorer_too(shop: Shop) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sracl_core.cli.main", "explore", str(shop.run), "--json-lines"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=shop.environment(),
        text=True,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 128 + signal.SIGTERM


def test_nohup_means_it() -> None:
    code = ASLEEP.replace("time.sleep(120)", "time.sleep(0.5)")
    words = ["nohup", sys.executable, "-c", code]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_an_end_of_input_is_no_interruption(capfd: pytest.CaptureFixture[str]) -> None:
    from sracl_core.cli import main

    def fails() -> None:
        raise EOFError("no data left")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "_load", lambda command: fails)
        assert main.run(["doctor"]) == 1
    assert capfd.readouterr().err.startswith("error: unexpected EOFError: no data left")


@pytest.mark.parametrize(
    ("interrupt", "code"),
    [(Signaled(signal.SIGTERM), 143), (Signaled(signal.SIGHUP), 129), (KeyboardInterrupt(), 130)],
)
def test_an_interrupt_that_a_library_made_an_error_is_one(
    interrupt: KeyboardInterrupt,
    code: int,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sracl_core.cli import main

    class Interrupted:
        def __repr__(self) -> str:
            raise interrupt

    def builds_a_validator() -> None:
        SchemaValidator(core_schema.literal_schema([Interrupted()]))

    with pytest.raises(SchemaError):
        builds_a_validator()
    monkeypatch.setattr(main, "_load", lambda command: builds_a_validator)
    assert main.run(["doctor"]) == code
    assert capfd.readouterr().err == "interrupted\n"


def test_a_training_goes_on_without_its_display(tmp_path: Path) -> None:
    small = [word for text in SMALL for word in ("--set", text)]
    rows = [f"u{user},i{(user + step) % 12},{step + 1}" for user in range(12) for step in range(6)]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    prepare(tmp_path / "log.csv", tmp_path / "small", PrepareOptions(k_core=1))
    words = ["train", "--dataset", tmp_path / "small", "--runs-dir", tmp_path, "--name", "long", *small]
    process = subprocess.Popen(
        [sys.executable, "-m", "sracl_core.cli.main", *map(str, words), "--epochs", "20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "SRACL_CACHE_DIR": str(tmp_path / "cache")},
        text=True,
    )
    run = wait_for_epoch(tmp_path, process)
    assert process.stdout is not None
    process.stdout.close()
    process.wait(120)
    assert json.loads((run / "state.json").read_text())["status"] == "finished"
    assert (run / "results.json").is_file()
