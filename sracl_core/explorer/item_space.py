"""How near items are: by the vectors of their texts, or by those that the model learned."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sracl_core.explorer.answers import SimilarItem
from sracl_core.explorer.item_answers import Space
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval.best import best


class ItemSpace:
    """The vectors of a run's items, N of them, in both spaces."""

    def __init__(self, loaded: LoadedRun) -> None:
        self.loaded = loaded

    def vectors(self, space: Space) -> NDArray[np.float32]:
        """float32 [N, E] of length 1 by "text", [N, D] of any length by "model".

        Raises InputError where the texts cannot be embedded.
        """
        return np.asarray(self.loaded.item_vectors) if space == "text" else self._learned

    @cached_property
    def _learned(self) -> NDArray[np.float32]:
        learned: NDArray[np.float32] = self.loaded.encoder.item_embeddings[1:].detach().float().numpy()
        return learned

    @cached_property
    def _lengths(self) -> NDArray[np.float32]:
        lengths: NDArray[np.float32] = np.sqrt(np.einsum("nd,nd->n", self._learned, self._learned))
        return np.maximum(lengths, np.float32(1e-12))

    def cosines(self, space: Space, index: int) -> NDArray[np.float32]:
        """Cosine of item `index` with every item, float32 [N]; 0 with one that has no direction."""
        vectors = self.vectors(space)
        products: NDArray[np.float32] = np.dot(vectors, vectors[index - 1])
        if space == "model":
            products = np.divide(products, self._lengths * self._lengths[index - 1])
        return products

    def nearest(self, space: Space, index: int, k: int) -> list[SimilarItem]:
        """The `k` nearest items to item `index`, without itself."""
        scores = self.cosines(space, index)
        scores[index - 1] = -np.inf
        return self.similar(scores, k)

    def similar(self, scores: NDArray[np.float32], k: int) -> list[SimilarItem]:
        """The `k` items with the highest scores, float32 [N]."""
        rows = best(np.asarray(scores), k)
        named = self.loaded.items(rows + 1)
        return [
            SimilarItem(one.item, one.title, float(scores[row])) for one, row in zip(named, rows, strict=True)
        ]
