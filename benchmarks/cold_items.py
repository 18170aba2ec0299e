"""Items that nobody has touched: does the map from their texts find whom they are for?

A share of the items is held out of training altogether, a run is trained on the rest, and the held-out ones
are added by `sracl items add`. Then every event with one of them is asked for: the history before it, of
items that training knew, against the held-out items alone and against all items. Beside the run stand the
text-kNN (cosine of an item's text with the mean of the history's texts) and chance.

    python benchmarks/cold_items.py DATASET --work FOLDER --out benchmarks/results/cold_items.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sracl_core.data.dataset import INTERACTIONS, ITEMS, load_dataset, read_table
from sracl_core.data.prefixes import query_prefixes
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.mapping import choose
from sracl_core.files import write_json
from sracl_core.models.build import with_items

K, STRIDE = 20, 5


def hold_out(folder: Path, work: Path, share: float, seed: int) -> list[str]:
    """Prepare what is left without a share of the items in `work`/warm; the ids of those held out.

    `work`/new.csv is the table of the held-out ones.
    """
    dataset = load_dataset(folder)
    drawn = np.random.default_rng(seed).permutation(dataset.n_items)[: round(share * dataset.n_items)]
    held = [dataset.items.ids[row] for row in np.sort(drawn)]
    items, log = read_table(folder / ITEMS), read_table(folder / INTERACTIONS)
    work.mkdir(parents=True, exist_ok=True)
    items.filter(pl.col("item_id").is_in(held)).write_csv(work / "new.csv")
    items.filter(~pl.col("item_id").is_in(held)).write_parquet(work / "items.parquet")
    log.filter(~pl.col("item_id").is_in(held)).write_parquet(work / "interactions.parquet")
    prepare([work / "interactions.parquet", work / "items.parquet"], work / "warm", PrepareOptions(k_core=1))
    return held


def sracl(*words: str | Path) -> None:
    """A real command."""
    subprocess.run([sys.executable, "-m", "sracl_core.cli.main", *map(str, words)], check=True)


def questions(folder: Path, loaded: LoadedRun, held: list[str]) -> tuple[list[np.ndarray], np.ndarray]:
    """Each event with a held-out item: the trained items before it, oldest first, and the item's index.

    Events without a trained item before them are left out, and so is who has taken the item before.
    """
    whole, known = load_dataset(folder), loaded.trained.dataset.items
    index = {name: loaded.dataset.items.index(name) for name in held}
    number = np.array([0] + [known.index(name) if name in known else 0 for name in whole.items.ids])
    histories, targets = [], []
    for user in range(whole.n_users):
        names = [whole.items.id_of(int(item)) for item in whole.sequences.of(user)]
        items = number[whole.sequences.of(user)]
        for place, name in enumerate(names):
            before = items[:place][items[:place] > 0].astype(np.int32)
            if name in index and len(before) and name not in names[:place]:
                histories.append(before)
                targets.append(index[name])
    return histories, np.array(targets)


def recall(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Whether each target is among the best K; an equal score counts as better."""
    wanted = np.take_along_axis(scores, target[:, None], axis=1)
    found: np.ndarray = (scores >= wanted).sum(axis=1) <= K
    return found


def measured(loaded: LoadedRun, histories: list[np.ndarray], targets: np.ndarray) -> dict[str, Any]:
    """Recall at K of the run and of the text-kNN, among the held-out items and among all."""
    n = loaded.trained.dataset.n_items
    vectors = np.asarray(loaded.item_vectors)
    hits: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(histories), 512):
        some, target = histories[start : start + 512], targets[start : start + 512] - 1
        means = np.stack([vectors[history - 1].mean(axis=0) for history in some])
        scored = {"run": loaded.scores(some), "text-kNN": means @ vectors.T}
        for name, scores in scored.items():
            for row, history in enumerate(some):
                scores[row, history - 1] = -np.inf
            hits.setdefault(f"{name}, among the held-out", []).append(recall(scores[:, n:], target - n))
            hits.setdefault(f"{name}, among all", []).append(recall(scores, target))
    found = {name: float(np.concatenate(parts).mean()) for name, parts in hits.items()}
    chance = {"held-out": K / (loaded.dataset.n_items - n), "all": K / loaded.dataset.n_items}
    return found | {
        f"chance, among {'the ' * (name != 'all')}{name}": value for name, value in chance.items()
    }


def trained_items(loaded: LoadedRun, stride: int = 1) -> dict[str, float]:
    """What the added items cost the others: recall at K with them and without, of every `stride`-th user."""
    split, n = loaded.trained.split, loaded.trained.dataset.n_items
    sequences = loaded.trained.dataset.sequences
    hits: dict[str, list[np.ndarray]] = {"with": [], "without": []}
    asked = [part[::stride] for part in (split.valid_users, split.valid_ends)]
    for start in range(0, len(asked[0]), 512):
        users, ends = (part[start : start + 512] for part in asked)
        bounds = zip(sequences.offsets[users], ends, strict=True)
        scores = loaded.scores([sequences.values[first:end] for first, end in bounds])
        target = sequences.values[ends].astype(np.int64) - 1
        hits["with"].append(recall(scores, target))
        hits["without"].append(recall(scores[:, :n], target))
    return {name: float(np.concatenate(parts).mean()) for name, parts in hits.items()}


def by_lift(
    run: Path, loaded: LoadedRun, histories: list[np.ndarray], targets: np.ndarray
) -> dict[str, dict[str, float]]:
    """New items raised more or less: what that finds of them, and what it costs the others."""
    base, found = LoadedRun.open(run, with_added=False), {}
    split, sequences = base.trained.split, base.trained.dataset.sequences
    valid = query_prefixes(sequences, split.valid_users, split.valid_ends, base.config.model.max_length)
    known, added = np.asarray(base.item_vectors), loaded.added
    assert added is not None
    chosen = choose(base.encoder, known, base.prefixes, valid, base.config.training.seed)
    for lift in (0.0, 0.5, 1.0, 1.25, 1.5, 2.0):
        rows = replace(chosen, lift=lift).rows(base.encoder, known, added.vectors)
        loaded.encoder = with_items(base.config.model, base.encoder, rows, added.near)
        new = measured(loaded, histories[::STRIDE], targets[::STRIDE])["run, among all"]
        found[f"{lift:g}"] = {"new": new, "trained": trained_items(loaded, STRIDE)["with"]}
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="a prepared dataset")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the run; one that is there is used"
    )
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--train", default="--preset fast", help="options of sracl train, in one word")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    held = hold_out(args.dataset, args.work, args.share, args.seed)
    runs = args.work / "runs"
    if not runs.is_dir():
        sracl(
            "train",
            "--dataset",
            args.work / "warm",
            "--runs-dir",
            runs,
            "--name",
            "warm",
            *args.train.split(),
        )
    run = next(path for path in sorted(runs.iterdir()) if path.name.endswith("-warm"))
    sracl("items", "add", run, args.work / "new.csv")
    loaded = LoadedRun.open(run)
    assert loaded.added is not None
    held = loaded.added.table["item_id"].to_list()
    histories, targets = questions(args.dataset, loaded, held)
    found = {
        "dataset": loaded.dataset.name,
        "items": loaded.dataset.n_items,
        "held_out_items": len(held),
        "events": len(targets),
        "best_epoch": (loaded.run.results() or {}).get("best_epoch"),
        "map": {name: loaded.added.about.get(name) for name in ("ridge", "scale", "lift", "tried", "ranked")},
        f"recall@{K}": measured(loaded, histories, targets),
        f"recall@{K} of trained items on the validation events": trained_items(loaded),
        f"recall@{K} among all by lift": by_lift(run, loaded, histories, targets),
        "train": args.train,
    }
    print(json.dumps(found, indent=2))
    if args.out:
        write_json(args.out, found)


if __name__ == "__main__":
    main()
