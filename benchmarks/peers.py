"""Models of a peer library on the dataset of a run of ours, ranked by our evaluation and paired with it.

    python -m venv peer && peer/bin/pip install "rectools[torch]==0.19.0"
    python benchmarks/peers.py RUN --peer peer/bin/python --out benchmarks/results/peers-movielens.json

Both have the same users, items, split and histories. The peer (peers_rectools.py, which its own Python runs)
learns from the training part and gives lists of 20, with the items of the history and without. Of the
numbers of epochs, and of item-kNN's weights, that it tries, the one with the best masked NDCG@20 on
validation is taken. A held-out item that is in a list has its place there as its rank, any other none that
counts at 20.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.sources import load_sources
from sracl_core.evaluation.metrics import mean_metrics, per_query
from sracl_core.evaluation.significance import paired_test
from sracl_core.evaluation.stored import load_ranks
from sracl_core.files import write_json
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.section import WHOLE_HISTORY

K = 20
METRIC = f"NDCG@{K}"
PROTOCOLS = ("unmasked", "masked")


def rows_of(prefixes: Prefixes) -> dict[str, np.ndarray]:
    """The interactions of `prefixes`, in order: users and items [n]."""
    kept = np.concatenate([np.arange(*ends) for ends in zip(prefixes.starts, prefixes.ends, strict=True)])
    return {"users": np.repeat(prefixes.users, prefixes.lengths), "items": prefixes.values[kept]}


def ranks_of(lists_QK: np.ndarray, targets_Q: np.ndarray) -> np.ndarray:
    """int64 [Q], from 1; K + 1 for an item that is in no list."""
    hit_QK: np.ndarray = lists_QK == targets_Q[:, None]
    found: np.ndarray = np.where(hit_QK.any(axis=1), hit_QK.argmax(axis=1), K) + 1
    return found


def main() -> None:
    """Let the peer learn, rank, and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a finished run of ours")
    parser.add_argument("--peer", required=True, help="a Python that has RecTools with torch")
    parser.add_argument("--epochs", default="20,40,80,160", help="what the peer's SASRec tries")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()

    run = RunDirectory(args.run)
    sources = load_sources(run.config)
    split, sequences = sources.split, sources.dataset.sequences
    parts = {"valid": (split.valid_users, split.valid_ends), "test": (split.test_users, split.test_ends)}
    queries = {part: query_prefixes(sequences, *of, WHOLE_HISTORY) for part, of in parts.items()}
    train = {
        "users": np.repeat(np.arange(len(split.train)), split.train.lengths),
        "items": split.train.values,
    }
    with tempfile.TemporaryDirectory() as work:
        given: dict[str, Any] = {f"train_{name}": rows for name, rows in train.items()}
        for part, prefixes in queries.items():
            given |= {f"{part}_{name}": rows for name, rows in rows_of(prefixes).items()}
            given[f"{part}_queries"] = prefixes.users
        np.savez(Path(work) / "given.npz", n_users=len(sequences), n_items=sources.dataset.n_items, **given)
        models = Path(__file__).with_name("peers_rectools.py")
        subprocess.run([args.peer, str(models), work, "--epochs", args.epochs, "--k", str(K)], check=True)
        with np.load(Path(work) / "lists.npz") as lists:
            found = {name: ranks_of(lists[name], queries[name.split("|")[1]].targets) for name in lists.files}

    told = {
        model: {
            part: {one: mean_metrics(found[f"{model}|{part}|{one}"], [K]) for one in PROTOCOLS}
            for part in parts
        }
        for model in dict.fromkeys(name.split("|")[0] for name in found)
    }
    families: dict[str, str] = {}
    for model, tried in told.items():
        family = model.split(":")[0]
        best = families.setdefault(family, model)
        if tried["valid"]["masked"][METRIC] > told[best]["valid"]["masked"][METRIC]:
            families[family] = model
    chosen: dict[str, Any] = {}
    ours = load_ranks(run, "test")
    assert np.array_equal(ours["users"], split.test_users)
    for family, model in families.items():
        chosen[family] = {"model": model}
        for protocol in PROTOCOLS:
            mine = per_query(METRIC, ours[protocol])
            theirs = per_query(METRIC, found[f"{model}|test|{protocol}"])
            p = paired_test(mine, theirs).p_value
            chosen[family][protocol] = {"ours": mine.mean(), "theirs": theirs.mean(), "p": p}
            print(f"{METRIC} {protocol}: ours {mine.mean():.4f}, {model} {theirs.mean():.4f}, p {p:.4f}")
    if args.out:
        facts = {"dataset": Path(run.config.dataset.path).name, "users": len(split.test_users)}
        write_json(args.out, {**facts, "chosen": chosen, "tried": told})


if __name__ == "__main__":
    main()
