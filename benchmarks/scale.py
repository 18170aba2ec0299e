"""How time and memory of every stage grow with the data.

    python benchmarks/scale.py [--sizes 10000:10000 100000:50000 1000000:200000] [--threads 1]

For each USERS:ITEMS, a synthetic log of 10 interactions a user goes through prepare, neighbor tables,
200 training steps (sampled loss) and the ranking of 10,000 users among all items. Item vectors are
synthetic too: encoding real texts grows linearly with their number and is measured elsewhere.

Each size runs in a process of its own. A stage's memory is the process's peak while it ran, what
earlier stages still hold included. A neighbor table that would need more memory than --memory-gb is
left out with the loss that reads it (0 leaves out both), and the result says how much it would have
needed. --prefixes latest keeps one prefix a user, --width makes the vectors narrower: the two ways out.

The result goes to benchmarks/results/scale.json; a size that was measured before is replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.prepare import machine, prepared
from benchmarks.synthetic import item_vectors, write_log

RESULT = Path(__file__).parent / "results" / "scale.json"
STEPS, EVALUATED = 200, 10_000
SIZES = ("10000:10000", "100000:50000", "1000000:200000")


class Stages:
    """Seconds and memory of each stage, by name."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[dict[str, Any]]:
        """What is put into the dict is kept beside the figures."""
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        began, cpu = time.perf_counter(), time.process_time()
        facts: dict[str, Any] = {}
        yield facts
        self.found[name] = {
            "seconds": round(time.perf_counter() - began, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "peak_mb": _peak_mb(),
            **facts,
        }
        print(f"  {name}: {self.found[name]}", file=sys.stderr, flush=True)


def _peak_mb() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def prepare_stage(users: int, items: int, folder: Path) -> dict[str, Any]:
    """A log of this size, prepared."""
    write_log(users, items, folder / "log.csv")
    seconds, usage = prepared(folder / "log.csv", folder / "data")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": usage.ru_maxrss // 1024,
    }


def needed_gb(rows: int, width: int) -> float:
    """Memory of the search for a table, as a run's estimate has it."""
    from sracl_core.pipeline.memory import CELL_FLOATS, FLOAT

    return FLOAT * rows * (width + CELL_FLOATS) / 1e9


def run_size(users: int, items: int, options: argparse.Namespace) -> dict[str, Any]:
    """All stages of one size, in this process."""
    import torch

    from sracl_core.data.sources import load_sources
    from sracl_core.device import use_threads
    from sracl_core.pipeline.stages import Semantics
    from sracl_core.pipeline.starting import start_session
    from sracl_core.retrieval.neighbors import NeighborTable, find_neighbors
    from sracl_core.semantics.by_row import StoredVectors
    from sracl_core.semantics.profiles import prefix_vectors
    from sracl_core.settings.layers import load_config

    stages = Stages()
    with tempfile.TemporaryDirectory() as temporary:
        stages.found["prepare"] = prepare_stage(users, items, Path(temporary))
        sets = [
            f"dataset.path={temporary}/data",
            "objectives.next_item.loss=sampled",
            f"training.threads={options.threads}",
        ]
        config, _ = load_config(sets=sets)
        use_threads(options.threads)
        with stages.measure("load"):
            sources = load_sources(config)
    if options.prefixes == "latest":
        last = np.flatnonzero(np.diff(sources.prefixes.users, append=-1))
        chosen = {name: getattr(sources.prefixes, name)[last] for name in ("users", "starts", "ends")}
        sources = replace(sources, prefixes=replace(sources.prefixes, **chosen))
    vectors = item_vectors(sources.dataset.items.ids, items, options.width)
    k, settings = config.retrieval.k, config.retrieval

    def table(name: str, rows: np.ndarray, users: np.ndarray | None = None) -> NeighborTable | None:
        needed = needed_gb(len(rows), options.width)
        if needed > options.memory_gb:
            stages.found[name] = {"left_out": f"about {needed:.1f} GB"}
            return None
        with stages.measure(name) as facts:
            found = find_neighbors(rows, k, settings, users, threads=options.threads)
            facts |= {"method": found.method, "recall": found.recall}
        return found

    near_items = table("item_neighbors", vectors)
    near, profiles = None, None
    if needed_gb(len(sources.prefixes), options.width) > options.memory_gb:
        table("prefix_neighbors", sources.prefixes.ends)  # says what it would need
    else:
        with stages.measure("prefix_vectors"):
            profiles = prefix_vectors(sources.prefixes, vectors)
        near = table("prefix_neighbors", profiles, sources.prefixes.users)
    if near_items is None:
        config, _ = load_config(sets=[*sets, "objectives.sracl.beta=0"])
        nothing = np.empty((len(vectors), 0))
        near_items = NeighborTable(nothing.astype(np.int32), nothing.astype(np.float32), "left out")
    if near is None:
        config, _ = load_config(sets=[*sets, "objectives.sracl.weight=0"])
    semantics = Semantics(
        item_vectors=vectors,
        item_neighbors=near_items,
        prefix_vectors=None if profiles is None else StoredVectors(profiles),
        prefix_neighbors=near,
    )
    session = start_session(config, sources, semantics, torch.device("cpu"))
    with stages.measure("train_200_steps") as facts:
        facts["parts"] = train(session, sources, config)
    with stages.measure("evaluate_10000_users"):
        evaluate(session.encoder, sources, config)
    return {
        "users": sources.dataset.n_users,
        "items": sources.dataset.n_items,
        "interactions": sources.dataset.n_interactions,
        "prefixes": len(sources.prefixes),
        "width": options.width,
        "stages": stages.found,
    }


def train(session: Any, sources: Any, config: Any) -> list[str]:
    """STEPS optimizer steps; returns the names of the loss's parts."""
    import torch

    from sracl_core.objectives.base import loss_parts
    from sracl_core.seeding import generator
    from sracl_core.training.batches import epoch_batches

    session.train_mode()
    for objective in session.objectives.values():
        objective.start_epoch(session.encoder, generator(0, "epoch"))
    size = config.training.batch_size
    batches = epoch_batches(sources.prefixes, np.arange(len(sources.prefixes)), size, 0, 0, 0)
    parts: dict[str, Any] = {}
    for step, batch in zip(range(STEPS), batches, strict=False):
        chance = partial(generator, 0, "scale", step)
        parts = loss_parts(session.encoder, session.objectives, session.weights, batch, chance)
        session.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        session.step()
    return list(parts)


def evaluate(encoder: Any, sources: Any, config: Any) -> None:
    """Rank the held-out test item of some users among all items."""
    from sracl_core.data.prefixes import query_prefixes
    from sracl_core.evaluation.ranking import rank_queries, scores_of
    from sracl_core.settings.section import WHOLE_HISTORY

    split = sources.split
    some = np.random.default_rng(2).permutation(len(split.test_users))[:EVALUATED]
    users, ends = split.test_users[some], split.test_ends[some]
    queries, histories = (
        query_prefixes(sources.dataset.sequences, users, ends, most)
        for most in (config.model.max_length, WHOLE_HISTORY)
    )
    rank_queries(scores_of(encoder), queries, histories, config.evaluation.batch_size)


def keep(result: dict[str, Any], command: str) -> None:
    """Add the result to the file, in place of an earlier one of the same size and options."""
    kept = json.loads(RESULT.read_text())["results"] if RESULT.is_file() else []
    key = ("asked", "prefixes_kept", "width", "threads", "memory_gb")
    kept = [one for one in kept if any(one[name] != result[name] for name in key)]
    kept = sorted([*kept, result | {"command": command}], key=lambda one: (one["users"], one["width"]))
    RESULT.write_text(json.dumps({"machine": machine(), "results": kept}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="USERS:ITEMS")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--width", type=int, default=384, help="of the vectors")
    parser.add_argument("--prefixes", choices=("all", "latest"), default="all")
    parser.add_argument("--memory-gb", type=float, default=8.0)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        users, items = map(int, options.sizes[0].split(":"))
        print(json.dumps(run_size(users, items, options)))
        return
    flags = sys.argv[1:]
    for size in options.sizes:
        print(size, file=sys.stderr, flush=True)
        own = [f"--{name.replace('_', '-')}={getattr(options, name)}"
               for name in ("threads", "width", "prefixes", "memory_gb")]  # fmt: skip
        command = [sys.executable, __file__, "--here", *own, "--sizes", size]
        load = round(os.getloadavg()[0], 1)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        facts = {
            "asked": size,
            "prefixes_kept": options.prefixes,
            "threads": options.threads,
            "memory_gb": options.memory_gb,
            "load_average": load,
        }
        keep(facts | json.loads(done.stdout), " ".join(["python benchmarks/scale.py", *flags]))


if __name__ == "__main__":
    main()
