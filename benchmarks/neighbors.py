"""How long the texts and neighbor tables of a prepared dataset take, and how well they are found.

    sracl data prepare ... --out data/beauty
    python benchmarks/neighbors.py --dataset data/beauty [--skip-encoding] [--encoder static]

Encodes every item text into an empty store and again from it, pools the prefix vectors, and makes
both neighbor tables with the default settings (`--set method=hnsw` tries others, `--tables prefixes`
one of them). The result is printed and goes to benchmarks/results/neighbors.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.retrieval.neighbors import NeighborTable, find_neighbors
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.profiles import prefix_vectors
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.template import template_texts
from sracl_core.settings.stages import RetrievalConfig

RESULT = Path(__file__).parent / "results" / "neighbors.json"
T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, dict[str, float]]:
    """What `work` returns, its wall seconds, and the core seconds it used."""
    wall, cores = time.perf_counter(), time.process_time()
    result = work()
    return result, {
        "seconds": round(time.perf_counter() - wall, 2),
        "core_seconds": round(time.process_time() - cores, 2),
    }


def encode(dataset: Dataset, name: str, skip: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Item vectors; where not skipped, timed into an empty store and again from it."""
    texts = template_texts(dataset).texts
    if skip:
        return VectorStore().vectors(load_encoder(name), texts), {}
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(folder)

        def vectors() -> np.ndarray:
            return store.vectors(load_encoder(name), texts)

        found, first = timed(vectors)
        _, again = timed(vectors)
    return found, {"encode_items_first": first, "encode_items_from_store": again}


def table(vectors: np.ndarray, settings: RetrievalConfig, groups: np.ndarray | None) -> dict[str, Any]:
    """Facts of one neighbor table."""
    found, seconds = timed(lambda: find_neighbors(vectors, settings.k, settings, groups))
    return {"rows": len(vectors), "dimension": vectors.shape[1], **describe(found), **seconds}


def describe(found: NeighborTable) -> dict[str, Any]:
    """What a table says of itself."""
    return {"k": found.k, "method": found.method, "recall": found.recall, "hash": found.hash[:16]}


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--skip-encoding", action="store_true", help="take the vectors from the store")
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--tables", nargs="+", choices=("items", "prefixes"), default=["items", "prefixes"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=RESULT)
    options, load = parser.parse_args(), round(os.getloadavg()[0], 1)
    given = dict(pair.split("=", 1) for pair in options.set)
    settings = RetrievalConfig.model_validate_strings(given) if given else RetrievalConfig()
    dataset = load_dataset(options.dataset)
    vectors, measured = encode(dataset, options.encoder, options.skip_encoding)
    prefixes = training_prefixes(leave_one_out(dataset.sequences).train, 20)
    if "items" in options.tables:
        measured["item_neighbors"] = table(vectors, settings, None)
    if "prefixes" in options.tables:
        pooled, measured["pool_prefixes"] = timed(lambda: prefix_vectors(prefixes, vectors))
        measured["prefix_neighbors"] = table(pooled, settings, prefixes.users)
    of_tables = sum(one["seconds"] for name, one in measured.items() if name.endswith("_neighbors"))
    report = {
        "command": f"python benchmarks/neighbors.py {' '.join(sys.argv[1:])}",
        "machine": f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}",
        "load_before": load,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "torch", "hnswlib", "sentence-transformers")},
        },
        "settings": settings.model_dump(),
        "dataset": {"name": dataset.name, "items": dataset.n_items, "prefixes": len(prefixes)},
        "measured": measured,
        "tables_seconds": round(of_tables, 2),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
