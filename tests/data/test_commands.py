"""`sracl data` as a person calls it, and a temporal split from files to results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FIVE = "".join(f"u{user},i{item},{user + item}\n" for user in range(6) for item in range(6))


def run(*words: object, timeout: int = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sracl_core.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


def told(*words: object, timeout: int = 60) -> Any:
    done = run(*words, "--json", timeout=timeout)
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
        "objective.sracl.alpha=0",
    )
    sets = [word for key in keys for word in ("--set", key)]
    results = told("train", "--dataset", out, "--runs-dir", tmp_path / "runs", *sets, timeout=280)
    assert results["protocol"]["split"] == "temporal"
    assert 0 < results["test"]["masked"]["HR@20"] <= 1
