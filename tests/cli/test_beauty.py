"""The real commands on the first 2,000 users of Amazon Beauty."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

BEAUTY = Path(__file__).parents[3] / "shared" / "data" / "amazon-beauty"
USERS = 2000

pytestmark = pytest.mark.skipif(not BEAUTY.is_dir(), reason="shared/data/amazon-beauty is not here")


def sracl(*arguments: object) -> dict:
    command = [sys.executable, "-m", "sracl_core.cli.main", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def first_users(out: Path) -> None:
    """Write the interactions of the first users by id, and every title."""
    with gzip.open(BEAUTY / "interactions.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = set(sorted({row["user_id"] for row in rows})[:USERS])
    with (out / "interactions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if row["user_id"] in kept)
    (out / "items.csv.gz").write_bytes((BEAUTY / "items.csv.gz").read_bytes())


def test_beauty_goes_through_all_of_it(tmp_path: Path) -> None:
    source, dataset = tmp_path / "raw", tmp_path / "beauty"
    source.mkdir()
    first_users(source)
    sracl("data", "prepare", source, "--out", dataset, "--k-core", 4)
    info = sracl("data", "info", dataset)
    assert 100 < info["users"] <= USERS
    assert info["interactions"] >= 4 * info["users"]
    results = sracl(
        "train", "--dataset", dataset, "--runs-dir", tmp_path / "runs", "--epochs", 3, "--name", "b"
    )
    chance = 20 / info["items"]
    assert results["test"]["masked"]["HR@20"] > 2 * chance
    run = results["run"]
    again = sracl("evaluate", run)
    assert again["test"] == results["test"]
    lines = (Path(run) / "metrics.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["event"] == "epoch" for line in lines) == 3
