"""How much is tried, and where the outcomes of a soak are kept."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from filelock import FileLock

PATH = Path(__file__).parents[2] / "benchmarks" / "results" / "reliability.json"
SOAKS = any(name.startswith("SRACL_SOAK_") for name in os.environ)
SEED = int(os.environ.get("SRACL_SOAK_SEED", "0"))


def tried(name: str) -> int:
    """How many of `name` a soak tries, such as "KILLS"; 0 in a test run, which tries a few."""
    return int(os.environ.get(f"SRACL_SOAK_{name}", "0"))


def note(part: str, name: str, outcomes: Mapping[str, int | float | str]) -> None:
    """Keep what came of one part of a soak so far; in a test run nothing is kept."""
    if not SOAKS:
        return
    with FileLock(f"{PATH}.lock"):  # parts of a soak may run beside each other
        found = json.loads(PATH.read_text()) if PATH.is_file() else {}
        found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
        asked = {name[11:]: value for name, value in os.environ.items() if name.startswith("SRACL_SOAK_")}
        found["asked"] = found.get("asked", {}) | asked
        found["seed"], found["date"] = SEED, time.strftime("%Y-%m-%d")
        found.setdefault(part, {})[name] = dict(outcomes)
        PATH.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
