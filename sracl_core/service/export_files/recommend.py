"""python recommend.py ITEM [ITEM ...]: ten items after this history, oldest first."""

import json
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import hnswlib
import numpy as np
import onnxruntime

folder = Path(__file__).parent
about, items = (json.loads((folder / name).read_text("utf-8")) for name in ("export.json", "items.json"))
for name, hash_of_file in about["files"].items():
    if sha256((folder / name).read_bytes()).hexdigest() != hash_of_file:
        sys.exit(f"error: {name} is not as it was exported; export the run again")
row_of = {name: row for row, name in enumerate(items["ids"])}
vectors, bias = np.load(folder / "item_vectors.npy"), np.load(folder / "repeat_bias.npy")
related, shares = np.load(folder / "related_items.npy"), np.load(folder / "related_shares.npy")
session = onnxruntime.InferenceSession(str(folder / "encoder.onnx"))
index = hnswlib.Index("ip", about["dimension"])
index.load_index(str(folder / "items.hnsw"))


def evidence(latest: np.ndarray) -> dict[int, float]:
    """What the tables of related items add to scores."""
    told = about["evidence"]
    said: dict[int, float] = {}
    weight = told["decay"] ** np.arange(len(latest) - 1, -1, -1.0)
    for items, share, kind in zip(related, shares, told["kinds"].values(), strict=True):
        there = share[latest] > 0
        rows, place = np.unique(items[latest][there], return_inverse=True)
        means = np.bincount(place, (share[latest] * (weight / weight.sum())[:, None])[there])
        for row, mean in zip(rows.tolist(), means.tolist(), strict=True):
            said[row] = said.get(row, 0.0) + kind["weight"] * float(np.log1p(mean / kind["floor"]))
    return {**said, **dict.fromkeys(latest.tolist(), told["lift"])}


def recommend(history: list[str], k: int = 10) -> list[tuple[str, float]]:
    seen = [row_of[name] for name in history if name in row_of]
    if not seen:
        counts = np.load(folder / "popularity.npy")
        return [(items["ids"][row], float(counts[row])) for row in np.argsort(-counts, kind="stable")[:k]]
    latest = np.array(seen[-about["max_length"] :])
    state = session.run(None, {"items": latest[None] + 1})[0][0]
    wanted = min(len(vectors), k + len(set(seen)))
    index.set_ef(max(about["index"]["ef"], wanted))
    found = index.knn_query(state[None], wanted)[0][0].astype(int)
    said = evidence(latest)
    rows = {*found.tolist(), *seen, *said}
    scores = {row: float(vectors[row] @ state) + said.get(row, 0.0) for row in rows}
    for age, row in enumerate(reversed(latest.tolist())):
        scores[row] += float(bias[age])
    held, often = about["counts"]
    for row, n in Counter(seen).items() if held or often else ():
        scores[row] += held + often * float(np.log1p(n))
    left = [row for row in scores if about["repeats"] >= 0.1 or row not in seen]
    return [(items["ids"][row], scores[row]) for row in sorted(left, key=lambda row: -scores[row])[:k]]


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in row_of]
    if unknown:
        print(f"left out, as items.json has no such item: {', '.join(unknown)}", file=sys.stderr)
    if len(unknown) == len(sys.argv) - 1:
        print("nothing is known of this history: the most popular items", file=sys.stderr)
    for name, score in recommend(sys.argv[1:]):
        print(f"{score:9.4f}  {name}  {items['titles'][row_of[name]]}")
