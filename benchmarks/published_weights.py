"""Weights that others published, read by our encoder and ranked by our evaluation: is the protocol the same?

    python benchmarks/published_weights.py ICLRec-Beauty-1.pt Beauty.txt --out iclrec.json

Both files are those of the method's own repository: a state dict of S3-Rec's SASRec (as of ICLRec, CoSeRec
and others), and a line "user item item ..." for each user. Nothing but tensors is read from the former. Where
what is printed is what its authors print, the split, the ranking among all items, the masking, the metrics
and the encoder's arithmetic are the same, and a difference between runs is one of training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from sracl_core.data.prefixes import query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.evaluation.metrics import mean_metrics
from sracl_core.evaluation.ranking import rank_queries, scores_of
from sracl_core.files import write_json
from sracl_core.models.sasrec import Settings
from sracl_core.models.sasrec.encoder import SASRec, build

HEADS = 2
"""Their number is in no weight; all of these codes have two."""


def renamed(theirs: dict[str, Tensor], n_items: int, layers: int) -> dict[str, Tensor]:
    """The state dict by our names: positions from the end, keys and values in one, no row for a mask."""
    ours = {
        "items.weight": theirs["item_embeddings.weight"][: n_items + 1],
        "positions.weight": theirs["position_embeddings.weight"].flip(0),
        "norm.weight": theirs["LayerNorm.weight"],
        "norm.bias": theirs["LayerNorm.bias"],
    }
    for layer in range(layers):
        names = {
            "query": "attention.query",
            "output": "attention.dense",
            "attention_norm": "attention.LayerNorm",
            "inner": "intermediate.dense_1",
            "outer": "intermediate.dense_2",
            "inner_norm": "intermediate.LayerNorm",
        }
        for kind in ("weight", "bias"):
            at = f"item_encoder.layer.{layer}"
            for our, their in names.items():
                ours[f"blocks.{layer}.{our}.{kind}"] = theirs[f"{at}.{their}.{kind}"]
            both = [theirs[f"{at}.attention.{part}.{kind}"] for part in ("key", "value")]
            ours[f"blocks.{layer}.key_value.{kind}"] = torch.cat(both)
    return ours


def encoder_of(weights: Path, n_items: int, dropout: float = 0.0) -> SASRec:
    """The encoder that `weights` are of; nothing but tensors is read from the file."""
    theirs = torch.load(weights, map_location="cpu", weights_only=True)
    length, size = theirs["position_embeddings.weight"].shape
    inner = len(theirs["item_encoder.layer.0.intermediate.dense_1.bias"])
    layers = sum(name.endswith("attention.query.bias") for name in theirs)
    shape = {"hidden_size": size, "layers": layers, "heads": HEADS, "inner_size": inner}
    settings = Settings(**shape, max_length=length, dropout=dropout, attention_dropout=dropout)
    encoder = build(settings, n_items, seed=0)
    left = encoder.load_state_dict(renamed(theirs, n_items, layers), strict=False)
    assert left.missing_keys == ["repeat_bias"], left
    return encoder


def sequences_of(path: Path) -> Sequences:
    """Of a file with a line "user item item ..." for each user."""
    lines = path.read_text().splitlines()
    return Sequences.from_lists([[int(item) for item in line.split()[1:]] for line in lines])


def main() -> None:
    """Rank and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    sequences = sequences_of(args.sequences)
    n_items, split = int(sequences.values.max()), leave_one_out(sequences)
    encoder = encoder_of(args.weights, n_items)
    length, layers = encoder.max_length, len(encoder.blocks)
    told = {}
    held_out = {"valid": (split.valid_users, split.valid_ends), "test": (split.test_users, split.test_ends)}
    for part, (users, ends) in held_out.items():
        queries, histories = (query_prefixes(sequences, users, ends, most) for most in (length, 2**31))
        with torch.inference_mode():
            ranks = rank_queries(scores_of(encoder), queries, histories, batch_size=512)
        told[part] = {
            "unmasked": mean_metrics(ranks.unmasked, [5, 10, 20]),
            "masked": mean_metrics(ranks.masked, [5, 10, 20]),
        }
        for name, metrics in told[part].items():
            print(part, name, {metric: round(value, 4) for metric, value in metrics.items()})
    if args.out:
        write_json(args.out, {"layers": layers, "users": len(sequences), "items": n_items, **told})


if __name__ == "__main__":
    main()
