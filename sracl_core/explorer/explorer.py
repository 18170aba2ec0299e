"""The one class through which a finished run is asked; it holds no logic of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.remarks import on_texts
from sracl_core.errors import InputError, RunError
from sracl_core.explorer import answers
from sracl_core.explorer.attribution import NEIGHBORS, attribute
from sracl_core.explorer.histories import Query
from sracl_core.explorer.item_questions import ItemQuestions
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.matching import count
from sracl_core.explorer.neighboring import NearPrefixes, near_prefixes, neighbors_of
from sracl_core.explorer.recommending import Steering, recommend, with_reasons
from sracl_core.explorer.user_questions import UserQuestions
from sracl_core.progress import Progress
from sracl_core.rules import Rules
from sracl_core.rules.applied import apply

HALF = 0.5
"""How far a text steers a list where nobody says."""


class Explorer(UserQuestions, ItemQuestions):
    """Answers questions about a run with its best checkpoint, on the CPU.

    A history is either a `user` of the dataset, cut at `until`, or `history`: any item ids,
    oldest first, of anybody. Ids are the dataset's own strings; an unknown one raises
    UnknownIdError, which names the nearest.
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self.loaded = loaded

    @classmethod
    def open(
        cls,
        run_dir: Path | str,
        dataset: Path | str | None = None,
        text_encoder: str | None = None,
        progress: Progress | None = None,
    ) -> Explorer:
        """Open the run in `run_dir`; `dataset` is where its dataset lies now, when it was moved.

        `text_encoder` takes the sentence encoder of somebody else's run, see `LoadedRun.open`. `progress`
        hears of the texts that are encoded for an answer.
        Raises RunError or CheckpointError when it cannot be asked.
        """
        return cls(LoadedRun.open(run_dir, dataset, text_encoder, progress=progress))

    def info(self) -> dict[str, Any]:
        """What is asked here: run, dataset, sizes, how neighbors are found."""
        loaded = self.loaded
        return {
            "run": loaded.run.name,
            "path": str(loaded.run.path),
            "dataset": loaded.dataset.name,
            "users": loaded.dataset.n_users,
            "items": loaded.dataset.n_items,
            "added_items": len(loaded.added or ()),
            "interactions": loaded.dataset.n_interactions,
            "search": "exact" if loaded.pools_items else getattr(loaded.prefix_table, "method", "none"),
            "synthesizer": loaded.synthesizer_kind,
            "max_length": loaded.config.model.max_length,
        }

    def metrics(self) -> dict[str, Any]:
        """results.json: protocol, valid, test, best_epoch, seconds. Raises RunError before it exists."""
        found = self.loaded.run.results()
        if found is None:
            raise RunError(f"{self.loaded.run.path} has no results yet; `sracl evaluate` computes them")
        return found

    def history(self, user: str) -> answers.History:
        """A user's interactions, oldest first, each with the part of the split that it is in."""
        loaded = self.loaded
        index = loaded.dataset.users.index(user)
        parts = loaded.histories.parts(index)
        start = int(loaded.dataset.sequences.offsets[index])
        times = loaded.dataset.timestamps[start : start + len(parts)].tolist()
        items = loaded.dataset.sequences.of(index)
        shown = [
            answers.HistoryItem(named.item, named.title, time, part)
            for named, time, part in zip(loaded.items(items), times, parts, strict=True)
        ]
        lengths: dict[str, int] = {part: parts.count(part) for part in dict.fromkeys(parts)}
        profile, kind = loaded.profiles.of(index)
        return answers.History(user, shown, profile, kind, lengths)

    def recommend(
        self,
        user: str | None = None,
        history: Sequence[str] | None = None,
        k: int = 10,
        until: str = "valid",
        text: str | None = None,
        text_weight: float | None = None,
        why: bool = False,
        rules: Rules | None = None,
        ranks_of: Sequence[str] = (),
    ) -> answers.Recommendations:
        """The best `k` items. `text` pulls the list towards its meaning by `text_weight`, 0 to 1 (0.5).

        Where `rules` leave fewer than `k`, the answer's notes say so. `why` adds an attribution to each
        item. `ranks_of` are items whose ranks are told, wherever they are.
        """
        query = self._query(user, history, until)
        applied = apply(rules or Rules(), self.loaded.catalogue)
        asked = [self.loaded.dataset.items.index(item) for item in ranks_of]
        steering = self._steering(text, text_weight)
        found = recommend(self.loaded, query, count(k), applied, steering, asked)
        if not why or not found.items:
            return found
        indices = [self.loaded.dataset.items.index(item.item) for item in found.items]
        return with_reasons(found, attribute(self.loaded, query, indices, self._evidence(query)))

    def why(
        self,
        item: str,
        user: str | None = None,
        history: Sequence[str] | None = None,
        until: str = "valid",
    ) -> answers.Attribution:
        """What in the history and among the neighbors speaks for `item`, recommended or not."""
        query = self._query(user, history, until)
        index = self.loaded.dataset.items.index(item)
        return attribute(self.loaded, query, [index], self._evidence(query))[0]

    def neighbors_of_user(
        self,
        user: str | None = None,
        history: Sequence[str] | None = None,
        k: int = 10,
        until: str = "valid",
        distinct: bool = True,
    ) -> answers.UserNeighbors:
        """The training prefixes of others whose text is nearest; `distinct`: one for each user."""
        return neighbors_of(self.loaded, self._query(user, history, until), count(k), distinct)

    def without_text(self) -> list[str]:
        """A line about items that are near others by their ids' spelling only; [] where all have a text."""
        empty = (self.loaded.run.meta().get("semantics") or {}).get("items_without_text")
        return on_texts(empty if isinstance(empty, int) else 0, self.loaded.dataset.n_items)

    def encode_text(self, text: str) -> NDArray[np.float32]:
        """The vector of a text, float32 [E], of length 1; the first call loads the encoder."""
        vector: NDArray[np.float32] = self.loaded.texts([text])[0]
        return vector

    def _query(self, user: str | None, history: Sequence[str] | None, until: str) -> Query:
        if (user is None) == (history is None):
            raise InputError("give either a user or a history of item ids, not both and not neither")
        if user is not None:
            if not isinstance(user, str):
                raise InputError(f"user is {user!r}; an id is a string")
            return self.loaded.histories.of_user(user, until)
        return self.loaded.histories.raw(history or ())

    def _steering(self, text: str | None, weight: float | None) -> Steering | None:
        if text is None and weight:
            raise InputError("--text-weight is how far a text steers the list; give a text, or leave it out")
        weight = HALF if weight is None else weight
        if not 0.0 <= weight <= 1.0:
            raise InputError(f"--text-weight {weight} is outside 0 to 1")
        if text is None or weight == 0.0:
            return None
        similarities = self.loaded.item_vectors @ self.encode_text(text)
        return Steering(text, weight, similarities, self.loaded.catalogue.prompts.likeness(text))

    def _evidence(self, query: Query) -> NearPrefixes | None:
        """Neighbors for an attribution; None for a history that this run's texts cannot be asked for."""
        loaded = self.loaded
        if not loaded.pools_items and (
            loaded.prefix_table is None or not (loaded.prefixes.users == query.user).any()
        ):
            return None
        return near_prefixes(self.loaded, query, NEIGHBORS, distinct=True)
