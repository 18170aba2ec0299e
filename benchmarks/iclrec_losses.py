"""By which of ICLRec's two computations weights were trained: the paper's or its public code's.

    python benchmarks/iclrec_losses.py ICLRec-Beauty-1.pt Beauty.txt --runs RUN ... --out losses.json

The first two files are those of its repository (see published_weights.py), the runs those of `sracl train
DATASET --preset iclrec` with either `objectives.iclrec.compare`. Of each it prints the losses that training
has at these weights: with dropout, each part at weight 1. What weights were not trained for is large.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.published_weights import encoder_of, sequences_of
from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.splits.base import Split
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import write_json
from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives import iclrec, next_item
from sracl_core.objectives.base import Objective, loss_parts
from sracl_core.objectives.iclrec.objective import ICLRec
from sracl_core.objectives.next_item.objective import NextItem
from sracl_core.objectives.world import World
from sracl_core.seeding import generator
from sracl_core.training.batches import make_batch

BATCHES, ROWS = 20, 256
HOW: tuple[Literal["pooled", "padded"], ...] = ("pooled", "padded")


def losses(encoder: SequenceEncoder, split: Split, n_items: int) -> dict[str, float]:
    """Each part of both computations and the loss of the next items, means over the batches."""
    prefixes = training_prefixes(split.train, encoder.max_length)
    world = World(0, n_items, encoder.hidden_size, split, prefixes)
    following = NextItem(next_item.Settings(loss="bce", examples="sequences"), world)
    contrasts: dict[str, ICLRec] = {how: ICLRec(iclrec.Settings(compare=how), world) for how in HOW}
    for how, contrast in contrasts.items():
        contrast.start_epoch(encoder, generator(0, how))
    objectives: dict[str, Objective] = {"next_item": following, **contrasts}
    encoder.train()
    found: dict[str, list[float]] = {}
    rows_E = generator(0, "rows").permutation(following.examples(prefixes))
    for at in range(BATCHES):
        batch = make_batch(prefixes, np.sort(rows_E[at * ROWS : (at + 1) * ROWS]))
        with torch.no_grad():
            for name, objective in objectives.items():
                chance = partial(_chance, at)
                for part, value in loss_parts(encoder, {name: objective}, {name: 1.0}, batch, chance).items():
                    found.setdefault(part.replace("iclrec", name), []).append(float(value))
    return {part: float(np.mean(values)) for part, values in found.items()}


def _chance(at: int, name: str) -> np.random.Generator:
    return generator(0, name, at)


def main() -> None:
    """Tell of the published weights and of each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    parser.add_argument("--dataset", type=Path, help="where the runs' dataset lies now, if it was moved")
    parser.add_argument("--dropout", type=float, default=0.5, help="of the published weights' training")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    sequences = sequences_of(args.sequences)
    n_items = int(sequences.values.max())
    told: dict[str, Any] = {}

    def tell(name: str, encoder: SequenceEncoder, split: Split, items: int) -> None:
        told[name] = losses(encoder, split, items)
        print(name, {part: round(value, 2) for part, value in told[name].items()})

    published = encoder_of(args.weights, n_items, args.dropout)
    tell(args.weights.name, published, leave_one_out(sequences), n_items)
    for path in args.runs:
        loaded = LoadedRun.open(path, args.dataset)
        name = path.name.split("-", 2)[-1]
        tell(name, loaded.encoder, loaded.sources.split, loaded.dataset.n_items)
    if args.out:
        write_json(args.out, told)


if __name__ == "__main__":
    main()
