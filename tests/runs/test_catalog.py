"""The list of runs: what has not changed is not read again, and what has is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sracl_core.files import read_json, write_json
from sracl_core.runs import catalog, summarizing
from sracl_core.runs.catalog import RunCatalog, list_runs
from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.runs.summarizing import summarize
from sracl_core.runs.summary import RunSummary
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig

MOST = 5


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """So many ended runs that their lines are kept, and that at once."""
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(catalog, "WORTH_KEEPING", MOST)
    monkeypatch.setattr(catalog, "SETTLED_NS", -1)
    config = RunConfig.model_validate({"dataset": {"path": "data/sample"}})
    for number in range(MOST):
        with RunWriter(create_run(tmp_path / "runs", f"run{number}", config, {})) as writer:
            writer.state(status="finished", best_valid={"masked": {"NDCG@20": 0.1 + number / 7}})
    return tmp_path / "runs"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose files are read."""
    names: list[str] = []

    def noted(run: RunDirectory) -> RunSummary:
        names.append(run.name)
        return summarize(run)

    monkeypatch.setattr(summarizing, "summarize", noted)
    return names


def test_what_has_not_changed_is_read_once_by_all_who_ask(runs: Path, read: list[str]) -> None:
    asked = RunCatalog(runs)
    first = asked.read()
    assert len(read) == MOST
    assert asked.read() == list_runs(runs) == list_runs(runs) == first
    assert len(read) == MOST


def test_kept_lines_are_told_without_what_reads_runs(runs: Path) -> None:
    list_runs(runs)
    code = f"""
import sys
from sracl_core.runs import catalog
catalog.WORTH_KEEPING = {MOST}
print(len(catalog.list_runs({str(runs)!r})), *({{"pydantic", "yaml"}} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert told.stdout.split() == [str(MOST)], told.stderr


def test_the_newest_are_told_while_the_others_are_still_to_be_read(
    runs: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "WORTH_TELLING", 1)
    told: list[list[str]] = []
    everything = RunCatalog(runs).read(lambda found: told.append([line.name for line in found]))
    assert told == [[line.name for line in everything[:some]] for some in (1, 2, 4)]
    assert len(everything) == MOST
    RunCatalog(runs).read(told.append)
    assert len(told) == 3, "what is known already is there at once"


@pytest.mark.parametrize("name", catalog.READ)
def test_a_changed_file_shows_at_once(runs: Path, read: list[str], name: str) -> None:
    asked = RunCatalog(runs)
    one = asked.read()[2]
    path = one.path / name
    if name == "config.yaml":
        changed = path.read_text().replace("sasrec", "bsarec")
        assert len(changed) == path.stat().st_size
    else:
        changed = "{" * (path.stat().st_size if path.exists() else 9)
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns) if path.exists() else (0, 0)
    path.write_text(changed)
    os.utime(path, ns=times)
    del read[:]
    for again in (asked.read(), list_runs(runs)):
        (now,) = (line for line in again if line.name == one.name)
        assert now == summarize(RunDirectory(one.path)) != one
    assert read == [one.name] * 2


def test_what_runs_or_has_only_just_changed_is_read_again(
    runs: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    list_runs(runs)
    with RunWriter(RunDirectory(list_runs(runs)[0].path)) as writer:
        writer.state(status="running")
        del read[:]
        assert [line.status for line in list_runs(runs) + list_runs(runs)].count("running") == 2
        assert len(read) == 2
        monkeypatch.setattr(catalog, "SETTLED_NS", 10**12)
        list_runs(runs)
        assert len(read) == 3, "what was kept before is known"
        for path in runs.iterdir():
            (path / "state.json").touch()
        asked = RunCatalog(runs)
        del read[:]
        asked.read()
        asked.read()
        assert len(read) == 2 * MOST


def test_lines_kept_by_another_version_or_damaged_are_nothing(runs: Path, read: list[str]) -> None:
    first = list_runs(runs)
    (kept,) = (runs.parent / "cache" / "lists").iterdir()
    told = read_json(kept)
    assert told is not None
    for spoiled in ({**told, "readers": []}, None):
        kept.write_text("{") if spoiled is None else write_json(kept, spoiled, seal=True)
        del read[:]
        assert list_runs(runs) == first
        assert len(read) == MOST


def test_a_cache_that_cannot_be_written_stops_no_list(
    runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "file"))
    assert len(list_runs(runs)) == MOST
