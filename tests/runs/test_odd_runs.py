"""One odd run never hides the others, whatever stands in its files."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sracl_core.cli import main
from sracl_core.files import write_json
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.runs.finding import find_run
from sracl_core.runs.liveness import fresh_state
from sracl_core.runs.reader import read_history
from sracl_core.runs.states import RunMeta, RunResults, RunState, lenient, sound_record
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import MASKS, RunConfig
from sracl_core.studies.comparing import _tested
from tests.hostile import ALIASES, DEEP, ODD
from tests.test_plain import is_harmless


def made(runs: Path, name: str) -> RunDirectory:
    config = RunConfig.model_validate({"dataset": {"path": "data/sample"}})
    run = create_run(runs, name, config, {"dataset": {"name": "sample"}})
    with RunWriter(run) as writer:
        writer.event("step", step=1, epoch=0, loss=2.0, next_item=2.0)
        valid = {"unmasked": {"NDCG@20": 0.25}, "masked": {"NDCG@20": 0.3}}
        writer.event("epoch", epoch=0, step=1, loss=2.0, next_item=2.0, seconds=1.0, valid=valid, best=True)
        writer.state(status="finished")
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run among one of each odd kind."""
    folder = tmp_path_factory.mktemp("odd") / "runs"
    made(folder, "sound")
    for number, spoil in enumerate(ODD.values()):
        spoil(made(folder, f"odd{number}").path)
    return folder


def test_all_are_listed_and_the_sound_one_is_whole(runs: Path) -> None:
    found = {summary.name.partition("-")[2].partition("-")[2]: summary for summary in list_runs(runs)}
    assert len(found) == len(ODD) + 1
    assert found["sound"].status == "finished"
    assert found["sound"].valid["unmasked"] == {"NDCG@20": 0.25}
    unusable = {"deep settings", "aliases", "settings that are a list", "settings of rubbish"}
    unusable |= {"deep state", "state that is a list", "deep meta", "meta of nothing", "format of the future"}
    unusable |= {"results that are a list", "deep results"}
    for number, kind in enumerate(ODD):
        summary = found[f"odd{number}"]
        assert (summary.status == "damaged") == bool(summary.problem) == (kind in unusable), kind


@contextmanager
def another_user() -> Iterator[None]:
    """Somebody whom closed files do not let in, which root is not."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
@pytest.mark.parametrize("closed", ["", "meta.json", "state.json", "config.yaml", "results.json"])
def test_what_others_keep_to_themselves_is_told_and_not_called_damaged(closed: str) -> None:
    with tempfile.TemporaryDirectory() as opened:  # pytest's own folders let nobody in
        Path(opened).chmod(0o755)
        run = made(Path(opened), "theirs")
        write_json(run.results_path, {"test": {}}, seal=True)
        (run.path / closed).chmod(0o000)
        with another_user():
            (summary,) = list_runs(Path(opened))
            assert find_run("theirs", Path(opened)) == run.path
        assert summary.status == "damaged"
        assert str(run.path / closed) in str(summary.problem)
        assert "permission" in str(summary.problem).lower()
        assert "writes it anew" not in str(summary.problem)
        (run.path / closed).chmod(0o755)


@pytest.mark.parametrize("command", [["runs", "list"], ["runs", "list", "--json"]])
def test_the_list_is_printed(runs: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*command, "--runs-dir", str(runs)]) == 0
    captured = capsys.readouterr()
    assert all(path.name in captured.out for path in runs.iterdir())
    if "--json" not in command:
        assert "0.2500" in next(line for line in captured.out.splitlines() if "sound" in line)
        assert len(captured.out.splitlines()) == len(ODD) + 2
        assert "run format 99" in captured.err


def test_each_is_shown_or_refused_in_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in runs.iterdir():
        code = main.run(["runs", "show", str(path)])
        captured = capsys.readouterr()
        assert code in (0, 1, 2)
        assert "unexpected" not in captured.err, captured.err
        assert (code == 0) == bool(captured.out)
        assert len(captured.err.splitlines()) == (code != 0)
        assert is_harmless((captured.out + captured.err).replace("\n", ""))


def test_what_is_sound_beside_damage_is_kept(runs: Path) -> None:
    names = list(ODD)
    history = read_history(next(runs.glob(f"*-odd{names.index('loss that is a list')}")))
    assert list(history.steps["loss"])[-1] != history.steps["loss"][-1], "NaN, as it is no number"
    history = read_history(next(runs.glob(f"*-odd{names.index('a thousand losses')}")))
    assert len(history.steps) <= 64


def test_what_a_training_writes_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = made(tmp_path, "own")
    assert lenient(RunState, fresh_state(1.0)) == fresh_state(1.0)
    for model, path in ((RunState, run.state_path), (RunMeta, run.meta_path)):
        written = json.loads(path.read_text())
        assert lenient(model, written) == written
    records = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert [sound_record(record) for record in records] == records


def test_wrong_types_are_as_if_missing() -> None:
    assert lenient(RunState, {"pid": "x", "epoch": True, "step": 3, "heartbeat": float("nan")}) == {"step": 3}
    assert lenient(RunMeta, {"parts": ["a", 3], "headline": [], "new": {}}) == {"parts": ["a"], "new": {}}
    results = {"test": {"unmasked": {"HR@5": 0.5, "HR@10": "x"}, "masked": 3}, "valid": 3}
    assert lenient(RunResults, results) == {"test": {"unmasked": {"HR@5": 0.5}}}


@pytest.mark.parametrize(
    "text", [DEEP, ALIASES, "training: &a {seed: 3}\nother: *a\n", "seed: " + "9" * 9999]
)
def test_settings_that_would_exhaust_a_parser_are_refused_in_one_line(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert main.run(["config", "validate", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}"), said
    assert len(said.splitlines()) == 1


def test_a_run_of_many_metrics_is_compared_in_proportion() -> None:
    def took(count: int) -> float:
        measured = {mask: 2 * [{f"HR@{k}": 0.5 for k in range(1, count)}] for mask in MASKS}
        begin = time.process_time()
        assert _tested(measured) == [f"HR@{count - 1}"]
        return time.process_time() - begin

    small, large = (min(took(count) for _ in range(3)) for count in (2_000, 20_000))
    assert large < 50 * small + 0.05


def test_metrics_that_nothing_here_computes_are_shown_and_not_tested() -> None:
    """Of a package that is not installed any more, or without a cut-off."""
    measured = {mask: 2 * [{"HR@5": 0.5, "mine@20": 0.5, "mine": 0.5, "HR@10": 0.5}] for mask in MASKS}
    assert _tested(measured) == ["HR@10"]
