"""`sracl tune`: what is tried, that validation alone chooses, and that a study goes on after anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.errors import ConfigError, InputError
from sracl_core.methods import backbones, floors
from sracl_core.pipeline import run as pipeline
from sracl_core.pipeline import setup
from sracl_core.runs.directory import open_run
from sracl_core.runs.reader import read_history
from sracl_core.settings.models import RunConfig
from sracl_core.settings.space import Choices, Range
from sracl_core.studies import trials
from sracl_core.studies.compare import compare
from sracl_core.studies.filling import FOLDER
from sracl_core.studies.spaces import chosen, search_space
from sracl_core.studies.specs import resolve_specs
from sracl_core.studies.trials import run_of
from sracl_core.studies.tuning import Tuned, tune
from tests.tiny import SAMPLE, TINY, tiny_dataset

ROOT = Path(__file__).parents[2]
SETS = [f"{key}={value}" for key, value in TINY.items() if key != "retrieval.k"]
SETS += ["model.item_init=random", "training.patience=1"]
TRIALS = 5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    tiny_dataset(folder)
    return folder


def tuned(base: Path, runs: str, trials: int = TRIALS, **changes: object) -> Tuned:
    options = {"epochs": 2, "sets": SETS, "runs_dir": base / runs, "trials": trials, **changes}
    return tune(base / "tiny", "sasrec", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(base: Path) -> Tuned:
    """A study in which every look at test is an error."""
    ranked = pipeline.write_results.__globals__["rank_split"]

    def guarded(
        config: RunConfig, sources: object, scores: object, part: str, *rest: object, **more: object
    ) -> object:
        assert part == "valid", "test was looked at before the choice was made"
        return ranked(config, sources, scores, part, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pipeline.write_results.__globals__, "rank_split", guarded)
        patch.setattr(setup, "rank_split", guarded)
        return tuned(base, "runs")


def test_each_trial_is_a_run_chosen_by_validation(base: Path, whole: Tuned) -> None:
    assert sorted(one.number for one in whole.trials) == list(range(TRIALS))
    first = next(one for one in whole.trials if one.number == 0)
    assert first.settings["model.dropout"] == 0.2, "the settings as they are come first"
    for one in whole.trials:
        assert one.run is not None
        run = open_run(base / "runs" / one.run)
        assert (run.status(), one.state) in {("finished", "complete"), ("stopped", "pruned")}
        results = run.results() or {}
        assert "test" not in results
        if one.state == "complete":
            assert one.value == results["valid"]["unmasked"]["NDCG@20"]
        else:
            assert "pruned" in run.log_path.read_text()
            assert len(read_history(run.path).epochs) <= 2
    complete = [one.value or 0.0 for one in whole.trials if one.state == "complete"]
    assert whole.best is not None
    assert whole.best.value == max(complete)
    assert whole.config.training.learning_rate == whole.best.settings["training.learning_rate"]


KILLED = """
import os, signal, sys
import sracl_core.studies.tuning as tuning
import sracl_core.training.loop as loop
finish, epochs = loop.Trainer._finish_epoch, []
def finished(self, clock):
    finish(self, clock)
    epochs.append(1)
    if len(epochs) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
loop.Trainer._finish_epoch = finished
dataset, runs, *sets = sys.argv[1:]
tuning.tune(dataset, "sasrec", trials=5, epochs=2, sets=sets, runs_dir=runs)
"""


def test_after_a_kill_the_same_trial_goes_on(base: Path, whole: Tuned) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(base / "tiny"), str(base / "killed"), *SETS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=250,
    )
    assert done.returncode == -signal.SIGKILL
    found = tuned(base, "killed")
    told = [
        [(one.number, one.state, one.value, one.settings) for one in each.trials] for each in (found, whole)
    ]
    assert told[0] == told[1], "as if it had not been killed"
    assert sum(read_history(path.parent).resumes for path in (base / "killed").glob("*/meta.json")) == 1


def test_a_study_of_somebody_else_names_no_path(base: Path, whole: Tuned) -> None:
    name = whole.trials[0].run
    found = [
        run_of(SimpleNamespace(user_attrs={"run": one}), base / "runs")  # type: ignore[arg-type]
        for one in (name, f"../runs/{name}", str(base / "runs" / str(name)), "..", 3, None)
    ]
    assert [run and run.name for run in found] == [name, None, None, None, None, None]


def test_another_study_takes_up_finished_runs(base: Path, whole: Tuned, tmp_path: Path) -> None:
    """So that a damaged one costs nothing; a path is a path, whatever letters it has."""
    before = len(list((base / "runs").iterdir()))
    (tmp_path / "a?b").mkdir()
    again = tuned(base, "runs", trials=1, study=tmp_path / "a?b" / "of#mine%20.sqlite")
    assert again.trials == [one for one in whole.trials if one.number == 0]
    assert len(list((base / "runs").iterdir())) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a?b"]
    assert (tmp_path / "a?b" / "of#mine%20.sqlite").is_file()
    shown = {
        told["dataset"]: told
        for told in (json.loads(path.read_text()) for path in (base / "runs" / FOLDER).glob("tune-*.json"))
    }
    one, other = "sample_data  sasrec", "sample_data  sasrec  of#mine%20.sqlite"
    assert (len(shown[one]["rows"]), len(shown[other]["rows"])) == (TRIALS, 1), "each is watched by itself"
    assert shown[one]["tried"]["trial 0"] == next(one for one in whole.trials if one.number == 0).settings


def test_killed_between_two_settings_a_trial_gets_the_same(
    base: Path, whole: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, suggested = list[str](), trials._suggested

    def killed(study: object, trial: object, task: object, key: str) -> object:
        asked.append(key)
        if len(asked) == len(whole.trials[0].settings) + 3:
            raise KeyboardInterrupt
        return suggested(study, trial, task, key)  # type: ignore[arg-type]

    monkeypatch.setattr(trials, "_suggested", killed)
    with pytest.raises(KeyboardInterrupt):
        tuned(base, "runs", trials=2, study=tmp_path / "study.sqlite")
    found = tuned(base, "runs", trials=2, study=tmp_path / "study.sqlite")
    settings = {one.number: one.settings for one in whole.trials}
    assert {one.number: one.settings for one in found.trials} == {at: settings[at] for at in (0, 1)}


def test_a_study_of_something_else_is_refused(base: Path, whole: Tuned, tmp_path: Path) -> None:
    assert whole.study is not None
    with pytest.raises(InputError, match=r"other settings \(training.batch_size 192, now 96\)"):
        tuned(base, "runs", study=whole.study, sets=[*SETS, "training.batch_size=96"])
    other = tiny_dataset(tmp_path)
    (other / "interactions.parquet").unlink()

    prepare(SAMPLE, tmp_path / "other", PrepareOptions(sample_users=50))
    with pytest.raises(InputError, match="a study of another dataset"):
        tune(
            tmp_path / "other", "sasrec", study=whole.study, trials=1, epochs=2, sets=SETS, runs_dir=tmp_path
        )
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="damaged, or no study"):
        tuned(base, "runs", study=damaged)


def test_what_is_searched_stands_beside_the_settings() -> None:
    plain, text, floor, none = (
        spec.config for spec in resolve_specs(["sasrec", "sasrec+duorec", "item-knn", "popular"])
    )
    space = search_space(plain, fixed={"model.dropout"})
    assert "model.dropout" not in space
    assert space["model.heads"] == Choices((1, 2, 4))
    assert "objectives.next_item.smoothing" not in space, "what is off stays off"
    assert "objectives.duorec.weight" not in space
    assert search_space(text)["objectives.duorec.weight"] == Range(0.01, 1.0, log=True)
    assert set(search_space(floor)) == {"model.neighbors", "model.decay"}
    assert not search_space(none)
    odd = chosen(plain, {"model.hidden_size": 50})
    assert search_space(odd)["model.heads"] == Choices((1, 2)), "4 heads do not divide 50"


def test_every_space_fits_its_setting() -> None:
    """Both ends of each space are values that the setting takes."""
    for spec in resolve_specs([*backbones(), *floors()]):
        fields, values = type(spec.config.model).model_fields, dict(spec.config.model)
        declared = {
            f"model.{name}"
            for name, field in fields.items()
            if values[name] and any(isinstance(one, Range | Choices) for one in field.metadata)
        }
        assert declared == {key for key in search_space(spec.config) if key.startswith("model.")}


def test_comparing_tuned_methods_trains_the_chosen_settings_no_second_time(base: Path, whole: Tuned) -> None:
    before = {path.parent.name for path in (base / "runs").glob("*/meta.json")}
    shown = [json.loads(path.read_text()) for path in (base / "runs" / "studies").glob("tune-*.json")]
    assert shown
    assert all(one["most"] == len(one["rows"]) for one in shown), (
        "a study that has ended shows all its trials"
    )
    table = compare(
        base / "tiny",
        ["sasrec", "item-knn", "popular"],
        seeds=1,
        epochs=2,
        tune=TRIALS,
        groups=True,
        sets=SETS,
        runs_dir=base / "runs",
    )
    counts = {name: len(one["trials"]) for name, one in table.tuned.items()}
    assert counts == {"sasrec": TRIALS, "item-knn": TRIALS, "popular": 0}
    assert whole.best is not None
    assert table.rows[0].runs == [whole.best.run]
    results = open_run(base / "runs" / table.rows[0].runs[0]).results() or {}
    assert table.rows[0].test["masked/HR@20"].mean == results["test"]["masked"]["HR@20"]
    assert table.rows[0].memory is not None
    assert 50e6 < table.rows[0].memory < 8e9
    made = {path.parent.name for path in (base / "runs").glob("*/meta.json")} - before
    assert len([name for name in made if "sasrec" in name]) == 0
    assert table.groups is not None
    row = next(one for one in table.groups.groups if one.group == "tail")
    assert set(row.test) == {"sasrec", "item-knn", "popular"}
    shares = table.groups.beyond["popular"]
    assert shares["masked/head"] > table.groups.beyond["item-knn"]["masked/head"]


def test_the_command_says_what_it_would_do_and_what_was_found(
    base: Path, whole: Tuned, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", "--model", "sasrec", "--dataset", str(base / "tiny"), "--runs-dir", str(base / "runs")]
    words += ["--epochs", "2", "--trials", str(TRIALS), *(word for text in SETS for word in ("--set", text))]
    assert sracl([*words, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["begun"], plan["study"]) == (TRIALS, str(whole.study))
    assert {one["setting"] for one in plan["space"]} == set(whole.best.settings if whole.best else ())
    assert sracl(words) == 0
    shown = capsys.readouterr().out
    assert whole.best is not None
    assert f"sracl evaluate {base / 'runs'}/{whole.best.run}" in shown
    assert sracl([*words[:2], "sasrek", *words[3:]]) == 2
    assert "did you mean 'sasrec'" in capsys.readouterr().err


def test_without_optuna_one_line_says_how(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'sracl-tui\[tune\]'"):
        tuned(base, "runs")
