"""What the shell offers after a tab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sracl_core.cli import completion
from sracl_core.files import write_json
from sracl_core.sealed import SEAL
from tests.trained import ROOT

MAIN = """
import atexit, sys
atexit.register(lambda: print(*{"pydantic", "numpy", "yaml", "torch"} & set(sys.modules), file=sys.stderr))
from sracl_core.cli.main import main
main()
"""


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
        ("sracl train --set retrieval.meth", "3", "retrieval.method="),
        ("sracl train oth", "2", "other"),
    ],
)
def test_bash_asks_the_command_itself_which_loads_little(
    here: Path, monkeypatch: pytest.MonkeyPatch, words: str, place: str, offered: str
) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(here / "cache"))
    completion.settings("")  # the first tab after an install writes down what the next ones offer
    asked = {"_SRACL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        env={**os.environ, "PYTHONPATH": str(ROOT), **asked},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == offered.split()
    assert done.stderr.split() == []


def test_what_was_written_down_is_forgotten_when_a_method_changes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(here / "cache"))
    kept = here / "cache" / "completion.json"
    every = completion.settings("")
    told = json.loads(kept.read_text())
    del told[SEAL]
    write_json(kept, told | {"choices": {"old.key": []}}, seal=True)
    assert completion.settings("") == ["old.key="]
    changed = dict.fromkeys(told["stamps"], 1)
    write_json(kept, told | {"choices": {"old.key": []}, "stamps": changed}, seal=True)
    assert completion.settings("") == every
    kept.write_text("{")
    assert completion.settings("") == every
