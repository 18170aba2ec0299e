"""What a head that learned a shop's own words would give a prompt over the plain cosine of its text.

    sracl data prepare sample_data --out shop
    python benchmarks/prompts.py shop --columns brand,category

The head is a matrix between frozen text vectors: ridge regression from templates of four fifths of the
columns' values to the items that have them. It is asked in words that it was not trained on, for values that
it knows and for new ones, alone, and taking part as far as the prompt is near to a template (`gated`). The
scores that are steered come from what followed the items of a history. `order` is Spearman's correlation
with the scores before, among the items that a prompt names.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.retrieval.best import best, standard
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.template import template_texts

Floats = NDArray[np.float32]
LEARNED = ("{}", "more {}", "{} please", "something in {}", "items of {}")
ASKED = ("I would like some {}", "show me {} now")
WEIGHTS = (0.3, 0.5)
K, USERS, PENALTY = 20, 60, 0.3


def named(dataset: Dataset, columns: list[str]) -> dict[str, NDArray[np.bool_]]:
    """The items of each value that five items have at least, and half of them at most."""
    table = dataset.item_table()
    found: dict[str, NDArray[np.bool_]] = {}
    for column in columns:
        for row, cell in enumerate(table[column].to_list()):
            for value in {part.strip() for part in str(cell or "").replace(" > ", ", ").split(", ")} - {""}:
                found.setdefault(value.lower(), np.zeros(len(table), dtype=bool))[row] = True
    return {value: found[value] for value in sorted(found) if 5 <= found[value].sum() <= len(table) // 2}


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


def fitted(prompts: Floats, wanted: Floats, items: Floats) -> Floats:
    """The matrix M for which prompts @ M @ items.T is nearest to `wanted`."""

    def gram(rows: Floats) -> Floats:
        product: Floats = rows.T @ rows
        product.flat[:: len(product) + 1] += PENALTY * np.trace(product) / len(product)
        return product

    left = np.linalg.solve(gram(prompts), prompts.T @ wanted @ items)
    return np.asarray(left @ np.linalg.inv(gram(items)), dtype=np.float32)


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
    relevant = named(dataset, columns)
    values = list(relevant)
    new = {values[place] for place in rng.permutation(len(values))[: max(2, len(values) // 5)]}
    learned = [(value, form.format(value)) for value in values if value not in new for form in LEARNED]
    prompts = encoder.encode([text for _, text in learned])
    wanted = np.stack([standard(relevant[value].astype(np.float32)) for value, _ in learned])
    head, users = fitted(prompts, wanted, items), histories_scores(dataset, rng)
    print(f"{len(items):,} items, {len(values)} values, {len(new)} of them new, {len(users)} users")
    found: dict[tuple[str, str, float], Any] = {}
    for value in values:
        for asked in encoder.encode([form.format(value) for form in ASKED]):
            plain, by_head = standard(items @ asked), standard(items @ (head.T @ asked))
            gate = np.float32(np.clip((float((prompts @ asked).max()) - 0.6) / 0.3, 0, 1))
            kinds = {"plain": plain, "head": by_head, "gated": (1 - gate) * plain + gate * by_head}
            there = relevant[value]
            for kind, similar in kinds.items():
                for weight in WEIGHTS:
                    pairs = [(own, (1 - weight) * own + weight * standard(similar)) for own in users]
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
