"""`sracl data` as a person calls it, and a temporal split from files to results."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sracl_core.data.dataset import load_dataset
from sracl_core.data.export import MARK, export
from sracl_core.data.info import describe
from sracl_core.data.prepare import PrepareOptions, prepare
from tests.forked import ran as run

FIVE = "".join(f"u{user},i{item},{user + item}\n" for user in range(6) for item in range(6))


def told(*words: str | Path) -> Any:
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(f"customer,sku,date\n{FIVE}u0,i0,0\n")
    return path


def test_every_command_speaks_json(tmp_path: Path, log: Path) -> None:
    raw, out = ["--raw-dir", tmp_path / "raw"], tmp_path / "out"
    entries = {entry["name"]: entry for entry in told("data", "list", *raw)}
    assert entries["ml-1m"]["files"][0]["sha256"].startswith("a6898adb")
    assert all(entry["licence"] and entry["citation"] for entry in entries.values())
    assert told("data", "fetch", "sample", *raw)["folder"] == entries["sample"]["folder"]
    manifest = told("data", "prepare", log, "--out", out, "--name", "mine")
    assert manifest["counts"] | {"users": 6, "items": 6, "interactions": 36} == manifest["counts"]
    assert told("data", "info", out)["identity"] == manifest["identity"]
    exported = told("data", "export", out, "--format", "recbole", "--out", tmp_path / "x")
    assert exported["files"] == ["mine.inter", "mine.item"]


ODD = ("mine[1]", "mine*", "min?1", "~", "mi{n,m}e1", "mine=1")


def test_folders_and_files_are_read_as_they_are_called(tmp_path: Path) -> None:
    """Beside each odd name lies what it would stand for as a pattern, with other data in it."""
    folders = ["mine1", *ODD]
    for count, name in enumerate(folders, start=6):
        raw = tmp_path / "raw" / name / name
        raw.mkdir(parents=True)
        rows = [f"u{user},i{(user + at) % count},{at}" for user in range(count) for at in range(6)]
        (raw / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
        prepare(raw, tmp_path / name, PrepareOptions(k_core=1))
    for count, name in enumerate(folders, start=6):
        dataset = load_dataset(tmp_path / name)
        assert dataset.n_users == describe(dataset)["users"] == count
        export(dataset, tmp_path / "out" / name, "csv")
        assert (tmp_path / "out" / name / "interactions.csv").read_text().count("\n") == count * 6 + 1
        assert (tmp_path / "out" / name / "items.csv").read_text().count("\n") == count + 1
    (tmp_path / "raw" / "[a]").mkdir()
    source = tmp_path / "raw" / "[a]" / "log[1].csv"
    source.write_text(f"customer,sku,date\n{FIVE}")
    (source.parent / "log1.csv").write_text(source.read_text().replace("u0", "u9"))
    assert run("data", "prepare", source, "--out", tmp_path / "a[b]").returncode == 0
    assert told("data", "info", tmp_path / "a[b]", "--preview", "1")["preview"]["users"][0]["user"] == "u0"
    assert told("data", "info", tmp_path / "mine[1]")["users"] == 7
    done = run("data", "info", "~", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["users"] == 10


@pytest.mark.parametrize("form", ["recbole", "sequences"])
def test_a_datasets_name_is_no_path(tmp_path: Path, log: Path, form: str) -> None:
    inside = tmp_path / "deep" / "in"
    inside.mkdir(parents=True)
    names = {"a/b": "a-b", "../../escaped": "escaped", "..": "dataset", "é" * 300: "é" * 50}
    for name, expected in names.items():
        prepare(log, inside / "data", PrepareOptions(name=name))
        exported = export(load_dataset(inside / "data"), inside / "out", form)
        assert {file.rsplit(".", 1)[0] for file in exported} == {expected}
        assert {path.name for path in (inside / "out").iterdir()} == {*exported, MARK}
    assert run("data", "prepare", log, "--name", "../../escaped", "--out", inside / "data").returncode == 0
    assert run("data", "export", inside / "data", "--format", form, "--out", inside / "out").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "log.csv"}
    assert {path.name for path in inside.iterdir()} == {"data", "out"}


def test_the_funnel_and_what_was_guessed_are_printed(tmp_path: Path, log: Path) -> None:
    done = run("data", "prepare", log, "--out", tmp_path / "out", "--max-length", 5)
    assert "columns taken as user = 'customer', item = 'sku', time = 'date'" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["step", "users", "items", "interactions", "dropped"]
    assert rows[1:] == [
        ["read", "6", "6", "37", "0"],
        ["exact", "duplicates", "dropped", "6", "6", "36", "1"],
        ["5-core", "6", "6", "36", "0"],
        ["latest", "5", "of", "each", "user", "6", "5", "30", "6"],
    ]
    shown = run("data", "info", tmp_path / "out").stdout
    assert "users by length  count" in shown
    assert re.search(r"^5-9 +6 +#{40}$", shown, re.MULTILINE)


def test_a_data_set_under_terms_is_refused_with_the_way_to_it(tmp_path: Path) -> None:
    done = run("data", "fetch", "yelp", "--raw-dir", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "accept the terms at https://" in done.stderr
    assert str(tmp_path / "yelp") in done.stderr


def test_a_temporal_split_from_files_to_results(tmp_path: Path) -> None:
    out = tmp_path / "sample"
    told("data", "prepare", "sample", "--out", out, "--sample-users", 300)
    keys = (
        "dataset.split=temporal",
        "training.max_epochs=1",
        "training.threads=1",
        "retrieval.k=2",
        "retrieval.source=random",
        "objectives.sracl.alpha=0",
    )
    sets = [word for key in keys for word in ("--set", key)]
    results = told("train", out, "--runs-dir", tmp_path / "runs", *sets)
    assert results["protocol"]["split"] == "temporal"
    assert 0 < results["test"]["masked"]["HR@20"] <= 1
