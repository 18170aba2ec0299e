"""The text that stands for a user: what a language model wrote, else the titles of the purchases."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sources import Sources
from sracl_core.errors import DataError
from sracl_core.semantics.llm.texts import Taken, llm_prefix_texts
from sracl_core.semantics.template import prefix_titles
from sracl_core.settings.models import RunConfig


class Profiles:
    """Texts of the users of a run's dataset; only the training part is told.

    taken: the texts of a language model that the run was trained on.
    """

    def __init__(self, config: RunConfig, sources: Sources, taken: Taken | None = None) -> None:
        self._taken = taken
        self.config = config
        self.sources = sources
        self._titles = sources.dataset.titles()
        self._latest = _latest_prefixes(sources.prefixes)
        self._written = self._written_texts()

    def of(self, user: int) -> tuple[str, Literal["titles", "llm"]]:
        """The text of `user` (an index), and who wrote it; "" without a training interaction."""
        train = self.sources.split.train.of(user)[-self.config.model.max_length :]
        titles = "; ".join(self._titles[item] for item in train[::-1].tolist())
        written = self._written.get(user)
        return (titles, "titles") if written is None else (written, "llm")

    def _written_texts(self) -> dict[int, str]:
        """What the model wrote about each user, where training read such texts and they are still there."""
        if self.config.semantics.users != "llm":
            return {}
        dataset, settings = self.sources.dataset, self.config.describe
        train = self.sources.split.train
        try:
            found = llm_prefix_texts(
                dataset, train, self._latest, settings.scope, settings.model, taken=self._taken
            )
        except DataError:
            return {}
        fallback = prefix_titles(self._latest, self._titles)
        told = zip(self._latest.users.tolist(), found.texts, fallback, strict=True)
        return {user: text for user, text, titles in told if text != titles}


def _latest_prefixes(prefixes: Prefixes) -> Prefixes:
    """The last training prefix of each user that has one."""
    last: NDArray[np.int64] = np.flatnonzero(np.diff(prefixes.users, append=-1))
    return Prefixes(prefixes.values, prefixes.users[last], prefixes.starts[last], prefixes.ends[last])
