"""A run as what a service answers from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sracl_core.explorer.loading import LoadedRun
from sracl_core.progress import Progress
from sracl_core.service.exported import Model, Rows


def model_of(path: Path, dataset: Path | None = None, progress: Progress | None = None) -> Model:
    """Open a run for answers; users are those of its dataset, with all of their history."""
    loaded = LoadedRun.open(path, dataset, progress=progress)

    def scores(histories: Sequence[Rows]) -> NDArray[np.float32]:
        return loaded.scores([(rows + 1).astype(np.int32) for rows in histories])

    def history(user: str) -> Rows:
        items = loaded.dataset.sequences.of(loaded.dataset.users.index(user))
        return items.astype(np.int64) - 1

    return Model(loaded.run.name, {}, loaded.catalogue, loaded.titles[1:], scores, history)
