"""Is a run that starts from yesterday's weights as good as a fresh one, at a third of its minutes?

A log is cut by months. What comes before the first month is prepared and trained from nothing; each
month is appended, and then runs are trained on the same log: a fresh one, which ends by itself as its
settings say, and one from the warm run of the month before. Where several ways of the latter are given, all
are tried in the first month, and the one with the best validation is kept for it and for all later ones.
Both are asked for the same test events (everybody's last purchase), and paired over people. What FOLDER
holds already is not made again.

    python benchmarks/refresh.py LOG --households 1000 --since 2017-06-01 \\
        --months 2017-10,2017-11 --work FOLDER --out benchmarks/results/refresh.json \\
        --warm '--epochs 1' --warm '--epochs 1 --set training.learning_rate=0.0003'
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from sracl_core.files import write_json

COMMON = (
    "--preset fast --seed 42 --set model.repeats=fitted --set semantics.encoder=static "
    "--set retrieval.stride=8 --set training.threads=1"
)


def sracl(*words: str | int | Path) -> tuple[str, float]:
    """What a real command prints, and its minutes of processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "sracl_core.cli.main", *map(str, words)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return said, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60


def train(work: Path, name: str, *words: str | int | Path) -> float:
    """The minutes of processor of a run called `name`, which is trained unless it is there."""
    kept = work / "minutes.json"
    minutes: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    if name not in minutes:
        _, minutes[name] = sracl("train", *words, "--name", name, "--runs-dir", work / "runs", "-q")
        write_json(kept, minutes)
    return minutes[name]


def cut(log: Path, work: Path, households: int, since: str, months: list[str]) -> list[Path]:
    """The log before the first month, then of each month, of some households, as files."""
    rows = pl.read_parquet(log / "transactions.parquet")
    drawn = rows["household_id"].unique().sort().sample(households, seed=42)
    rows = rows.filter(pl.col("household_id").is_in(drawn.implode()))
    begins = [date.fromisoformat(f"{month}-01") for month in months]
    ends = [*begins, (begins[-1].replace(day=28) + (date(2017, 1, 5) - date(2017, 1, 1))).replace(day=1)]
    found, begin = [], date.fromisoformat(since)
    for end in ends:
        found.append(work / f"until-{end}.parquet")
        times = pl.col("transaction_timestamp")
        part = rows.filter(
            (times >= datetime(*begin.timetuple()[:3])) & (times < datetime(*end.timetuple()[:3]))
        )
        part.write_parquet(found[-1])
        begin = end
    return found


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--households", type=int, default=400)
    parser.add_argument("--since", default="2017-06-01")
    parser.add_argument("--months", default="2017-10,2017-11")
    parser.add_argument("--fresh", default="", help="words of the fresh runs, such as '--epochs 3'")
    parser.add_argument("--warm", action="append", help="a way of the warm run; repeatable")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    work, months, runs = args.work, args.months.split(","), ("--runs-dir", args.work / "runs")
    first, *later = cut(args.log, work, args.households, args.since, months)
    items, data = args.log / "products.parquet", work / "data-0"
    if not data.exists():
        sracl("data", "prepare", first, items, "--out", data, "-q")
    anew = (*COMMON.split(), *args.fresh.split())
    train(work, "warm-0", data, *anew)
    found: list[dict[str, Any]] = []
    ways, live = args.warm or ["--epochs 1"], "warm-0"
    for number, (month, events) in enumerate(zip(months, later, strict=True), start=1):
        data, grown = work / f"data-{number}", data
        if not data.exists():
            sracl("data", "append", grown, events, items, "--out", data, "-q")
        fresh = f"fresh-{number}"
        minutes = train(work, fresh, data, *anew)
        tried = []
        for turn, way in enumerate(ways, start=1):
            warm = f"warm-{number}-{turn}"
            minutes_warm = train(work, warm, data, "--from", live, *way.split())
            told = json.loads(sracl("runs", "compare", fresh, warm, "--json", *runs)[0])
            valid = json.loads(sracl("runs", "show", warm, "--json", *runs)[0])["results"]["valid"]
            tried.append({"way": way, "run": warm, "minutes": minutes_warm, "valid": valid, "compared": told})
            print(month, way, valid["unmasked"]["NDCG@20"], minutes, minutes_warm, flush=True)
        kept = max(tried, key=lambda one: one["valid"]["unmasked"]["NDCG@20"])
        ways, live = [kept["way"]], kept["run"]
        found.append({"month": month, "fresh_minutes": minutes, "kept": kept["way"], "warm": tried})
        if args.out:
            write_json(
                args.out,
                {"common": COMMON, "fresh": args.fresh, "households": args.households, "months": found},
            )


if __name__ == "__main__":
    main()
