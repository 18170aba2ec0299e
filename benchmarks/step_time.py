"""Where a training step's time goes, and what share of this machine's peak it reaches.

python benchmarks/step_time.py --dataset data/beauty --preset fast --threads 1
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

# As the command line sets it, before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from torch.profiler import ProfilerActivity, profile

from sracl_core.data.sources import load_sources
from sracl_core.device import use_threads
from sracl_core.objectives.base import loss_parts
from sracl_core.pipeline.stages import build_semantics
from sracl_core.pipeline.starting import start_session
from sracl_core.seeding import generator
from sracl_core.settings.layers import load_config
from sracl_core.training.batches import epoch_order, make_batch

KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm", "aten::_addmm_activation"),
    "softmax and its gradient": (
        "aten::exp_",
        "aten::_softmax",
        "aten::_softmax_backward_data",
        "aten::amax",
    ),
    "gelu": ("aten::gelu", "aten::gelu_backward"),
    "layer norm": ("aten::native_layer_norm", "aten::native_layer_norm_backward"),
    "copies and gathers": ("aten::copy_", "aten::cat", "aten::index", "aten::index_select"),
    "elementwise": ("aten::mul", "aten::mul_", "aten::add", "aten::add_", "aten::sum", "aten::sub_"),
    "optimizer": ("aten::_fused_adam_", "aten::_foreach_lerp_"),
}


def peak_gflops(size: int = 1024, seconds: float = 1.0) -> float:
    """Billions of operations a second of a large float32 matrix product here."""
    matrix, count, start = torch.randn(size, size), 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        torch.mm(matrix, matrix)
        count += 1
    return 2 * size**3 * count / passed / 1e9


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--preset")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    config, _ = load_config(preset=options.preset, sets=[f"dataset.path={options.dataset}", *options.sets])
    sources = load_sources(config)
    semantics = build_semantics(config, sources)
    session = start_session(config, sources, semantics, torch.device("cpu"))
    session.train_mode()
    for objective in session.objectives.values():
        objective.start_epoch(session.encoder, generator(1, "epoch"))
    size, order = config.training.batch_size, epoch_order(len(sources.prefixes), 1, 0)

    def step(number: int) -> float:
        start = time.perf_counter()
        rows = order[number * size : (number + 1) * size]
        parts = loss_parts(
            session.encoder,
            session.objectives,
            session.weights,
            make_batch(sources.prefixes, rows),
            lambda name: generator(1, "profile", name, number),
        )
        session.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        session.step()
        session.average.update(number + 1)
        return time.perf_counter() - start

    for number in range(3):
        step(number)
    plain = statistics.median(step(number) for number in range(3, 3 + options.steps))
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as found:
        for number in range(3 + options.steps, 3 + 2 * options.steps):
            step(number)
    events = found.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    flops = sum(event.flops for event in events) / options.steps
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    shares: Counter[str] = Counter()
    for event in events:
        shares[kind_of.get(event.key, "everything else: calls, graph, Python")] += event.self_cpu_time_total
    reached, peak = flops / plain / 1e9, peak_gflops()
    print(f"{plain * 1000:.1f} ms a step of {size} prefixes, {threads} threads")
    share = f"{reached:.0f} of {peak:.0f} GFLOP/s, {reached / peak:.0%}"
    print(f"{flops / 1e9:.2f} billion operations a step, {share}")
    for kind, microseconds in shares.most_common():
        print(f"{microseconds / total:6.1%}  {kind}")


if __name__ == "__main__":
    main()
