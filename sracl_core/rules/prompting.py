"""What a prompt asks for: the meaning of its words, and what the shop itself calls by them.

Brands and genres mean little to a sentence encoder. So a head over its frozen vectors, after dense passage
retrieval (Karpukhin et al., EMNLP 2020, arXiv 2004.04906), learns from the values of the items' columns,
written as prompts, which items have them: a linear map by ridge regression. It takes part as far as a prompt
is near to one that it learned from; of any other it knows nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sracl_core.retrieval.best import standard

Floats = NDArray[np.float32]
TEMPLATES = ("{}", "more {}")
LEAST, MOST_SHARE, MOST_VALUES, LONGEST = 5, 0.5, 200, 40
"""A value is learned from that has so many items at least, such a share at most; the most frequent ones."""
PENALTY = 0.3
FAR, NEAR = 0.6, 0.9
"""Cosines of a prompt with the nearest that was learned from, between which the head comes in."""


class Prompts:
    """Likeness of the items to a prompt.

    vectors: of the items' texts, float32 [N, E] of length 1.
    encode: gives the vectors of T texts, float32 [T, E] of length 1.
    columns: the items' table, each column N cells.
    """

    def __init__(
        self,
        vectors: Floats,
        encode: Callable[[Sequence[str]], Floats],
        columns: Mapping[str, Sequence[str | None]],
    ) -> None:
        self._vectors, self._encode, self._columns = vectors, encode, columns

    def likeness(self, text: str) -> Floats:
        """How far each item is what the text asks for, float32 [N]; mean 0, standard deviation 1."""
        asked = self._encode([text])[0]
        plain = standard(self._vectors @ asked)
        learned, head = self._learned
        near = float((learned @ asked).max(initial=-1.0))
        share = np.float32(np.clip((near - FAR) / (NEAR - FAR), 0.0, 1.0))
        if not share:
            return plain
        return standard((1 - share) * plain + share * standard(self._vectors @ (head @ asked)))

    @cached_property
    def _learned(self) -> tuple[Floats, Floats]:
        """(the prompts that were learned from float32 [P, E], the head float32 [E, E])"""
        vectors = self._vectors
        named = named_items(self._columns.values(), len(vectors))
        texts = [form.format(value) for value in named for form in TEMPLATES]
        if not texts:
            return vectors[:0], np.zeros((0, 0), dtype=np.float32)
        learned = self._encode(texts)
        total = vectors.sum(axis=0, dtype=np.float64)
        # Of an indicator with mean 0 and deviation 1 over the items, its product with their vectors.
        aims = []
        for rows in named.values():
            share = len(rows) / len(vectors)
            aim = (vectors[rows].sum(axis=0) - share * total) / np.sqrt(share * (1 - share))
            aims += [aim] * len(TEMPLATES)
        left = np.linalg.solve(_gram(learned), learned.T @ np.stack(aims))
        return learned, np.linalg.solve(_gram(vectors), left.T).astype(np.float32)


def named_items(columns: Iterable[Sequence[str | None]], n_items: int) -> dict[str, NDArray[np.int64]]:
    """The rows of the items that have each value, in lower case, a cell's steps and parts each for itself.

    >>> columns = [["Tea > Green", "tea"] + ["cup"] * 9 + [None], ["1"] * 12]
    >>> {value: len(rows) for value, rows in named_items(columns, 20).items()}
    {'cup': 9}
    """
    tables = list(columns)
    counts = Counter(part for cells in tables for cell in cells for part in _parts(cell))
    often = {part for part, count in counts.items() if count >= LEAST}
    rows: dict[str, set[int]] = defaultdict(set)
    for cells in tables:
        for row, cell in enumerate(cells):
            for part in often.intersection(_parts(cell)):
                rows[part].add(row)
    fit = [
        value
        for value, items in rows.items()
        if LEAST <= len(items) <= MOST_SHARE * n_items
        and len(value) <= LONGEST
        and any(letter.isalpha() for letter in value)
    ]
    kept = sorted(fit, key=lambda value: (-len(rows[value]), value))[:MOST_VALUES]
    return {value: np.array(sorted(rows[value]), dtype=np.int64) for value in kept}


def _parts(cell: str | None) -> set[str]:
    return {part.strip() for part in (cell or "").lower().replace(" > ", ", ").split(", ")}


def _gram(rows: Floats) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (rows.T @ rows).astype(np.float64)
    product.flat[:: len(product) + 1] += PENALTY * np.trace(product) / len(product)
    return product
