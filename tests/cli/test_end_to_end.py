"""The real commands, in processes of their own, on the sample data."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from sracl_core.cli import main as cli
from sracl_core.files import write_json
from sracl_core.sealed import SEAL, sealed
from tests import forked
from tests.trained import ROOT, SMALL, Shop

USER = "amber-badger"


def test_train_prints_results_and_leaves_a_whole_run(shop: Shop) -> None:
    printed = json.loads((shop.base / "trained.json").read_text())
    stored = json.loads((shop.run / "results.json").read_text())
    assert printed == {"run": str(shop.run), **{name: held for name, held in stored.items() if name != SEAL}}
    for part in ("valid", "test"):
        for mask in ("unmasked", "masked"):
            assert {"HR@5", "NDCG@20", "MRR@10"} <= set(stored[part][mask])
    events = [json.loads(line) for line in (shop.run / "metrics.jsonl").read_text().splitlines()]
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [event["epoch"] for event in epochs] == [0, 1]
    assert {"loss", "next_item", "inter", "intra", "seconds", "prefixes_per_second", "valid"} <= set(
        epochs[0]
    )
    assert events[-1]["event"] == "run_ended"
    done = [event for event in events if event["event"] == "stage" and event["status"] == "done"]
    assert [event["stage"] for event in done] == ["describe", "embed", "neighbors", "train", "evaluate"]
    assert all(event["seconds"] >= 0 for event in done)
    assert json.loads((shop.run / "state.json").read_text())["status"] == "finished"
    assert "epoch   1" in (shop.base / "trained.err").read_text()


def test_runs_are_listed_shown_and_compared(shop: Shop, tmp_path: Path) -> None:
    listed = json.loads(shop.sracl("runs", "list", "--json").stdout)
    (summary,) = [run for run in listed if run["name"] == shop.run.name]
    assert (summary["status"], summary["dataset"]) == ("finished", "sample")
    shown = shop.sracl("runs", "show", "shared")
    assert shown.returncode == 0, shown.stderr
    for word in ("finished", "next_item", "test masked", "protocol: split leave_one_out"):
        assert word in shown.stdout
    shutil.copytree(shop.run, tmp_path / "copy")
    compared = json.loads(shop.sracl("runs", "compare", "shared", tmp_path / "copy", "--json").stdout)
    assert compared["settings"] == {}
    assert {test["difference"] for test in compared["paired"][0]} == {0.0}
    assert {test["p_value"] for test in compared["paired"][0]} == {1.0}


def test_evaluate_repeats_the_numbers(shop: Shop, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(shop.run, copy)
    (copy / "results.json").unlink()
    done = shop.sracl("evaluate", copy, "--json")
    assert done.returncode == 0, done.stderr
    again, before = json.loads(done.stdout), json.loads((shop.run / "results.json").read_text())
    assert again["test"] == before["test"]
    assert again["valid"] == before["valid"]


def test_recommend_and_neighbors(shop: Shop) -> None:
    done = shop.sracl("recommend", "last", "--user", USER, "--k", "7", "--why", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [item["rank"] for item in found["items"]] == list(range(1, 8))
    assert not {item["item"] for item in found["items"]} & {item["item"] for item in found["history"]}
    table = shop.sracl("recommend", shop.run, "--history", "tea-003, tea-004", "-k", "3", "--why")
    assert table.returncode == 0, table.stderr
    assert table.stdout.startswith("rank")
    of_user = json.loads(shop.sracl("neighbors", "shared", "--user", USER, "--json").stdout)
    assert len({near["user"] for near in of_user["neighbors"]} - {USER}) == 10
    of_item = shop.sracl("neighbors", "shared", "--item", "tea-003", "-k", "2")
    assert len(of_item.stdout.splitlines()) == 4


def test_export(shop: Shop, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(shop.sracl("export", "metrics", "shared").stdout)))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[1]["unmasked/NDCG@20"]) > 0
    out = tmp_path / "model"
    assert shop.sracl("export", "model", "shared", "--out", out).returncode == 0
    assert {"model.safetensors", "items.json", "config.yaml"} <= {path.name for path in out.iterdir()}
    again = shop.sracl("export", "model", "shared", "--out", out)
    assert (again.returncode, again.stderr.startswith("error: ")) == (2, True)


DRY_RUNS = {
    "train SHOP --runs-dir NEW/runs": {"training_prefixes": 7665},
    "resume shared --epochs 5": {"steps_done": 60, "steps_left": 90},
    "evaluate shared": {"items": 399, "test_users": 1200, "replaces_results": True},
    "recommend shared --all -k 3 --out NEW/all.csv": {"people": 1200, "rows_at_most": 3600, "taken": 0},
    "data prepare SAMPLE --k-core 1 --sample-users 50 --out NEW/deep/fifty": {"name": "sample_data"},
    "data append SHOP SAMPLE --out SHOP": {"name": "sample"},
    "data fetch ml-1m --raw-dir NEW/raw": {"dry_run": True},
}


def test_a_dry_run_touches_nothing(shop: Shop, tmp_path: Path) -> None:
    def found() -> dict[str, int]:
        every = [*shop.dataset.rglob("*"), *shop.runs.rglob("*"), *tmp_path.rglob("*")]
        return {str(path): path.stat().st_mtime_ns for path in every if path.name != ".lock"}

    before = found()
    for line, expected in DRY_RUNS.items():
        words = line.replace("SHOP", str(shop.dataset)).replace("NEW", str(tmp_path))
        words = words.replace("SAMPLE", str(ROOT / "sample_data"))
        done = shop.sracl(*words.split(), "--dry-run", "--json")
        assert done.returncode == 0, (line, done.stderr)
        assert expected.items() <= json.loads(done.stdout).items(), (line, done.stdout)
    assert found() == before


def test_explore_answers_line_by_line_and_survives_nonsense(shop: Shop) -> None:
    requests = [
        {"id": 1, "op": "recommend", "user": USER, "k": 2},
        {"id": [2], "op": "recomend"},
        {"id": 3, "op": "recommend", "usr": USER},
        {"id": 4, "op": "history", "user": "nobody"},
        {"id": 5, "op": "recommend", "user": 5},
        {"id": 6, "op": "neighbors_of_item", "item": "tea-003", "k": 0},
        {"id": 7, "op": "metrics"},
    ]
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = shop.sracl("explore", "shared", "--json-lines", stdin=f"{lines}\nno json\n[]\n")
    assert done.returncode == 0, done.stderr
    ready, *answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert ready["ready"] is True
    assert (ready["users"], ready["items"], ready["synthesizer"]) == (1200, 399, "learned")
    assert [answer["id"] for answer in answers] == [1, [2], 3, 4, 5, 6, 7, None, None]
    assert [answer["ok"] for answer in answers] == [
        True,
        False,
        False,
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    assert "did you mean 'recommend'?" in answers[1]["error"]
    assert "usr" in answers[2]["error"]
    assert answers[3]["kind"] == "UnknownIdError"
    assert all("\n" not in answer.get("error", "") for answer in answers)


def test_stop_checkpoints_and_resume_goes_on(shop: Shop, tmp_path: Path) -> None:
    small = [word for text in SMALL for word in ("--set", text)]
    words = ["train", "--dataset", shop.dataset, "--runs-dir", tmp_path, "--name", "long", *small]
    words += ["--epochs", "300", "--set", "training.patience=300", "-q"]
    training = forked.started(*words, cwd=tmp_path, env=shop.environment())
    try:
        run = wait_for_epoch(tmp_path, training)
        listed = json.loads(shop.sracl("runs", "list", "--runs-dir", tmp_path, "--json").stdout)
        assert [(item["status"], item["model"]) for item in listed] == [("running", "sasrec")]
        refused = shop.sracl("resume", run)
        assert (refused.returncode, "is running already" in refused.stderr) == (2, True)
        stopped = shop.sracl("stop", run, "--json")
        assert json.loads(stopped.stdout)["status"] == "stopped", stopped.stderr
        assert training.wait(60).returncode == 143
    finally:
        training.kill()
    before = len((run / "metrics.jsonl").read_text().splitlines())
    config, meta = run / "config.yaml", json.loads((run / "meta.json").read_text())
    config.write_text(config.read_text().replace("max_epochs: 300", "max_epochs: 1"))
    refused = shop.sracl("resume", run)
    assert (refused.returncode, "training.max_epochs" in refused.stderr) == (2, True), refused.stderr
    meta["config"]["training.max_epochs"] = 1
    write_json(run / "meta.json", sealed({name: held for name, held in meta.items() if name != SEAL}))
    resumed = shop.sracl("resume", run, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["test"]["masked"]["HR@20"] > 0
    after = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()][before:]
    assert after[0]["event"] == "run_resumed"
    assert after[0]["step"] > 0
    assert json.loads((run / "state.json").read_text())["status"] == "finished"


def wait_for_epoch(runs: Path, training: forked.Started | subprocess.Popen[str]) -> Path:
    """The only run in `runs`, once it has finished an epoch."""
    end = time.monotonic() + 200
    while time.monotonic() < end and training.poll() is None:
        for run in runs.glob("*-long"):
            if (run / "metrics.jsonl").exists() and '"epoch", "time"' in (run / "metrics.jsonl").read_text():
                return run
        time.sleep(0.1)
    raise AssertionError(f"no epoch came, exit {training.poll()}")


BROKEN = {
    "an unknown user": (["recommend", "shared", "--user", "amber-badgr"], "did you mean 'amber-badger'?"),
    "an unknown item": (["neighbors", "shared", "--item", "tea-03"], "did you mean 'tea-0"),
    "an unknown item of a history": (["recommend", "shared", "--history", "tea-003,nope"], "item 'nope'"),
    "an empty history": (["recommend", "shared", "--history", ","], "the history is empty"),
    "nobody": (["recommend", "shared"], "give one of --user or --history"),
    "k of nothing": (["recommend", "shared", "--user", USER, "-k", "0"], "--k"),
    "a run that is not there": (["runs", "show", "shard"], "did you mean 'shared'?"),
    "a folder that is no run": (["evaluate", "."], "is not a run directory"),
    "a dataset that is no run": (
        ["recommend", "sample", "--user", USER],
        "of which `sracl train` makes a run",
    ),
    "a finished run to resume": (["resume", "shared"], "has finished"),
    "a finished run to stop": (["stop", "shared"], "is not running, it is finished"),
    "no dataset": (["train"], "name a folder made by `sracl data prepare`"),
    "two datasets": (["train", "sample", "--dataset", "sample"], "leave one of them out"),
    "a dataset that is none": (["train", "runs"], "is not a prepared dataset"),
    "an unknown setting": (["train", "--set", "training.sed=1"], "did you mean 'training.seed'?"),
    "a weight below 0": (["train", "--set", "objectives.sracl.alpha=-1"], "greater than or equal to 0"),
    "a temperature of 0": (["train", "--set", "objectives.sracl.temperature=0"], "greater than 0"),
    "no neighbors": (["train", "--set", "retrieval.k=0"], "to learn without neighbors set"),
    "more negatives than items": (
        ["train", "--dataset", "sample", "--set", "objectives.next_item.loss=sampled"],
        "negatives 1024 are not fewer than the 399 items",
    ),
    "an unknown preset": (["train", "--preset", "fats"], "there is no preset 'fats'"),
    "an unknown device": (["train", "sample", "--device", "tpu9"], "tpu9"),
    "an unknown command": (["trian"], "Did you mean 'train'?"),
    "an unknown option": (["train", "--sede", "3"], "--sede"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_is_one_line_and_exit_2(
    shop: Shop, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, expected = BROKEN[case]
    before = sorted(path.name for path in shop.runs.iterdir())
    for name, value in shop.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(shop.base)
    code = cli.run(words)  # in this process: torch is imported once for all of them
    said = capsys.readouterr()
    assert code == 2, said.err
    assert expected in said.err
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in said.err
    assert said.out == ""
    assert sorted(path.name for path in shop.runs.iterdir()) == before


def broken_copy(shop: Shop, folder: Path) -> Path:
    copy = folder / "copy"
    shutil.copytree(shop.run, copy)
    return copy


def test_a_damaged_checkpoint_is_named(shop: Shop, tmp_path: Path) -> None:
    copy = broken_copy(shop, tmp_path)
    weights = copy / "checkpoints" / "best" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    done = shop.sracl("recommend", copy, "--user", USER)
    assert (done.returncode, "model.safetensors is damaged" in done.stderr) == (2, True), done.stderr


def test_a_newer_run_is_refused(shop: Shop, tmp_path: Path) -> None:
    copy = broken_copy(shop, tmp_path)
    (copy / "meta.json").write_text('{"format_version": 99}')
    done = shop.sracl("neighbors", copy, "--user", USER)
    assert (done.returncode, "install a newer sracl" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "words", [["recommend", "--user", USER], ["evaluate"], ["neighbors", "--item", "tea-003"]]
)
def test_a_dataset_that_changed_or_moved(shop: Shop, tmp_path: Path, words: list[str]) -> None:
    copy = broken_copy(shop, tmp_path)
    meta = json.loads((copy / "meta.json").read_text())
    meta["dataset"]["identity"] = "0" * 64
    del meta["sha256"]
    (copy / "meta.json").write_text(json.dumps(meta))
    done = shop.sracl(words[0], copy, *words[1:])
    assert (done.returncode, "has changed since" in done.stderr) == (2, True), done.stderr


def test_a_moved_dataset_can_be_pointed_at(shop: Shop, tmp_path: Path) -> None:
    copy = broken_copy(shop, tmp_path)
    config = (copy / "config.yaml").read_text().replace(str(shop.dataset), str(tmp_path / "gone"))
    (copy / "config.yaml").write_text(config)
    for words in (["recommend", copy, "--user", USER], ["evaluate", copy]):
        lost = shop.sracl(*words)
        assert (lost.returncode, "gone" in lost.stderr, "--dataset FOLDER" in lost.stderr) == (2, True, True)
    assert shop.sracl("recommend", copy, "--user", USER, "--dataset", shop.dataset).returncode == 0
    assert shop.sracl("evaluate", copy, "--dataset", "sample").returncode == 0
    assert shop.sracl("recommend", copy, "--user", USER).returncode == 0, "evaluate has noted the new place"
