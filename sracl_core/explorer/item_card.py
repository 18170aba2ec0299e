"""All about one item: attributes, text, popularity, neighbors, buyers, and what follows it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import DataError, InputError
from sracl_core.evaluation.groups import bands
from sracl_core.explorer.answers import Part, SimilarItem
from sracl_core.explorer.item_answers import Band, Buyer, Follower, ItemCard, Popularity
from sracl_core.explorer.item_space import ItemSpace
from sracl_core.explorer.loading import LoadedRun
from sracl_core.semantics.template import describe_table
from sracl_core.semantics.texts import item_texts
from sracl_core.training import inputs

BANDS: tuple[Band, ...] = ("head", "middle", "tail", "new")
CURVE = 60
"""Places of the long tail that are told."""


class ItemCards:
    """Cards of a run's items, N of them."""

    def __init__(self, loaded: LoadedRun, space: ItemSpace) -> None:
        self.loaded = loaded
        self.space = space
        self.table = loaded.dataset.item_table()
        values = loaded.sources.split.train.values
        self.training = np.bincount(values, minlength=loaded.dataset.n_items + 1)[1:]
        self.order = np.argsort(-self.training, kind="stable")
        self.bands = bands(self.training)
        self._written = self._written_texts()

    def card(self, index: int, k: int) -> ItemCard:
        """The card of item `index`, with `k` of each of its lists."""
        loaded = self.loaded
        text, kind = self._text(index)
        by_text: list[SimilarItem] = []
        no_text_vectors = ""
        try:
            by_text = self.space.nearest("text", index, k)
        except InputError as error:
            no_text_vectors = str(error)
        at = np.flatnonzero(loaded.dataset.sequences.values == index)
        rows = np.searchsorted(loaded.dataset.sequences.offsets, at, side="right") - 1
        return ItemCard(
            item=loaded.item(index),
            attributes=self._attributes(index),
            text=text,
            text_kind=kind,
            popularity=self._popularity(index, len(at), len(np.unique(rows))),
            by_text=by_text,
            by_model=self.space.nearest("model", index, k),
            no_text_vectors=no_text_vectors,
            users=self._buyers(at, rows, k),
            followed_by=self._followers(at, rows, k),
            added=index > loaded.trained.dataset.n_items,
        )

    def _attributes(self, index: int) -> list[tuple[str, str]]:
        row = self.table.row(index - 1, named=True)
        told = {name: _told(value) for name, value in row.items() if name != "item_id"}
        return [(name, value) for name, value in told.items() if value]

    def _text(self, index: int) -> tuple[str, Literal["template", "llm", "lost"]]:
        trained = self.loaded.trained.dataset.n_items
        if self.loaded.config.semantics.items == "llm" and index <= trained:
            return ("", "lost") if self._written is None else (self._written[index - 1], "llm")
        row = self.table.slice(index - 1, 1)
        return describe_table(row, self.table.head(trained)).texts[0], "template"

    def _written_texts(self) -> list[str] | None:
        """What a language model wrote about the items, where training read such texts and they are there."""
        loaded = self.loaded
        if loaded.config.semantics.items != "llm":
            return None
        try:
            return item_texts(loaded.config, loaded.trained, inputs.taken(loaded.run).get("item_texts")).texts
        except DataError:
            return None

    def _popularity(self, index: int, interactions: int, users: int) -> Popularity:
        count = int(self.training[index - 1])
        falling = self.training[self.order]
        rank = int(np.searchsorted(-falling, -count, side="left")) + 1
        n_items = len(falling)
        places = np.linspace(0, n_items - 1, min(CURVE, n_items)).astype(np.int64)
        return Popularity(
            interactions=interactions,
            users=users,
            training=count,
            rank=rank,
            items=n_items,
            band=BANDS[self.bands[index - 1]],
            curve=falling[places].tolist(),
            place=int(np.searchsorted(places, rank - 1, side="right")) - 1,
        )

    def _buyers(self, at: NDArray[np.int64], rows: NDArray[np.int64], k: int) -> list[Buyer]:
        dataset = self.loaded.dataset
        times = dataset.timestamps[at]
        latest: dict[int, int] = {}
        for place in np.argsort(-times, kind="stable").tolist():
            latest.setdefault(int(rows[place]), place)
            if len(latest) == k:
                break
        often = Counter(rows.tolist())
        found = []
        for row, place in latest.items():
            part: Part = self.loaded.histories.parts(row)[int(at[place] - dataset.sequences.offsets[row])]
            found.append(Buyer(dataset.users.ids[row], times[place].item(), often[row], part))
        return found

    def _followers(self, at: NDArray[np.int64], rows: NDArray[np.int64], k: int) -> list[Follower]:
        sequences = self.loaded.dataset.sequences
        inside = at + 1 < sequences.offsets[rows + 1]
        following, counts = np.unique(sequences.values[at[inside] + 1], return_counts=True)
        first = np.argsort(-counts, kind="stable")[:k]
        named = self.loaded.items(following[first])
        return [
            Follower(one.item, one.title, times=times, share=times / int(counts.sum()))
            for one, times in zip(named, counts[first].tolist(), strict=True)
        ]


def _told(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(part for part in map(_told, value) if part)
    return "" if value is None else str(value).strip()
