"""What the shell offers after a tab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sracl_core.cli import completion
from tests.trained import ROOT


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run and two datasets."""
    for name in ("runs/20260101-120000-first/meta.json", "data/shop/dataset.json", "other/dataset.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRACL_RUNS_DIR", raising=False)
    return tmp_path


def test_what_is_there_is_offered(here: Path) -> None:
    assert completion.runs("") == ["last", "first", "20260101-120000-first"]
    assert completion.datasets("") == ["data/shop", "other"]
    assert completion.datasets("data/") == ["data/shop"]
    assert completion.presets("fa") == ["fast"]
    assert completion.settings("retrieval.meth") == ["retrieval.method="]
    assert completion.settings("retrieval.method=e") == ["retrieval.method=exact"]
    assert completion.settings("model.name=sas") == ["model.name=sasrec"]
    assert completion.settings("no.such=") == []


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("sracl tr", None),
        ("sracl train --pre", "train"),
        ("sracl runs ", "runs"),
        ("sracl", None),
        ("", None),
    ],
)
def test_only_the_command_that_is_typed_is_loaded(typed: str, command: str | None) -> None:
    assert completion.command_of({"COMP_WORDS": typed}) == command
    assert completion.command_of({"_TYPER_COMPLETE_ARGS": typed}) == command


@pytest.mark.parametrize(
    ("words", "place", "offered"),
    [
        ("sracl recommend fir", "2", "first"),
        ("sracl train --preset zz", "3", ""),
        ("sracl comp", "1", "compare"),
    ],
)
def test_bash_asks_the_command_itself(here: Path, words: str, place: str, offered: str) -> None:
    asked = {"_SRACL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}
    done = subprocess.run(
        [sys.executable, "-c", "from sracl_core.cli.main import main; main()"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **asked},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == offered.split()
    assert done.stderr == ""
