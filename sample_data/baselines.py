"""Simple recommenders on the sample shop, so that its README can say what there is to learn.

Leave-one-out: a user's last item is the test, the one before is kept out of training too, and the
history asked about is everything before the last. All items are ranked, those of the history left out.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

CUTOFFS = (5, 20)


def read(folder: Path) -> tuple[list[list[int]], list[str]]:
    """Each user's item numbers in time order, and each item's text."""
    with (folder / "items.csv").open(encoding="utf-8", newline="") as file:
        items = list(csv.DictReader(file))
    number = {row["item_id"]: i for i, row in enumerate(items)}
    texts = [" ".join(row[key] for key in ("title", "brand", "category", "description")) for row in items]
    histories: dict[str, list[tuple[int, int]]] = {}
    with (folder / "interactions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            event = (int(row["timestamp"]), number[row["item_id"]])
            histories.setdefault(row["user_id"], []).append(event)
    return [[item for _, item in sorted(events)] for events in histories.values()], texts


def text_similarity(texts: list[str]) -> np.ndarray:
    """Cosine similarity of TF-IDF word vectors, float64 [N, N]."""
    bags = [Counter(re.findall(r"[a-z]{3,}", text.lower())) for text in texts]
    words = {word: i for i, word in enumerate(sorted(set().union(*bags)))}
    counts = np.zeros((len(texts), len(words)))
    for row, bag in enumerate(bags):
        for word, times in bag.items():
            counts[row, words[word]] = times
    vectors = np.log1p(counts) * np.log(len(texts) / (counts > 0).sum(axis=0))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def evaluate(scores_UN: np.ndarray, histories: list[list[int]]) -> dict[str, float]:
    """HR and NDCG of each user's last item; ties count against the recommender."""
    ranks = []
    for scores, history in zip(scores_UN, histories, strict=True):
        seen = history[:-1]
        ranks.append(np.sum(np.delete(scores, seen) >= scores[history[-1]]))
    ranks_U = np.array(ranks)
    metrics = {f"HR@{k}": float(np.mean(ranks_U <= k)) for k in CUTOFFS}
    metrics[f"NDCG@{CUTOFFS[-1]}"] = float(np.mean((ranks_U <= CUTOFFS[-1]) / np.log2(ranks_U + 1)))
    return metrics


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Metrics of each baseline by name."""
    histories, texts = read(folder)
    n_items = len(texts)
    popularity = np.bincount(np.concatenate([h[:-2] for h in histories]), minlength=n_items).astype(float)
    follows = np.zeros((n_items, n_items))
    for history in histories:
        np.add.at(follows, (history[:-3], history[1:-2]), 1)
    similar = text_similarity(texts)
    alike = np.clip(similar, 0, None) ** 2
    alike /= alike.sum(axis=1, keepdims=True)
    tail = popularity / popularity.sum() * 1e-3  # breaks ties where nothing is known
    markov = follows / np.maximum(follows.sum(axis=1, keepdims=True), 1)
    smooth = alike @ follows @ alike
    smooth /= smooth.sum(axis=1, keepdims=True)
    last = [history[-2] for history in histories]
    recent = sum(0.6**back * (markov + smooth)[[h[-2 - back] for h in histories]] for back in range(4))
    scores = {
        "popularity": np.tile(popularity, (len(histories), 1)),
        "text: most similar to the last item": similar[last],
        "Markov: what followed the last item": markov[last] + tail,
        "Markov smoothed over similar texts": (markov + smooth)[last] + tail,
        "the same from the last four items": recent + tail,
    }
    return {name: evaluate(table, histories) for name, table in scores.items()}


def report(folder: Path) -> str:
    """The baselines as a Markdown table."""
    results = measure(folder)
    names = list(next(iter(results.values())))
    lines = [f"| recommender | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines += [f"| {k} | {' | '.join(f'{v[name]:.3f}' for name in names)} |" for k, v in results.items()]
    return "\n".join(lines)
