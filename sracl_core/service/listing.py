"""The best items of many people at once, as a table."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval.topk import top_columns
from sracl_core.service.forms import COLUMNS

SCORES_AT_ONCE = 1 << 24
"""64 MB of scores: whatever the number of people, memory stays."""


class Lister:
    """Makes lists of `k` items with a run's encoder; whoever has no history gets the most popular ones."""

    def __init__(self, loaded: LoadedRun, k: int) -> None:
        self.encoder = loaded.encoder
        self.k = k
        self.items = pl.Series("item_id", loaded.dataset.items.ids, pl.String)
        counts = np.bincount(loaded.dataset.sequences.values, minlength=len(self.items) + 1)[1:]
        self.popularity = torch.from_numpy(counts.astype(np.float32))
        self.rows_at_once = max(1, SCORES_AT_ONCE // len(self.items))

    @torch.no_grad()
    def lists(self, names: pl.Series, histories: Sequences) -> pl.DataFrame:
        """The lists of `names`, R of them, as rows of `forms.COLUMNS`; what they have is left out."""
        scores_RN = self._scores(histories)
        rows = np.repeat(np.arange(len(histories)), histories.lengths)
        seen = torch.from_numpy(rows), torch.from_numpy(histories.values.astype(np.int64) - 1)
        scores_RN[seen] = -torch.inf
        values_RK, columns_RK = (part.numpy() for part in top_columns(scores_RN, self.k))
        left = values_RK > -np.inf
        row, place = np.nonzero(left)
        source = pl.Series("source", np.where(histories.lengths > 0, "history", "popular"))
        return pl.DataFrame(
            {
                "user_id": names.gather(row),
                "rank": place + 1,
                "item_id": self.items.gather(columns_RK[left]),
                "score": values_RK[left],
                "source": source.gather(row),
            },
            schema_overrides=COLUMNS,
        )

    def _scores(self, histories: Sequences) -> Tensor:
        """float32 [R, N], of the encoder; for an empty history the number of interactions."""
        known = np.flatnonzero(histories.lengths)
        rows = histories.take(known).latest(self.encoder.max_length)
        if len(known) == len(histories):
            return self.encoder.score(self.encoder.encode(rows), rows)
        scores_RN = self.popularity.repeat(len(histories), 1)
        if len(known):
            scores_RN[torch.from_numpy(known)] = self.encoder.score(self.encoder.encode(rows), rows)
        return scores_RN
