"""Milliseconds of processor that the rank of one user takes among many items, by how it is counted.

    python benchmarks/ranking.py --items 12101 198276

Three ways in turn, one thread: as `sracl` does on a CPU, which counts row by row in huge pages; with a count
over the whole batch, as on a GPU; and with scores in new memory, page by page. Histories and weights are
drawn by chance; d = 64, 512 users at once. --evidence adds evidence and repeats to the scores.

    python benchmarks/ranking.py --items 200000 --users 100000 --threads 2

With --users that many are ranked once, as `sracl` does it: by the wall clock, and with the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from sracl_core import device
from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.evaluation import ranking
from sracl_core.models import base
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.models.evidence import FLOORS, Evidence
from sracl_core.models.sasrec import Settings

USERS, LENGTH, AT_ONCE, ROUNDS = 2048, 10, 512, 3


def over_the_batch(scores_bN: Tensor, least_b1: Tensor) -> Tensor:
    """How many scores of each row reach `least_b1`."""
    return (scores_bN >= least_b1).sum(dim=1, dtype=torch.int32).long()


def asked(n_items: int, n_users: int, with_evidence: bool) -> tuple[SequenceEncoder, Prefixes, Prefixes]:
    """An encoder, and what it and its evidence read of each user."""
    rng = np.random.default_rng(0)
    sequences = Sequences.from_lists(rng.integers(1, n_items + 1, (n_users, LENGTH)).tolist())
    users, ends = np.arange(n_users, dtype=np.int32), sequences.offsets[1:] - 1
    queries, histories = (query_prefixes(sequences, users, ends, most) for most in (20, 2**31))
    encoder = build_encoder(Settings(), n_items).eval()
    encoder.initialize(1)
    if with_evidence:
        encoder.evidence = evidence = Evidence(n_items, tuple(FLOORS))
        evidence.items.random_(1, n_items + 1)
        evidence.shares.uniform_(0.0, 0.1)
        for weights in (evidence.weights, evidence.lift, encoder.repeat_bias):
            weights.fill_(0.3)
    return encoder, queries, histories


def whole(n_items: int, n_users: int, with_evidence: bool) -> dict[str, float]:
    """Seconds by the wall clock and of the processor to rank `n_users` once, and gigabytes at the peak."""
    encoder, queries, histories = asked(n_items, n_users, with_evidence)
    wall, cpu = time.perf_counter(), time.process_time()
    ranking.rank_queries(ranking.scores_of(encoder), queries, histories, AT_ONCE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"users": n_users, "wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_gb": round(peak, 2)}


def measured(n_items: int, with_evidence: bool) -> dict[str, float]:
    """Milliseconds a user of each way, the quickest of the rounds."""
    encoder, queries, histories = asked(n_items, USERS, with_evidence)
    ways = {
        "as it is": (ranking._at_least, device.product),
        "over the batch": (over_the_batch, device.product),
        "page by page": (ranking._at_least, lambda states_RD, items_ND: states_RD @ items_ND.T),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    ranks = []
    for _ in range(ROUNDS):
        for name, (count, product) in ways.items():
            with mock.patch.object(ranking, "_at_least", count), mock.patch.object(base, "product", product):
                began = time.process_time()
                ranks.append(ranking.rank_queries(ranking.scores_of(encoder), queries, histories, AT_ONCE))
                found[name].append(1e3 * (time.process_time() - began) / USERS)
    assert all((one.unmasked == ranks[0].unmasked).all() for one in ranks)
    return {name: round(min(times), 3) for name, times in found.items()}


def main() -> None:
    """Print a line of JSON for each number of items."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[12101, 198276])
    parser.add_argument("--evidence", action="store_true")
    parser.add_argument("--users", type=int, help="rank this many, once")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device.return_freed_blocks()
    for n_items in options.items:
        evidence, users = options.evidence, options.users
        found = whole(n_items, users, evidence) if users else measured(n_items, evidence)
        print(json.dumps({"items": n_items, **found}), flush=True)


if __name__ == "__main__":
    main()
