"""Questions about items."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import get_args

from sracl_core.errors import InputError
from sracl_core.explorer import answers
from sracl_core.explorer.item_answers import ItemCard, ItemMap, Layout, NearbyItems, Space
from sracl_core.explorer.item_card import ItemCards
from sracl_core.explorer.item_map import ItemMaps
from sracl_core.explorer.item_space import ItemSpace
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.matching import count, matches


class ItemQuestions:
    """The part of the explorer that finds items and tells of them."""

    loaded: LoadedRun

    def neighbors_of_item(self, item: str, k: int = 10) -> answers.ItemNeighbors:
        """The `k` items whose texts are nearest, by exact search; the item itself is not among them."""
        index = self.loaded.dataset.items.index(item)
        near = self._space.nearest("text", index, count(k))
        return answers.ItemNeighbors(self.loaded.item(index), near, "exact", None)

    def item(self, item: str, k: int = 10) -> ItemCard:
        """All about an item, with up to `k` neighbors of either kind, buyers and followers."""
        return self._cards.card(self.loaded.dataset.items.index(item), count(k))

    def search(self, text: str, k: int = 10) -> answers.SearchResults:
        """The `k` items whose texts are nearest to `text` in meaning."""
        scores = self.loaded.item_vectors @ self.loaded.texts([text])[0]
        return answers.SearchResults(text, self._space.similar(scores, count(k)))

    def items(self, prefix: str = "", limit: int = 200) -> answers.ItemMatches:
        """Items whose title starts with `prefix`, or whose id or title contains it; case is ignored."""
        found, total = matches(self._item_keys, prefix, limit)
        return answers.ItemMatches([self.loaded.item(row + 1) for row in found], total)

    def item_map(
        self,
        columns: int = 80,
        rows: int = 24,
        space: Space = "text",
        layout: Layout = "pca",
        window: Sequence[float] | None = None,
        color: str | None = None,
        only: str | None = None,
        places_of: Sequence[str] = (),
        wait: bool = True,
    ) -> ItemMap:
        """All items in the plane, drawn in `columns` times `rows` cells of a terminal.

        space: whether items are near by the vectors of their texts, or by those that the model learned.
        window: left, right, bottom, top of what is drawn; None is all of it. color: an attribute, "" for
        none, None for the category. only: the one group that is drawn. places_of: ids of items whose places
        are told. Raises InputError where the layout cannot be made; without `wait` NotReady while UMAP, which
        takes minutes for a large catalog, is at it in a process of its own.
        """
        _require(space, layout)
        asked = [self.loaded.dataset.items.index(item) for item in places_of]
        if window is not None and len(window) != 4:
            raise InputError(f"the window {list(window)} is not left, right, bottom, top")
        bounds = None if window is None else (window[0], window[1], window[2], window[3])
        return self._maps.window(space, layout, columns, rows, bounds, color, only, asked, wait)

    def items_at(
        self,
        x: float,
        y: float,
        width: float = 1.0,
        height: float = 1.0,
        k: int = 1,
        space: Space = "text",
        layout: Layout = "pca",
        color: str | None = None,
        only: str | None = None,
    ) -> NearbyItems:
        """The `k` items that lie nearest to a spot of the map, in a window of this width and height."""
        _require(space, layout)
        return self._maps.near(space, layout, (x, y), (width, height), count(k), color, only)

    @cached_property
    def _space(self) -> ItemSpace:
        return ItemSpace(self.loaded)

    @cached_property
    def _cards(self) -> ItemCards:
        return ItemCards(self.loaded, self._space)

    @cached_property
    def _maps(self) -> ItemMaps:
        return ItemMaps(self._space)

    @cached_property
    def _item_keys(self) -> list[str]:
        titles = self.loaded.titles[1:]
        ids = self.loaded.dataset.items.ids
        return [f"{title}\n{name}".lower() for title, name in zip(titles, ids, strict=True)]


def _require(space: str, layout: str) -> None:
    for name, value, known in (("space", space, Space), ("layout", layout, Layout)):
        if value not in get_args(known):
            raise InputError(f"{name} '{value}' is none of {', '.join(get_args(known))}")
