"""How long `sracl data prepare` takes on synthetic logs, and how much memory.

    python benchmarks/prepare.py --rows 10000000 30000000

Each size is generated as a CSV in a temporary folder and prepared in a process of its own. The
result goes to benchmarks/results/prepare.json. load_average is that of the machine just before: where
it is above the number of cores, seconds say little and cpu_seconds say more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

RESULT = Path(__file__).parent / "results" / "prepare.json"


def generate(rows: int, path: Path) -> None:
    """A log with skewed items: about 12 interactions a user, rows / 50 items, times over years."""
    generator = np.random.default_rng(0)
    users = generator.integers(0, rows // 12, rows)
    items = generator.zipf(1.3, rows) % (rows // 50)
    pl.DataFrame(
        {"user": users, "item": items, "timestamp": generator.integers(1_300_000_000, 1_700_000_000, rows)}
    ).select(
        pl.format("user-{}", "user").alias("user_id"),
        pl.format("B{}", pl.col("item") + 1_000_000_000).alias("item_id"),
        "timestamp",
    ).write_csv(path)


def prepared(raw: Path, out: Path) -> tuple[float, resource.struct_rusage]:
    """`sracl data prepare` as a person calls it, in its own process: its seconds and what it used."""
    command = [
        sys.executable,
        "-m",
        "sracl_core.cli.main",
        "data",
        "prepare",
        str(raw),
        "--out",
        str(out),
        "-q",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"prepare failed with status {status}"
    return time.perf_counter() - began, usage


def measure(rows: int, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory (GB, of the process that prepares) for one size."""
    raw, out = folder / "log.csv", folder / "out"
    generate(rows, raw)
    load = round(os.getloadavg()[0], 1)
    seconds, usage = prepared(raw, out)
    counts = json.loads((out / "dataset.json").read_text())["counts"]
    return {
        "rows": rows,
        "csv_bytes": raw.stat().st_size,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "load_average": load,
        "peak_memory_gb": round(usage.ru_maxrss * 1024 / 1e9, 2),
        "load_seconds": measure_load(out),
        "counts": counts,
    }


def measure_load(folder: Path) -> float:
    """Seconds of `load_dataset`, in a fresh process, without the imports."""
    code = (
        "import sys, time, polars; from sracl_core.data.dataset import load_dataset\n"
        "began = time.perf_counter(); load_dataset(sys.argv[1]); print(time.perf_counter() - began)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    return round(float(result.stdout), 2)


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "polars": pl.__version__,
        "numpy": np.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000])
    sizes = parser.parse_args().rows
    results = []
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(rows, Path(folder)))
            print(results[-1])
    command = f"python benchmarks/prepare.py --rows {' '.join(map(str, sizes))}"
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(
        json.dumps({"command": command, "machine": machine(), "results": results}, indent=2) + "\n"
    )
    print(f"{RESULT.name} written; peak here {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")


if __name__ == "__main__":
    main()
