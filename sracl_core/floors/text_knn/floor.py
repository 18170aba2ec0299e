"""Cosine of the mean of the history's text vectors with each item's."""

from __future__ import annotations

import numpy as np

from sracl_core.data.sequences import Sequences
from sracl_core.floors.base import Counts, Floats, ScoringFloor, histories_matrix
from sracl_core.floors.text_knn import Settings


class Floor(ScoringFloor):
    """The order is that of the cosine; the history's length, which is the same for all, is not divided by."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        assert counts.item_vectors_NE is not None
        vectors = counts.item_vectors_NE
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.unit_NE = (vectors / np.maximum(length, 1e-12)).astype(np.float32)
        self.decay = settings.decay

    def score(self, rows: Sequences) -> Floats:
        history_RN = histories_matrix(rows, len(self.unit_NE), self.decay).astype(np.float32)
        scores: Floats = (history_RN @ self.unit_NE) @ self.unit_NE.T
        return scores
