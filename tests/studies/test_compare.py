"""`sracl compare`: what is compared, what is used again, and what the table says."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from sracl_core.cli.main import run as sracl
from sracl_core.data.dataset import load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.errors import (
    ConfigError,
    IncomparableError,
    InputError,
    Interrupted,
    SraclError,
    StorageError,
)
from sracl_core.evaluation.significance import holm, paired_test, paired_tests
from sracl_core.files import write_json
from sracl_core.methods import objectives
from sracl_core.pipeline.new_run import new_run
from sracl_core.progress import EPOCH, PASSING, Extent
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import open_run
from sracl_core.runs.pace import Pace
from sracl_core.runs.reader import read_history
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.known import flatten
from sracl_core.settings.layers import preset_names
from sracl_core.settings.models import RunConfig
from sracl_core.studies import minutes as studied
from sracl_core.studies.ablation import variant_rows
from sracl_core.studies.compare import compare
from sracl_core.studies.crew import run_crew
from sracl_core.studies.formats import as_csv, markdown
from sracl_core.studies.planning import Wanted, plan_runs
from sracl_core.studies.published import published
from sracl_core.studies.running import _Whole
from sracl_core.studies.specs import resolve_specs
from sracl_core.studies.table import Table, build_table
from tests.tiny import SAMPLE, TINY, hashed_words, tiny_config, tiny_dataset, tiny_run

SETS = [f"{key}={value}" for key, value in TINY.items() if key != "retrieval.k"]
MODELS = ["sasrec", "sasrec+sracl", "item-kNN:decay=0.5"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("compare")
    patch = pytest.MonkeyPatch()
    patch.setattr(TextEncoder, "encode", hashed_words)
    patch.setenv("SRACL_CACHE_DIR", str(folder / "cache"))
    tiny_dataset(folder)
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def table(base: Path) -> Table:
    return compare(base / "tiny", MODELS, seeds=2, epochs=1, sets=SETS, runs_dir=base / "runs")


def test_rows_are_means_of_ordinary_runs(base: Path, table: Table) -> None:
    assert [(row.name, len(row.runs)) for row in table.rows] == list(zip(MODELS, (2, 2, 1), strict=True))
    row = table.rows[1]
    results = [open_run(base / "runs" / name).results() for name in row.runs]
    values = [result["test"]["masked"]["NDCG@10"] for result in results if result]
    assert row.test["masked/NDCG@10"].mean == pytest.approx(np.mean(values))
    assert row.test["masked/NDCG@10"].deviation == pytest.approx(np.std(values, ddof=1))
    assert [open_run(base / "runs" / name).config.training.seed for name in row.runs] == [42, 43]
    assert table.rows[0].paired is None
    assert table.rows[0].parameters
    assert table.rows[2].parameters == 0
    paired = row.paired["unmasked/NDCG@20"] if row.paired else None
    assert paired is not None
    means = [one.test["unmasked/NDCG@20"].mean for one in table.rows[:2]]
    assert paired.difference == pytest.approx(means[1] - means[0])
    assert paired.p_value <= paired.p_holm <= 1


def test_what_is_there_is_used_again(base: Path, table: Table) -> None:
    before = {run.name for run in list_runs(base / "runs")}
    heard: list[tuple[int, int]] = []
    again = compare(
        base / "tiny",
        [*MODELS, "markov"],
        seeds=2,
        epochs=1,
        sets=SETS,
        baseline="markov",
        runs_dir=base / "runs",
        progress=lambda stage, done, total: heard.append((done, total)),
    )
    assert {row.name: row.runs for row in again.rows if row.name != "markov"} == {
        row.name: row.runs for row in table.rows
    }
    assert len({run.name for run in list_runs(base / "runs")} - before) == 1
    assert heard == [(1, 1)]
    assert again.baseline == "markov"


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_run_that_fails_leaves_out_its_row_alone(base: Path, parallel: int) -> None:
    diverges = "sasrec:training.learning_rate=1e30"
    models, runs = ["popular", diverges, "markov"], base / f"failing-{parallel}"
    told: list[str] = []
    found = compare(
        base / "tiny", models, seeds=1, epochs=2, sets=SETS, runs_dir=runs, parallel=parallel, say=told.append
    )
    assert [row.name for row in found.rows] == ["popular", "markov"]
    assert found.failed[diverges].endswith("a lower training.learning_rate may help")
    assert any(f"{diverges} is left out" in line for line in markdown(found).splitlines())
    assert told[0] == "3 runs, 0 of them there already"
    assert any(line.startswith(f"{diverges}-42: failed: ") for line in told)
    with pytest.raises(SraclError, match=f"1 of 3 rows are missing.*{diverges}"):
        found.require_whole()
    with pytest.raises(SraclError, match=f"'{diverges}', which all else is held against, failed"):
        compare(base / "tiny", models, seeds=1, epochs=2, runs_dir=runs, baseline=diverges)


def test_one_that_is_interrupted_says_how_to_go_on(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*given: object) -> None:
        raise Interrupted("stopped", 15)

    monkeypatch.setattr("sracl_core.pipeline.run.train", stopped)
    with pytest.raises(Interrupted, match="sasrec-42 was stopped; the same command goes on where") as caught:
        compare(base / "tiny", ["sasrec"], seeds=1, epochs=1, sets=SETS, runs_dir=base / "stopped")
    assert caught.value.exit_code == 128 + 15


def test_a_method_of_which_no_trial_gives_a_figure_leaves_out_its_row_alone(base: Path) -> None:
    diverges = "sasrec:training.learning_rate=1e30"
    found = compare(
        base / "tiny",
        ["popular", diverges, "markov"],
        seeds=1,
        epochs=2,
        sets=SETS,
        runs_dir=base / "untuned",
        tune=2,
    )
    assert [row.name for row in found.rows] == ["popular", "markov"]
    assert "none of 2 trials gave anything to choose from" in found.failed[diverges]
    assert diverges not in found.tuned


def test_a_full_disk_ends_all_that_is_compared(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("sracl_core.pipeline.new_run.new_run", full)
    with pytest.raises(StorageError):
        compare(base / "tiny", ["popular", "markov"], seeds=1, runs_dir=base / "full")


def test_a_worker_that_cannot_write_ends_all(base: Path) -> None:
    (base / "crew").mkdir()
    run = new_run(tiny_config(base / "tiny", {}), base / "crew", "tiny")
    run.log_path.mkdir()
    with pytest.raises(StorageError, match=r"log\.txt"):
        run_crew([["train", str(run.path)]], 1, failed=lambda place, error: None)


def test_formats_say_the_same(table: Table) -> None:
    read = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["method"] for row in read] == MODELS
    assert float(read[0]["masked/HR@5 mean"]) == table.rows[0].test["masked/HR@5"].mean
    lines = markdown(table).splitlines()
    assert len(lines) == 2 + len(MODELS) + 2 * len(table.notes)
    assert len({line.count("|") for line in lines[: 2 + len(MODELS)]}) == 1
    (note,) = table.notes  # of one epoch each
    assert (
        note
        == lines[-1]
        == f"best in the last epoch that was trained, so that more might give more: {', '.join(MODELS[:2])}"
    )


def test_objectives_beside_are_those_that_were_named() -> None:
    plain, added = (spec.config for spec in resolve_specs(["gru4rec", "gru4rec+sracl"], sets=SETS[:1]))
    assert list(plain.active_objectives) == ["next_item"]
    assert list(added.active_objectives) == ["next_item", "sracl"]
    assert plain.model.hidden_size == 16


@pytest.mark.parametrize("name", [name for name in objectives() if name in preset_names()])
def test_an_objective_that_is_named_weighs_what_its_preset_says(name: str) -> None:
    row, preset, set_by_hand = (
        spec.config
        for spec in resolve_specs(
            [f"sasrec+{name}", name, f"sasrec+{name}:objectives.{name}.weight=0.25:dropout=0.3"]
        )
    )
    weights = [flatten(config)[f"objectives.{name}.weight"] for config in (row, preset, set_by_hand)]
    assert weights[0] == weights[1]
    assert weights[2] == 0.25


def test_a_backbone_whose_name_is_a_preset_too_can_have_the_shared_settings() -> None:
    texts = ["bsarec", "bsarec:shared", "bsarec+duorec:shared:dropout=0.3", "sasrec"]
    preset, shared, beside, sasrec = (spec.config for spec in resolve_specs(texts, sets=SETS))
    assert shared.model.name == beside.model.name == preset.model.name == "bsarec"
    assert shared.training == sasrec.training != preset.training
    assert shared.model.dropout == sasrec.model.dropout
    assert list(shared.active_objectives) == ["next_item"]
    assert list(beside.active_objectives) == ["next_item", "duorec"]
    assert beside.model.dropout == 0.3
    with pytest.raises(InputError, match="bsarec:shared' are the same"):
        resolve_specs(["sasrec:model.name=bsarec", "bsarec:shared"])


@pytest.mark.parametrize(
    ("models", "told"),
    [
        (["zzz"], r"'zzz'; there are bert4rec, best,(?!.* bert4rec)"),
        (["sasrek"], "did you mean 'sasrec'"),
        (["item-knm"], "did you mean 'item_knn'"),
        (["sasrec+sracll"], "did you mean 'sracl'"),
        (["popular+sracl"], "minimizes nothing"),
        (["sasrec", "SASRec"], "the same settings"),
        (["sasrec:hiden_size=3"], "hidden_size"),
        (["bsarec:shared+duorec"], "objectives stand before it"),
        (["fast:shared"], "fast is a preset and no backbone"),
        (["popular:shared"], "popular is a floor and no backbone"),
        (["fast+sracl"], "all parts of sracl are switched off"),
        (["sasrec:model.name=bsarek"], "did you mean 'bsarec'"),
        (["sasrec+masked_item"], "masked_item is the main objective of bert4rec"),
    ],
)
def test_wrong_specs_are_one_line(models: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        resolve_specs(models)
    assert len(str(caught.value).splitlines()) == 1


def test_settings_are_for_the_rows_that_have_them(tmp_path: Path) -> None:
    sets = [
        "model.interests=2",
        "evaluation.ks=5,10",
        "training.monitor=masked/NDCG@10",
        "training.patience=3",
    ]
    texts = ["sasrec", "comirec:shared", "popular"]
    sasrec, comirec, popular = (spec.config for spec in resolve_specs(texts, sets=sets))
    assert flatten(comirec)["model.interests"] == 2
    assert sasrec.training.patience == comirec.training.patience == 3
    assert sasrec.evaluation == popular.evaluation
    assert sasrec.training.monitor == popular.training.monitor == "masked/NDCG@10"
    with pytest.raises(
        ConfigError, match=r"model.interests is not read by any method here; it needs comirec"
    ):
        resolve_specs(["sasrec", "popular"], sets=sets)
    with pytest.raises(
        ConfigError, match=r"alpha=0.2': objectives.sracl.alpha is not read by it; it needs objectives.s"
    ):
        resolve_specs(["sasrec:objectives.sracl.alpha=0.2", "sasrec+sracl"])
    with pytest.raises(InputError, match="said by their names"):
        resolve_specs(["sasrec"], sets=["model.name=gru4rec"])
    flags = {"--epochs": ("training.max_epochs", 5)}
    own, plain = resolve_specs(["sasrec:training.max_epochs=3", "sasrec"], flags=flags)
    assert (own.config.training.max_epochs, plain.config.training.max_epochs) == (3, 5)
    file = tmp_path / "mine.yaml"
    file.write_text("dataset:\n  split: temporal\ntraining:\n  patience: 2\n")
    rows = resolve_specs(["sasrec", "popular"], config_file=file)
    assert {spec.config.dataset.split for spec in rows} == {"temporal"}
    with pytest.raises(ConfigError, match=r"mine.yaml:4: training.patience is not read"):
        resolve_specs(["popular"], config_file=file)


def test_different_protocols_are_refused(base: Path, table: Table) -> None:
    one = open_run(base / "runs" / table.rows[0].runs[0])
    other = tiny_run(tiny_config(base / "tiny", {"model.name": "popular"}), base / "others", "ties")
    results = other.results() or {}
    write_json(other.results_path, {**results, "protocol": {**results["protocol"], "same_time": "shuffled"}})
    with pytest.raises(IncomparableError, match="differ in same_time"):
        build_table({"a": [one], "b": [other]}, "a")


def test_rows_that_differ_are_refused_before_training_or_marked(base: Path, table: Table) -> None:
    rows = ["popular", "popular:dataset.split=temporal"]
    runs = base / "mixed"
    with pytest.raises(InputError, match=r"differ in dataset\.split"):
        compare(base / "tiny", rows, runs_dir=runs)
    with pytest.raises(InputError, match="seed 2 is given twice"):
        compare(base / "tiny", ["sasrec"], seeds=[2, 1, 2], runs_dir=runs)
    for models, sets in ((["sasrec"], ["training.seed=7"]), (["sasrec:training.seed=7"], [])):
        with pytest.raises(InputError, match="beside seeds of the study, which would win"):
            compare(base / "tiny", models, seeds=[1, 2], sets=sets, runs_dir=runs)
    prepare(SAMPLE, base / "other", PrepareOptions(sample_users=30))
    elsewhere = f"popular:dataset.path={base / 'other'}"
    with pytest.raises(InputError, match=r"differ in dataset\.path"):
        compare(base / "tiny", ["popular", elsewhere], runs_dir=runs)
    with pytest.raises(InputError, match="seed 1 is given twice"):
        variant_rows(None, RunConfig(), [1, 1])
    with pytest.raises(InputError, match="below 2 to the 63rd, not 9223372036854775808"):
        variant_rows(None, RunConfig(), [1, 2**63])
    with pytest.raises(InputError, match=f"{10**20:,} seeds are more than 1,000; take fewer"):
        compare(base / "tiny", ["sasrec"], seeds=10**20, runs_dir=runs)
    assert not runs.exists()
    table = compare(base / "tiny", ["popular", elsewhere], runs_dir=runs, mixed=True)
    assert "dataset" in table.rows[1].differs
    mixed = compare(base / "tiny", rows, runs_dir=runs, mixed=True)
    assert [bool(row.differs) for row in mixed.rows] == [False, True]
    assert "split" in mixed.rows[1].differs
    assert mixed.rows[1].paired is None
    assert "split" not in mixed.protocol
    assert f"{rows[1]} †" in markdown(mixed)
    assert "split" in list(csv.DictReader(io.StringIO(as_csv(mixed))))[1]["differs in"]


def test_several_at_once_give_what_one_after_the_other_gives(base: Path, table: Table) -> None:
    rows = ["popular", "markov", "item-kNN:decay=0.5"]
    heard: list[tuple[int, int]] = []
    found = compare(
        base / "tiny",
        rows,
        runs_dir=base / "parallel",
        parallel=2,
        progress=lambda stage, done, total: heard.append((done, total)),
    )
    assert found.rows[2].test == table.rows[2].test
    pids = {read_history(run.path).started["pid"] for run in list_runs(base / "parallel")}  # type: ignore[index]
    assert len(pids) == 3
    assert os.getpid() not in pids
    assert [told for told in heard if told[0] == told[1]] == [(3, 3)]
    assert heard[-1] == (3, 3)


def test_of_several_at_once_each_is_told_and_its_end_once() -> None:
    heard: list[tuple[str, int, int]] = []
    runs: Any = [
        SimpleNamespace(extent=Extent(steps, 10), config=SimpleNamespace(floor=None)) for steps in (60, 30)
    ]
    whole = _Whole(runs, "compare", lambda *told: heard.append(told))
    for share in (0.5, 1.0, 1.0):
        whole.tell({0: share})
        whole.tell_each(["a-1", "a-2"])
    each = f"a-1{PASSING}"
    assert heard == [
        ("compare", 30, 90),
        (each, 30, 60),
        ("compare", 60, 90),
        (each, 60, 60),
        ("compare", 60, 90),
    ]


def test_a_budget_that_one_epoch_does_not_fit_into_is_told(base: Path) -> None:
    options = {"seeds": 1, "sets": [*SETS, "model.item_init=random"], "runs_dir": base / "budget"}
    with pytest.raises(InputError, match="ends before the first epoch"):
        compare(base / "tiny", ["sasrec"], budget_minutes=0, **options)  # type: ignore[arg-type]
    heard: list[tuple[str, int, int]] = []
    found = compare(
        base / "tiny",
        ["sasrec"],
        budget_minutes=0.02,
        epochs=10**9,
        progress=lambda *told: heard.append(told),
        **options,  # type: ignore[arg-type]
    )
    assert heard[-1] == ("compare (time)", 1, 1)
    assert heard.count(heard[-1]) == 1
    steps = {total for stage, done, total in heard if stage == EPOCH and 0 < done <= total}
    assert len(steps) == 1, "the steps of an epoch, heard beside the whole"
    assert (EPOCH, *steps, *steps) in heard
    found = compare(base / "tiny", ["sasrec"], budget_minutes=1e-6, **options)  # type: ignore[arg-type]
    assert found.rows[0].best_epochs == [0]
    note, rising = found.notes
    assert "too small for one epoch" in note
    assert note in markdown(found)
    assert rising.endswith("more might give more: sasrec")


@pytest.mark.parametrize(
    ("epochs", "minutes", "most"), [(3, 60, 30), (500, 0.5, 30), (500, 0.6, 40), (4, 0, 40)]
)
def test_a_plan_holds_to_the_epochs_and_to_the_minutes(
    base: Path, monkeypatch: pytest.MonkeyPatch, epochs: int, minutes: float, most: int
) -> None:
    monkeypatch.setattr(studied, "measured_pace", lambda *_: Pace("earlier", 1, 10.0))
    budget = {"training.max_epochs": epochs, "training.max_minutes": minutes}
    wanted = [Wanted("one", tiny_config(base / "tiny", budget))]
    (found,) = studied.minutes_at_most(plan_runs(wanted, base / "none"), base / "none")
    assert found == pytest.approx(most / 60.0)


def test_what_a_comparison_would_do(base: Path, table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "--dataset", str(base / "tiny"), "--runs-dir", str(base / "runs"), "--epochs", "1"]
    words += [word for text in SETS for word in ("--set", text)]
    assert sracl([*words, "--models", "sasrec,text-knn", "--seeds", "42,44", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["seed"], row["what"]) for row in plan] == [
        ("sasrec", 42, "there already"), ("sasrec", 44, "train"), ("text-knn", 42, "train"),
    ]  # fmt: skip
    assert plan[0]["run"] == table.rows[0].runs[0]
    for seeds, expected in (("2", [42, 43]), ("44,", [44])):
        assert sracl([*words, "--models", "sasrec", "--seeds", seeds, "--dry-run", "--json"]) == 0
        assert [row["seed"] for row in json.loads(capsys.readouterr().out)] == expected
    assert sracl([*words, "--models", "sasrec", "--tune", "9", "--dry-run"]) == 0
    assert "after 9 trials of 5 settings" in capsys.readouterr().out


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_step_down_rule(p_values: list[float]) -> None:
    """By its definition: the largest of (m - j) p_(j) over the places up to one's own."""
    ordered = sorted(p_values)
    for p, corrected in zip(p_values, holm(p_values), strict=True):
        place = max(at for at, value in enumerate(ordered) if value == p)
        expected = max(min(1.0, (len(ordered) - at) * ordered[at]) for at in range(place + 1))
        assert corrected <= expected + 1e-12
        assert corrected >= p
    assert sorted(holm(p_values)) == [holm(ordered)[at] for at in range(len(ordered))]


def test_many_paired_tests_are_each_one_by_itself_and_scipys() -> None:
    """Exact by scipy, which enumerates all 2^10 signs; ours draws 10,000 of them."""
    rng = np.random.default_rng(3)
    differences = rng.choice([-1.0, 0.0, 0.5, 1.0], size=(4, 10)) + np.array([[0.0], [0.2], [0.6], [0.0]])
    differences[3] = 0.0
    found = paired_tests(differences)
    for row, test in zip(differences, found, strict=True):
        exact = permutation_test(
            (row, np.zeros(10)),
            lambda one, other, axis: (one - other).mean(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
        )
        assert test.difference == pytest.approx(exact.statistic)
        assert test.p_value == pytest.approx(exact.pvalue, abs=4 * 0.005 + 1e-4)
        assert paired_test(row, np.zeros(10)).difference == test.difference
    assert found[3].p_value == 1.0
    assert found == paired_tests(differences), "no chance but that of the seed"


def test_a_table_of_runs_that_are_there_loads_no_torch(base: Path, table: Table) -> None:
    code = (
        "import sys; from sracl_core.studies.compare import compare;"
        "found = compare(sys.argv[1], sys.argv[3].split(','), seeds=2, epochs=1, sets=sys.argv[4:], "
        "runs_dir=sys.argv[2]);"
        "print(len(found.rows), 'torch' in sys.modules)"
    )
    words = [str(base / "tiny"), str(base / "runs"), ",".join(MODELS), *SETS]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code, *words], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["3", "False"], done.stderr


def test_published_figures_are_of_the_same_data_and_split() -> None:
    found = published(22363, 12101, "leave_one_out")
    paper = next(row for row in found if row["model"] == "SRA-CL")
    assert (paper["seen_items"], paper["HR@20"], paper["grade"]) == ("unmasked", 0.1314, "A")
    assert not published(22363, 12101, "temporal")
    assert not published(22363, 12102, "leave_one_out")


def test_the_command_prints_the_table(base: Path, table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "--dataset", str(base / "tiny"), "--runs-dir", str(base / "runs"), "--epochs", "1"]
    sets = [word for text in SETS for word in ("--set", text)]
    assert sracl([*words, *sets, "--models", ",".join(MODELS), "--seeds", "2"]) == 0
    shown = capsys.readouterr()
    assert "test, seen items masked" in shown.out
    assert "Holm" in shown.out
    assert "5 runs, 5 of them there already" in shown.err
    assert shown.err.count("is there already") == 5
    assert sracl([*words, "--models", "sasrek"]) == 2
    assert "did you mean 'sasrec'" in capsys.readouterr().err


KILLED = """
import os, signal, sys
from sracl_core.runs.reader import read_history
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.known import flatten
from sracl_core.settings.layers import preset_names
from sracl_core.studies.compare import compare
from tests.tiny import hashed_words
TextEncoder.encode = hashed_words
dataset, runs, *sets = sys.argv[1:]
def say(text):
    if text.startswith("sasrec-43: begins"):
        import sracl_core.training.loop as loop
        loop.Trainer._finish_epoch = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
compare(dataset, ["sasrec", "popular"], seeds=2, epochs=1, sets=sets, runs_dir=runs, say=say)
"""


def test_after_a_kill_it_goes_on(base: Path, table: Table, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(base / "tiny"), str(tmp_path), *SETS],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=200,
    )
    assert done.returncode == -signal.SIGKILL
    said: list[str] = []
    found = compare(
        base / "tiny",
        ["sasrec", "popular"],
        seeds=2,
        epochs=1,
        sets=SETS,
        runs_dir=tmp_path,
        say=lambda text: said.append(text.partition(",")[0]),
    )
    assert said[:4] == [
        "3 runs",
        "sasrec-42: is there already",
        "sasrec-43: goes on",
        "sasrec-43: finished",
    ]
    assert len(list_runs(tmp_path)) == 3
    assert found.rows[0].test == table.rows[0].test, "as if it had not been killed"


def test_the_choice_of_a_run_knows_nothing_of_test(base: Path) -> None:
    """With other test targets a run has the same losses and validation, and chooses the same epoch."""
    sequences = load_dataset(base / "tiny").sequences
    ends = sequences.offsets[1:] - 1
    items = sequences.values.copy()
    items[ends] = np.random.default_rng(0).permutation(items[ends])
    found = {}
    for name, values in (("plain", sequences.values), ("permuted", items)):
        users = np.repeat(np.arange(len(sequences)), sequences.lengths)
        lines = [f"{user},{item},{at}" for at, (user, item) in enumerate(zip(users, values, strict=True))]
        log = base / f"{name}.csv"
        log.write_text("\n".join(["user_id,item_id,timestamp", *lines]))
        prepare(log, base / name, PrepareOptions(k_core=1))
        run = tiny_run(tiny_config(base / name, {"training.max_epochs": 3}), base / "leaks", name)
        epochs = read_history(run.path).epochs
        results = run.results() or {}
        told = [(record["loss"], record["valid"], record["best"]) for record in epochs]
        found[name] = told, results["best_epoch"], results["test"]
    assert found["permuted"][:2] == found["plain"][:2]
    assert found["permuted"][2] != found["plain"][2], "the targets were permuted"
