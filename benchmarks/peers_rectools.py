"""What RecTools recommends after the histories that peers.py hands over; run by a Python that has it.

SASRec with softmax loss, 64 factors, two blocks and heads, a window of 50, and its defaults else, after each
of some numbers of epochs; item-kNN of the library under it, implicit, by cosine, tf-idf and BM25, 20 and 100
neighbors. Nothing of this project is imported.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

SEED = 42
NEIGHBORS = (20, 100)


def main() -> None:
    """Fit, and write the lists of each model, part and protocol: int64 [Q, K]."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--epochs", required=True)
    parser.add_argument("--k", type=int, required=True)
    args = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # implicit asks for it
    pandas, nearest = import_module("pandas"), import_module("implicit.nearest_neighbours")
    data, models = import_module("rectools.dataset"), import_module("rectools.models")
    given = np.load(args.work / "given.npz")
    users = data.IdMap.from_values(np.arange(int(given["n_users"])))
    items = data.IdMap.from_values(np.arange(1, int(given["n_items"]) + 1))
    lists: dict[str, Any] = {}

    def dataset(part: str) -> Any:
        """The order of the rows stands for the times, which may tie."""
        rows = given[f"{part}_users"]
        times = pandas.Timestamp("2000-01-01") + pandas.to_timedelta(np.arange(len(rows)), unit="min")
        table = pandas.DataFrame(
            {"user_id": rows, "item_id": given[f"{part}_items"], "weight": 1.0, "datetime": times}
        )
        return data.Dataset(users, items, data.Interactions.from_raw(table, users, items))

    parts = {part: dataset(part) for part in ("valid", "test")}

    def recommend(name: str, model: Any) -> None:
        for part, histories in parts.items():
            for protocol in ("unmasked", "masked"):
                asked = given[f"{part}_queries"]
                found = model.recommend(
                    asked, histories, k=args.k, filter_viewed=protocol == "masked", add_rank_col=True,
                    on_unsupported_targets="ignore",
                )  # fmt: skip
                table = np.zeros((int(given["n_users"]), args.k), dtype=np.int64)
                table[found["user_id"], found["rank"] - 1] = found["item_id"]
                lists[f"{name}|{part}|{protocol}"] = table[asked]
        print(name, flush=True)

    train = dataset("train")
    for kind in ("Cosine", "TFIDF", "BM25"):
        for k in NEIGHBORS:
            inner = getattr(nearest, f"{kind}Recommender")(K=k)
            recommend(f"item-knn:{kind.lower()},k={k}", models.ImplicitItemKNNWrapperModel(inner).fit(train))
    import_module("pytorch_lightning").seed_everything(SEED, workers=True)
    sasrec = models.SASRecModel(
        loss="softmax", n_factors=64, n_blocks=2, n_heads=2, session_max_len=50, deterministic=True
    )
    before = 0
    for epochs in sorted(int(some) for some in args.epochs.split(",")):
        sasrec.fit_partial(train, min_epochs=epochs - before, max_epochs=epochs - before)
        recommend(f"sasrec:epochs={epochs}", sasrec)
        before = epochs
    np.savez(args.work / "lists.npz", **lists)


if __name__ == "__main__":
    main()
