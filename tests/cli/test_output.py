from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from sracl_core.cli import asking, doctor, output
from sracl_core.cli.live import TrainingDisplay
from sracl_core.cli.prose import tell_prose
from sracl_core.cli.run_argument import find_run
from sracl_core.errors import RunError
from sracl_core.pipeline import step_time
from sracl_core.progress import EPOCH, PASSING
from sracl_core.runs.directory import create_run
from sracl_core.settings.models import RunConfig
from tests.trained import ROOT


def test_a_piped_table_is_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    title = "x" * 300
    output.print_table(
        ["item", "title", "score"], [("a", title, 0.5), ("bcd", "é", None), ("e", "f", 12345.6)]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["item", "title", "score"]
    assert title in lines[1]
    assert lines[1].endswith("0.5000")
    assert lines[2].endswith("     -")
    assert lines[3].endswith("12,346")
    assert len({len(line) for line in lines}) == 1


def test_a_terminal_draws_no_table_of_thousands_of_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(output, "_draw_table", lambda columns, cells, *_: drawn.append(len(cells)))
    output.print_table(["at"], [(at,) for at in range(output.MOST_DRAWN)])
    assert not capsys.readouterr().out
    output.print_table(["at"], [(at,) for at in range(output.MOST_DRAWN + 1)])
    assert len(capsys.readouterr().out.splitlines()) == output.MOST_DRAWN + 2
    assert drawn == [output.MOST_DRAWN]


def test_a_terminal_gets_whole_words_and_a_pipe_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "p: paired test over users against full, two-sided, Holm-corrected; \x1b[31mred"
    tell_prose(told)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    tell_prose(told)
    assert capsys.readouterr().out.splitlines() == [
        "p: paired test over users against full, two-sided, Holm-corrected; ␛[31mred",
        "p: paired test over users against full,", "two-sided, Holm-corrected; ␛[31mred",
    ]  # fmt: skip


def test_an_empty_table_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(["run", "status"], [])
    assert capsys.readouterr().out == "run  status\n"


def test_json_takes_numpy_and_paths(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": np.float32(0.5), "b": np.arange(2), "c": Path("d")})
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": [0, 1], "c": "d"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (725, "12 min 05 s"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert output.duration(seconds) == text


def test_progress_off_a_terminal_is_plain_lines_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(output.time, "monotonic", lambda: now)
    with output.progress_display() as progress:
        for done in range(0, 11):
            now += 1.0
            progress("embed", done, 10)
            progress(EPOCH, done, 10)
        for done in range(0, 2):
            now += 5.0
            progress("fetch x (bytes)", 5_000_000 * done, 10_000_000)
    with output.progress_display(quiet=True) as progress:
        progress("embed", 1, 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "embed: 5 of 10, 1/s, about 5.0 s left",
        "embed: 10 in 10 s",
        "fetch x (bytes): 5.0 MB of 10.0 MB, 1.0 MB/s, about 5.0 s left",
    ]
    with output.progress_display() as progress:
        for done in range(7201):
            now += 1.0
            progress("compare (time)", done, 7200)
    lines = capsys.readouterr().err.splitlines()
    with output.progress_display(patience=2.0) as progress:
        for stage, last in (("embed", 1.9), ("embed", 2.1)):
            progress(stage, 0, 10)
            now += last
            progress(stage, 10, 10)
        progress("load the text encoder", 0, 1)
        now += 2.5
        progress("load the text encoder", 1, 1)
    assert capsys.readouterr().err == "embed: 10 in 2.1 s\nload the text encoder: 2.5 s\n"
    assert 20 < len(lines) < 100
    assert lines[0] == "compare: 5.0 s of 2 h 00 min, about 1 h 59 min left"
    assert lines[-1] == "compare: 2 h 00 min"


def test_the_training_display_shows_epochs_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    records = [
        {"event": "stage", "stage": "train", "status": "started", "steps_per_epoch": 10},
        {"event": "step", "step": 3, "epoch": 0, "loss": 1.0},
        {"event": "message", "level": "warning", "text": "7 items have no text"},
        {"event": "message", "level": "info", "text": "not shown"},
        {"event": "epoch", "epoch": 0, "loss": None, "valid": {}, "seconds": 2.0, "best": False},
        {"event": "something_new"},
    ]
    with TrainingDisplay() as display:
        for record in records:
            display.on_event(record)
    assert capsys.readouterr().err.splitlines() == ["warning: 7 items have no text", "epoch   1  2.0 s"]


def test_a_run_is_found_by_path_name_ending_or_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, third = (
        create_run(Path("runs"), name, RunConfig(), {}) for name in ("one", "two", "big-two")
    )
    assert find_run(str(first.path)).path == first.path
    assert find_run(first.name).path == find_run("one").path == first.path
    assert find_run("big-two").path == third.path
    with pytest.raises(RunError, match="fits 2 runs"):
        find_run("two")
    assert find_run(second.name).path == second.path
    assert find_run("last").path in {first.path, second.path, third.path}
    with pytest.raises(RunError, match="did you mean 'one'"):
        find_run("onee")


def test_the_doctor_times_a_step_and_recommends_the_fastest_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name for name, seconds in step_time.seconds_of_steps().items() if seconds > 0} >= {"cpu"}
    for cuda, status, end in (
        (0.01, "ok", "training.device=auto takes cuda"),
        (0.1, "warning", "cpu is 2.0 times as fast here: set training.device=cpu"),
    ):
        monkeypatch.setattr(step_time, "seconds_of_steps", lambda cuda=cuda: {"cpu": 0.05, "cuda": cuda})
        monkeypatch.setattr("sracl_core.device.pick_device", lambda name: torch.device("cuda"))
        assert doctor._step()[0] == status
        assert doctor._step()[1] == f"50 ms on cpu, {1000 * cuda:,.0f} ms on cuda; {end}"


def test_the_doctor_calls_what_is_missing_broken() -> None:
    assert doctor._dependency("no-such-distribution", "json").status == "broken"
    assert doctor._dependency("textual-plott", None).status == "broken"
    assert doctor._dependency("typer", "no_such_module").status == "broken"
    assert doctor._dependency("typer", "typer").status == "ok"

    def fails() -> tuple[str, str]:
        raise RuntimeError("two\nlines")

    assert doctor._guarded("thing", fails) == ("thing", "broken", "RuntimeError: two lines")


def test_a_broken_part_is_exit_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from sracl_core.cli.main import run

    monkeypatch.setattr(doctor, "_checks", lambda: iter([doctor.Check("disk", "broken", "full")]))
    assert run(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    monkeypatch.setattr(doctor, "_checks", lambda: iter([doctor.Check("disk", "warning", "little")]))
    assert run(["doctor"]) == 0


def test_every_dependency_is_looked_at() -> None:
    import tomllib

    from tests.trained import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {text.split(">")[0].split("[")[0].lower() for text in project["dependencies"]}
    assert names <= {name.lower() for name in doctor.MODULES}


@pytest.mark.parametrize(
    ("closing", "said"), [(">&- 2>&- <&-", b""), (">&-", b"Addresses and checksums"), ("2>&-", b"ml-1m")]
)
def test_a_command_whose_streams_were_closed_does_its_work(tmp_path: Path, closing: str, said: bytes) -> None:
    words = ["-c", "from sracl_core.cli.main import main; main(['data', 'list'])"]
    ended = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {closing}', sys.executable, *words],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout + ended.stderr
    assert b"error" not in ended.stderr


def test_our_own_messages_are_given_line_by_line() -> None:
    """A newline in a message is shown as one that came from data: none of our own words may hold one."""
    for path in (ROOT / "sracl_core" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "say":
                words = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
                held = [word for word in words if isinstance(word, str) and "\n" in word and word != "\n"]
                assert not held, f"{path.name} line {node.lineno}: {held}"


def test_what_begins_between_answers_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    told = asking.beginnings()
    for _ in range(2):
        for stage, total in (("load the text encoder", 1), ("embed", 1), ("embed", 12101)):
            told(stage, 0, total)
            told(stage, total, total)
    assert capsys.readouterr().err == "load the text encoder\nembed: 12,101\n"


def test_the_bars_of_a_training_fit_into_64_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a narrowed terminal breaks in two stays on the screen."""
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", "200")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.progress_display() as progress:
        for done in (0, 1234):
            progress(EPOCH, done, 5140)
        for done in (1, 2):
            progress(f"sasrec{PASSING}", done, 2)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err).splitlines()
    assert not [line for line in lines[-2:] if "sasrec" in line], "one of several goes when it ends"
    drawn = [line.rstrip() for line in lines if "1,234 of 5,140" in line]
    assert drawn
    assert max(len(line) for line in drawn) + len(", 12/s") <= 64


def test_each_stage_that_takes_long_and_says_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    seen = ""
    with output.progress_display(patience=0.01) as progress:
        for stage in ("load", "fit"):
            progress(stage, 0, 1)
            end = time.monotonic() + 60
            while stage not in seen and time.monotonic() < end:
                seen += capsys.readouterr().err
            progress(stage, 1, 1)
            assert stage in seen
