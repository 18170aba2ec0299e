"""What the head that learned a shop's own words gives a prompt over the plain cosine of its text.

    sracl data prepare sample_data --out shop
    python benchmarks/prompts.py shop --columns brand,category

Prompts name the values of the columns in words that nobody trained on: values that the head learned from, and
a fifth that it was not told. The scores that are steered come from what followed the items of a history.
`order` is Spearman's correlation with the scores before, among the items that a prompt names.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.retrieval.best import best, standard
from sracl_core.rules.prompting import Prompts, named_items
from sracl_core.semantics.encode import AskedTexts, load_encoder
from sracl_core.semantics.template import template_texts

Floats = NDArray[np.float32]
ASKED = ("I would like some {}", "show me {} now")
WEIGHTS = (0.3, 0.5)
K, USERS = 20, 60


def histories_scores(dataset: Dataset, rng: np.random.Generator) -> list[Floats]:
    """Scores of all items for some users, by what followed the items of their histories."""
    n, sequences = dataset.n_items, dataset.sequences
    counts = np.bincount(sequences.values, minlength=n + 1)[1:].astype(np.float32)
    followed = np.zeros((n, n), dtype=np.float32)
    for user in range(len(sequences)):
        items = sequences.of(user)[:-1] - 1
        for gap in range(1, min(4, len(items))):
            np.add.at(followed, (items[:-gap], items[gap:]), 0.8 ** (gap - 1))
    followed /= np.sqrt(np.outer(followed.sum(axis=1) + 5, counts + 5))
    found = []
    for user in rng.permutation(np.flatnonzero(sequences.lengths > 5))[:USERS]:
        items = (sequences.of(int(user))[:-1] - 1)[-20:]
        ages = np.arange(len(items) - 1, -1, -1.0)
        scores = np.log(0.8**ages @ followed[items] + 1e-4 * np.log1p(counts) + 1e-3).astype(np.float32)
        scores[items] = scores.min()
        found.append(standard(scores))
    return found


def ndcg(scores: Floats, relevant: NDArray[np.bool_]) -> float:
    """NDCG@K of all that the prompt names."""
    discounts = 1 / np.log2(np.arange(2, K + 2))
    hits = relevant[best(scores, K)]
    return float(hits @ discounts[: len(hits)] / discounts[: min(K, int(relevant.sum()))].sum())


def order(before: Floats, after: Floats) -> float:
    """Spearman's correlation, ties by place."""
    found: Any = np.corrcoef([np.argsort(np.argsort(scores)) for scores in (before, after)])
    return float(found[0, 1])


def measure(dataset: Dataset, columns: list[str], encoder_name: str) -> dict[tuple[str, str, float], Any]:
    """(NDCG, order) of every prompt and user, for each (known or new, kind, weight)."""
    rng, encoder = np.random.default_rng(0), load_encoder(encoder_name)
    items = encoder.encode(list(template_texts(dataset).texts))
    table = dataset.item_table()
    relevant = named_items([table[column].cast(pl.String).to_list() for column in columns], len(table))
    values = sorted(relevant)
    new = {values[place] for place in rng.permutation(len(values))[: max(2, len(values) // 5)]}
    cells: list[list[str]] = [[] for _ in range(len(table))]
    for value in values:
        for row in relevant[value] if value not in new else ():
            cells[row].append(value)
    encode = AskedTexts(lambda: encoder)
    prompts = Prompts(items, encode, {"known": [", ".join(one) for one in cells]})
    users = histories_scores(dataset, rng)
    print(f"{len(items):,} items, {len(values)} values, {len(new)} of them new, {len(users)} users")
    found: dict[tuple[str, str, float], Any] = {}
    for value in values:
        for text in (form.format(value) for form in ASKED):
            kinds = {"plain": standard(items @ encode([text])[0]), "head": prompts.likeness(text)}
            there = np.isin(np.arange(len(items)), relevant[value])
            for kind, similar in kinds.items():
                for weight in WEIGHTS:
                    pairs = [(own, (1 - weight) * own + weight * similar) for own in users]
                    group = "new" if value in new else "known"
                    found.setdefault((group, kind, weight), []).extend(
                        (ndcg(steered, there), order(own[there], steered[there])) for own, steered in pairs
                    )
    return found


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--columns", required=True)
    parser.add_argument("--encoder", default="static")
    args = parser.parse_args()
    found = measure(load_dataset(args.dataset), args.columns.split(","), args.encoder)
    for (group, kind, weight), pairs in sorted(found.items()):
        steered, kept = np.mean(pairs, axis=0)
        print(f"{group:6} {kind:6} weight {weight}: NDCG@{K} {steered:.3f}, order {kept:.3f}")


if __name__ == "__main__":
    main()
