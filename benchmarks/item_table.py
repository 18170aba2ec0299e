"""A training step against the size of the item table: sampled negatives, or the softmax over all items.

    python benchmarks/item_table.py [--loss sampled|full] [--items 6369 42313 198276] [--threads 1]

With sampled negatives dense Adam beside lazy Adam: the same batches in one process, ten steps of one and then
ten of the other, so that their ratio holds on a busy machine and neither finds its cache emptied by the
other; CPU time is told beside the wall clock. The result goes to benchmarks/results/item_table.json, or
item_table_full.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.prepare import machine
from sracl_core import device
from sracl_core.data.sequences import Sequences
from sracl_core.models.build import build_encoder
from sracl_core.objectives.base import Batch, loss_parts
from sracl_core.objectives.next_item.objective import NextItem
from sracl_core.settings.layers import load_config
from sracl_core.training.session import Session

RESULTS = Path(__file__).parent / "results"
BATCH, WARM, BLOCK = 256, 2, 10
SETS = ("training.average_decay=0.999", "objectives.sracl.weight=0")
WAYS = {"sampled": ("dense", "lazy"), "full": ("dense",)}


def start(n_items: int, loss: str, lazy: bool) -> Session:
    """SASRec at its defaults and a moving average; 1,024 negatives where the softmax is sampled."""
    config, _ = load_config(sets=[*SETS, f"objectives.next_item.loss={loss}"])
    world: Any = SimpleNamespace(
        item_neighbors_NK=None,
        prefix_neighbors_PK=None,
        prefixes=None,
        item_counts_N=np.ones(n_items),
        sharded=False,
    )
    settings: Any = config.active_objectives["next_item"]
    objective = NextItem(settings, world)
    encoder = build_encoder(config.model, n_items, 0)
    parts = {"next_item": objective}
    session = Session(encoder, parts, {"next_item": 1.0}, config.training, lazy_items=lazy)
    session.train_mode()
    return session


def step(session: Session, rng: np.random.Generator) -> tuple[float, float]:
    """Milliseconds of one step, by the wall and of the CPU; histories of 1 to 8 items."""
    n_items = session.encoder.n_items
    rows = [rng.integers(1, n_items + 1, rng.integers(1, 9)).tolist() for _ in range(BATCH)]
    batch = Batch(np.arange(BATCH), Sequences.from_lists(rows), rng.integers(1, n_items + 1, BATCH))
    wall, cpu = time.perf_counter(), time.process_time()
    parts = loss_parts(session.encoder, session.objectives, session.weights, batch, lambda _: rng)
    session.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(torch.stack(list(parts.values())).sum())
    gradients = session.gradients().values()
    torch.nn.utils.get_total_norm([one.values() if one.is_sparse else one for one in gradients])
    session.step()
    session.state.step += 1
    session.average.update(session.state.step)
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)


def block(session: Session, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Times of some steps, the first of which are not counted: the cache is another's."""
    return [step(session, rng) for _ in range(WARM + BLOCK)][WARM:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--loss", choices=tuple(WAYS), default="sampled")
    parser.add_argument("--items", type=int, nargs="+", default=[6_369, 42_313, 198_276])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device.return_freed_blocks()
    found = []
    for n_items in options.items:
        ways = {name: start(n_items, options.loss, name == "lazy") for name in WAYS[options.loss]}
        chance = {name: np.random.default_rng(1) for name in ways}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, session in ways.items():
                times[name] += block(session, chance[name])
        row: dict[str, Any] = {"items": n_items, "load_average": round(os.getloadavg()[0], 1)}
        for name, pairs in times.items():
            wall, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
            row |= {f"{name}_wall_ms": round(wall, 1), f"{name}_cpu_ms": round(cpu, 1)}
        print(row, file=sys.stderr, flush=True)
        found.append(row)
    name = "item_table.json" if options.loss == "sampled" else "item_table_full.json"
    told = {"machine": machine(), "threads": options.threads, "results": found}
    (RESULTS / name).write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
