"""Runs that are there: named, noted, sorted and removed, by the real commands."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.files import write_json
from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.runs.lock import only_writer
from sracl_core.settings.models import RunConfig

CONFIG = RunConfig.model_validate({"dataset": {"path": "data/shop"}})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, of which two have results."""
    for name, value in (("low", 0.1), ("none", None), ("high", 0.3)):
        run = create_run(tmp_path, name, CONFIG, {"dataset": {"name": "shop"}})
        if value is not None:
            held = {"unmasked": {"NDCG@20": value}, "masked": {"NDCG@20": 1 - value}}
            write_json(run.results_path, {"valid": held, "test": held, "best_epoch": 1}, seal=True)
    return tmp_path


def names(runs: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert sracl(["runs", "list", "--runs-dir", str(runs), "--json", *words]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return [one["name"].split("-", 2)[-1] for one in found]


def test_sorted_by_a_metric_or_a_column(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert names(runs, capsys, "--sort", "NDCG@20") == ["high", "low", "none"]
    assert names(runs, capsys, "--sort", "masked/NDCG@20", "--last", "1") == ["low"]
    assert sorted(names(runs, capsys, "--sort", "name")) == ["high", "low", "none"]
    assert sracl(["runs", "list", "--runs-dir", str(runs), "--sort", "NDGC@20"]) == 2
    assert "did you mean 'NDCG@20'?" in capsys.readouterr().err


def test_a_list_shows_what_it_is_sorted_by(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["runs", "list", "--runs-dir", str(runs), "--sort"]
    assert sracl([*there, "masked/NDCG@20"]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split("best")[1].split() == ["valid", "masked", "NDCG@20", "test", "masked", "NDCG@20"]
    assert first.split()[-2:] == ["0.9000", "0.9000"]
    assert sracl([*there, "training_seconds"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[-3:] == ["test", "NDCG@20", "trained"]


def test_a_note_is_kept_shown_and_forgotten(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--runs-dir", str(runs)]
    assert sracl(["runs", "note", "high", "wider [b]\x1b[31m", *there]) == 0
    assert sracl(["runs", "note", "high", *there]) == 0
    said = capsys.readouterr().out
    assert said.startswith("wider [b]")
    assert "\x1b" not in said
    assert sracl(["runs", "list", *there]) == 0
    assert "wider [b]" in capsys.readouterr().out
    assert sracl(["runs", "note", "high", "", *there]) == 0
    assert not list(runs.rglob("note.txt"))
    assert sracl(["runs", "note", "high", "x" * 2001, *there]) == 2


def test_a_word_of_a_note_is_a_tag_that_lists_ask_for(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--runs-dir", str(runs)]
    for name, text in (("high", "#Keep it, ref#2 #to-show"), ("none", "no #keep\n#keep"), ("low", "keep")):
        assert sracl(["runs", "note", name, text, *there]) == 0
    assert sorted(names(runs, capsys, "--tag", "keep")) == ["high", "none"]
    assert names(runs, capsys, "--tag", "#KEEP", "--sort", "NDCG@20", "--last", "1") == ["high"]
    assert names(runs, capsys, "--tag", "2") == names(runs, capsys, "--tag", "to") == []
    assert sracl(["runs", "list", *there, "--json", "--sort", "NDCG@20"]) == 0
    assert [one["tags"] for one in json.loads(capsys.readouterr().out)] == [["keep", "to-show"], [], ["keep"]]
    assert sracl(["runs", "list", *there, "--tag", "gone"]) == 0
    assert "`sracl runs note RUN '#gone'` gives it" in " ".join(capsys.readouterr())


def test_another_name(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--runs-dir", str(runs)]
    assert sracl(["runs", "rename", "high", "the best one", *there]) == 0
    assert "the-best-one" in names(runs, capsys)
    assert sracl(["runs", "show", "the-best-one", *there]) == 0
    assert sracl(["runs", "rename", "low", "///", *there]) == 2
    low = next(runs.glob("*-low"))
    taken = runs / f"{low.name.removesuffix('low')}none"
    if not taken.exists():  # the second changed while they were made
        taken.mkdir()
    assert sracl(["runs", "rename", "low", "none", *there]) == 2
    assert "is there already" in capsys.readouterr().err


def test_removing_asks_and_spares_what_is_written(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ["--runs-dir", str(runs)]
    with only_writer(RunDirectory(next(runs.glob("*-low")))):
        assert sracl(["runs", "rm", "low", "--yes", *there]) == 2
        assert "is being written" in capsys.readouterr().err
        assert sracl(["runs", "rename", "low", "x", *there]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert sracl(["runs", "rm", "low", *there]) == 2
    assert "nobody answers here, and nothing was done; --yes says yes" in capsys.readouterr().err
    (runs / "link").symlink_to(next(runs.glob("*-none")).name)
    assert sracl(["runs", "rm", "link", "--yes", *there]) == 0
    assert sracl(["runs", "rm", "low", "high", "low", "--yes", *there]) == 0
    assert names(runs, capsys) == ["none"]
    assert [path.name for path in runs.iterdir() if path.name.startswith(".")] == []
