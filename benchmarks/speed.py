"""Seconds a training step: the plain path against ours, on the same batches, in one run.

    python benchmarks/speed.py --dataset data/beauty [--steps 6] [--json]

The plain path (tests/oracles/plain_path.py) pads every prefix to 20, computes every position of
every layer, encodes the anchor once for each objective and builds batches sample by sample, as
published code does. Both paths first agree on all losses to 1e-4 with dropout off.

`ratio_live` is plain / ours with all k neighbors encoded with gradient; `ratio_cached` is plain / ours with
L_inter on cached neighbor states and without L_intra; `ratio_fast` is plain / ours under the preset `fast`,
which uses near prefixes as targets alone. Steps alternate between the paths, so that a machine whose speed
drifts treats all alike; medians are reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

# As the command line sets it, before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.data.sources import Sources, load_sources
from sracl_core.device import use_threads
from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.objectives.augment import substitute
from sracl_core.objectives.base import loss_parts
from sracl_core.objectives.sracl.inter import InterUser
from sracl_core.objectives.sracl.intra import IntraUser
from sracl_core.pipeline.stages import Semantics, build_semantics
from sracl_core.pipeline.starting import start_encoder, start_objectives
from sracl_core.seeding import generator
from sracl_core.settings.layers import load_config
from sracl_core.settings.models import RunConfig
from sracl_core.training.batches import epoch_order, make_batch
from tests.oracles import plain_path

TOLERANCE = 1e-4


class Path_:
    """One way to do a step: weights, objectives and optimizer of its own."""

    def __init__(self, config: RunConfig, sources: Sources, semantics: Semantics, plain: bool) -> None:
        self.config, self.sources, self.plain = config, sources, plain
        self.encoder = start_encoder(config, sources, semantics).train()
        self.objectives = start_objectives(config, sources, semantics)
        self.weights = {name: one.weight for name, one in config.active_objectives.items()}
        learned = [part for one in self.objectives.values() for part in one.parameters()]
        weights = [*self.encoder.parameters(), *learned]
        self.optimizer = torch.optim.Adam(weights, lr=1e-3, fused=not plain)

    def start_epoch(self) -> float:
        """Seconds that an epoch spends before its first step."""
        start = time.perf_counter()
        for objective in self.objectives.values():
            objective.start_epoch(self.encoder, generator(0, "epoch"))
        return time.perf_counter() - start

    def losses(self, rows: np.ndarray, step: int) -> dict[str, torch.Tensor]:
        """The parts of the loss on the prefixes `rows`."""
        length = self.config.model.max_length

        def chance(name: str) -> np.random.Generator:
            return generator(0, "speed", name, step)

        batch = make_batch(self.sources.prefixes, rows)
        if not self.plain:
            return loss_parts(self.encoder, self.objectives, self.weights, batch, chance)
        inter, intra = self._part(InterUser), self._part(IntraUser)
        ratio, beta = intra.settings.substitution, intra.settings.beta
        rng = chance("sracl").spawn(2)[1]
        one, other = (substitute(batch.rows, intra.neighbors_NK, ratio, rng).padded() for _ in range(2))
        assert isinstance(self.encoder, SASRec)
        prefixes = self.sources.prefixes
        return plain_path.losses(self.encoder, inter, (one, other), prefixes, list(rows), beta, length)

    def _part(self, kind: type) -> Any:
        return next(
            part for one in self.objectives.values() for part in one.modules() if isinstance(part, kind)
        )

    def step(self, rows: np.ndarray, step: int) -> float:
        """Seconds of one optimizer step, its batch included."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(self.losses(rows, step).values())).sum())
        self.optimizer.step()
        return time.perf_counter() - start


def check_equal(plain: Path_, ours: Path_, rows: np.ndarray) -> dict[str, float]:
    """The largest difference of each loss part with dropout off; raises beyond the tolerance."""
    for path in (plain, ours):
        path.encoder.eval()
        for objective in path.objectives.values():
            objective.eval()
    with torch.no_grad():
        expected, found = plain.losses(rows, 0), ours.losses(rows, 0)
    differences = {name: abs(expected[name] - found[name]).item() for name in expected}
    if max(differences.values()) > TOLERANCE:
        raise SystemExit(f"the two paths disagree: {differences}")
    for path in (plain, ours):
        path.encoder.train()
        for objective in path.objectives.values():
            objective.train()
    return differences


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    threads = use_threads(options.threads)
    live, _ = load_config(sets=[f"dataset.path={options.dataset}", "objectives.sracl.neighbors_per_step=0"])
    live = live.model_copy(deep=True)
    fast, _ = load_config(preset="fast", sets=[f"dataset.path={options.dataset}"])
    only_inter = ["objectives.sracl.neighbor_states=cached", "objectives.sracl.beta=0"]
    cached, _ = load_config(sets=[f"dataset.path={options.dataset}", *only_inter])
    sources = load_sources(live)
    semantics = build_semantics(live, sources)
    paths = {
        "plain": Path_(live, sources, semantics, plain=True),
        "live": Path_(live, sources, semantics, plain=False),
        "cached": Path_(cached, sources, semantics, plain=False),
        "fast": Path_(fast, sources, semantics, plain=False),
    }
    size, order = live.training.batch_size, epoch_order(len(sources.prefixes), 1, 0)
    differences = check_equal(paths["plain"], paths["live"], order[:size])
    epoch_start = paths["cached"].start_epoch()
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for step in range(options.steps + 1):
        rows = order[step * size : (step + 1) * size]
        for name, path in paths.items():
            repeats = 1 if name == "plain" else 3
            times = [path.step(rows, step) for _ in range(repeats)]
            if step:  # the first is a warm-up
                seconds[name] += times
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    steps = -(-len(sources.prefixes) // size)
    medians["cached"] += epoch_start / steps
    result = {
        "seconds_per_step": {name: round(value, 5) for name, value in medians.items()},
        "prefixes_per_second": {name: round(size / value, 1) for name, value in medians.items()},
        "ratio_live": round(medians["plain"] / medians["live"], 2),
        "ratio_cached": round(medians["plain"] / medians["cached"], 2),
        "ratio_fast": round(medians["plain"] / medians["fast"], 2),
        "epoch_seconds": {name: round(value * steps, 1) for name, value in medians.items()},
        "loss_differences_without_dropout": differences,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "batch_size": size,
        "steps": options.steps,
        "threads": threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in medians.items():
        print(f"{name:6} {value * 1000:8.1f} ms a step  {size / value:9.0f} prefixes/s")
    print(
        f"ratio live {result['ratio_live']}, cached {result['ratio_cached']}, fast {result['ratio_fast']}, "
        f"peak {result['peak_mb']} MB"
    )


if __name__ == "__main__":
    main()
