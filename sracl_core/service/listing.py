"""The best items of many people at once, as a table."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from sracl_core.data.sequences import Sequences
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval.topk import top_columns
from sracl_core.rules.applied import LEAST_POOL, POOL, Applied
from sracl_core.service.forms import COLUMNS

SCORES_AT_ONCE = 1 << 24
"""64 MB of scores: whatever the number of people, memory stays."""


class Lister:
    """Makes lists of `k` items with a run's encoder; whoever has no history gets the most popular ones."""

    def __init__(self, loaded: LoadedRun, k: int, rules: Applied) -> None:
        self.encoder, self.reach = loaded.encoder, loaded.config.model.reach
        self.k = k
        self.rules = rules
        self.hidden = None if rules.allowed is None else torch.from_numpy(~rules.allowed)
        self.pool = k if rules.by_score else max(LEAST_POOL, POOL * k)
        self.items = pl.Series("item_id", loaded.dataset.items.ids, pl.String)
        self.popularity = torch.from_numpy(loaded.catalogue.popularity.astype(np.float32))
        self.rows_at_once = max(1, SCORES_AT_ONCE // len(self.items))

    @torch.no_grad()
    def lists(self, names: pl.Series, histories: Sequences) -> pl.DataFrame:
        """The lists of `names`, R of them, as rows of `forms.COLUMNS`."""
        scores_RN = self._scores(histories)
        if self.hidden is not None:
            scores_RN.masked_fill_(self.hidden, -torch.inf)
        if self.rules.hides_seen:
            rows = np.repeat(np.arange(len(histories)), histories.lengths)
            scores_RN[rows, histories.values.astype(np.int64) - 1] = -torch.inf
        values_RK, columns_RK = (part.numpy() for part in top_columns(scores_RN, self.pool))
        if not self.rules.by_score:
            values_RK, columns_RK = self._chosen(scores_RN.numpy(), values_RK, columns_RK)
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

    def _chosen(
        self, scores_RN: NDArray[np.float32], values_RP: NDArray[np.float32], columns_RP: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and items [R, K] of the lists out of each row's pool; -inf where there are no more."""
        values_RK = np.full((len(scores_RN), self.k), -np.inf, dtype=np.float32)
        columns_RK = np.zeros((len(scores_RN), self.k), dtype=np.int64)
        for row, (values, columns) in enumerate(zip(values_RP, columns_RP, strict=True)):
            left = values > -np.inf
            chosen = self.rules.chosen_of(columns[left], values[left], self.k)
            if len(chosen) < self.k and left.all():
                chosen = self.rules.choose(scores_RN[row], self.k)
            values_RK[row, : len(chosen)] = scores_RN[row, chosen]
            columns_RK[row, : len(chosen)] = chosen
        return values_RK, columns_RK

    def _scores(self, histories: Sequences) -> Tensor:
        """float32 [R, N], of the encoder; for an empty history the number of interactions."""
        known = np.flatnonzero(histories.lengths)
        rows = histories.take(known).latest(self.reach)
        if len(known) == len(histories):
            return self.encoder.score(self.encoder.encode(rows), rows)
        scores_RN = self.popularity.repeat(len(histories), 1)
        if len(known):
            scores_RN[torch.from_numpy(known)] = self.encoder.score(self.encoder.encode(rows), rows)
        return scores_RN
