"""`sracl cache`: what is kept, what a run was made with, and clearing the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sracl_core.cli import main
from sracl_core.pipeline.run import evaluate
from sracl_core.runs.directory import RunDirectory
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.llm.answers_db import Answer, LlmCache
from sracl_core.semantics.store import VectorStore
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run


class Other(TextEncoder):
    def __init__(self) -> None:
        self.name, self.fingerprint = "another encoder", "a" * 64


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A run, and beside what it left in the cache: vectors of nobody, an old store, a paid answer."""
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    settings = {"training.max_epochs": 1, "retrieval.stride": 3}
    made = tiny_run(tiny_config(tiny_dataset(tmp_path), settings), tmp_path / "runs")
    VectorStore().vectors(Other(), ["a text", "another"])
    (tmp_path / "cache/static/4567").mkdir(parents=True)
    (tmp_path / "cache/static/4567/model.safetensors").write_bytes(bytes(10))
    (tmp_path / "cache/lists").mkdir()
    (tmp_path / "cache/lists/89ab.json").write_bytes(bytes(10))
    (tmp_path / "cache/vectors/0123").mkdir()
    (tmp_path / "cache/vectors/0123/x.npy").write_bytes(bytes(10))
    answers = LlmCache()
    answers.store(bytes(16), "model", Answer("json", "A soap."))
    answers.close()
    for path in (tmp_path / "cache").rglob("*"):
        os.utime(path, (1e9, 1e9))
    return made


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    capsys.readouterr()
    assert main.run([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_shows_what_is_there_and_who_needs_it(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, "cache", "--runs-dir", tmp_path / "runs")
    shown = {(each["kind"], each["entries"], len(each["runs"])) for each in found}
    items = len(json.loads((run.model_dir / "items.json").read_text())["ids"])
    assert {
        ("vectors", 2, 0),
        ("old", None, 0),
        ("model", None, 0),
        ("list", None, 0),
        ("answers", 1, 0),
        ("table", items, 1),
    } <= shown
    tables = [each for each in found if each["kind"] == "table"]
    assert [len(each["runs"]) for each in tables] == [1, 1], "that of the searched prefixes, too"
    assert {each["name"] for each in found if each["kind"] == "vectors"} == {
        "all-MiniLM-L6-v2",
        "another encoder",
    }
    assert main.run(["cache", "--runs-dir", str(tmp_path / "runs")]) == 0
    assert "another encoder" in capsys.readouterr().out


def test_it_clears_what_no_run_needs_and_runs_go_on(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--runs-dir", tmp_path / "runs")
    before = told(capsys, "cache", *place)
    unneeded = {each["path"] for each in before if not each["runs"] and each["kind"] != "answers"}
    assert len(unneeded) == 4
    assert {each["path"] for each in told(capsys, "cache", "clear", "--dry-run", *place)} == unneeded
    assert told(capsys, "cache", *place) == before
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert main.run(["cache", "clear", *map(str, place)]) == 0
    assert told(capsys, "cache", *place) == before
    assert set(told(capsys, "cache", "clear", "--yes", *place)["removed"]) == unneeded
    assert {each["path"] for each in told(capsys, "cache", *place)} == {
        each["path"] for each in before
    } - unneeded
    told(capsys, "cache", "clear", "--yes", "--needed", *place)
    assert [each["kind"] for each in told(capsys, "cache", *place)] == ["answers"]
    results = run.results()
    assert results is not None
    assert evaluate(run)["test"] == results["test"]
    told(capsys, "cache", "clear", "--yes", "--answers", *place)
    assert told(capsys, "cache", *place) == []


def test_what_is_being_written_stays(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = VectorStore().path(Other())
    os.utime(fresh)
    chosen = told(
        capsys, "cache", "clear", "--dry-run", "--needed", "--answers", "--runs-dir", tmp_path / "runs"
    )
    assert chosen
    assert str(fresh) not in {each["path"] for each in chosen}
    assert main.run(["cache", "clear", "--dry-run", "--runs-dir", str(tmp_path / "runs")]) == 0
    assert "written to in the last two minutes, and so staying: 1 of " in capsys.readouterr().err
