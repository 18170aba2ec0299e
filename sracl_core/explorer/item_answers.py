"""What is answered about items: frozen, plain values, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sracl_core.explorer.answers import Item, Part, SimilarItem

Space = Literal["text", "model"]
"""What says how near two items are: the vectors of their texts, or those that the model learned."""
Layout = Literal["pca", "umap"]
Band = Literal["head", "middle", "tail", "new"]


@dataclass(frozen=True)
class Popularity:
    """Where an item stands among all.

    interactions, users: of the whole log. training: interactions of the training part, by which `rank` (1 is
    most, equal ones share it) and `band` go: head are the most popular items with half of all training
    interactions, middle those up to 80%, tail the rest, new those without any. curve: training interactions
    of the items at evenly spaced places from the most popular to the least; `place` is where in it this
    item stands.
    """

    interactions: int
    users: int
    training: int
    rank: int
    items: int
    band: Band
    curve: list[int]
    place: int


@dataclass(frozen=True)
class Buyer:
    """Somebody who has the item: when last, how often, and in which part of the split last."""

    user: str
    timestamp: float
    times: int
    part: Part


@dataclass(frozen=True)
class Follower(Item):
    """An item that was bought right after another, `times` times; `share` of all that was."""

    times: int
    share: float


@dataclass(frozen=True)
class ItemCard:
    """All about one item.

    attributes: (name, value) of every column that says something. text: what was embedded, `text_kind` by
    whom it was written; "lost" where a language model's answer is no longer there. by_text, by_model: the
    nearest items by the vectors of the texts, and by those that the model learned. no_text_vectors: why
    there are no neighbors by text, "" where there are. users: the latest buyers. followed_by: what was bought
    right after it, the most frequent first. added: whether it came after training.
    """

    item: Item
    attributes: list[tuple[str, str]]
    text: str
    text_kind: Literal["template", "llm", "lost"]
    popularity: Popularity
    by_text: list[SimilarItem]
    by_model: list[SimilarItem]
    no_text_vectors: str
    users: list[Buyer]
    followed_by: list[Follower]
    added: bool


@dataclass(frozen=True)
class Placed(Item):
    """An item on the map. `group`: what it is colored by; "" where it has none."""

    x: float
    y: float
    group: str


@dataclass(frozen=True)
class Group:
    """One color of the map: so many items in all, and in the window. The last one may stand for several."""

    name: str
    items: int
    shown: int


@dataclass(frozen=True)
class ItemMap:
    """A window on all items in the plane.

    explained: the share of the vectors' variance that each axis has; None for a layout without such axes.
    window: left, right, bottom, top. cells: (column, row from the top, dots, group, items) of each cell of
    the terminal that holds something; dots are the bits of a braille character, group the place in `groups`
    of most of its items. shown: items in the window. places: of the items that were asked for, wherever
    they are. columns: by which one may color.
    """

    space: Space
    layout: Layout
    explained: list[float] | None
    window: tuple[float, float, float, float]
    cells: list[tuple[int, int, int, int, int]]
    shown: int
    items: int
    color: str | None
    columns: list[str]
    groups: list[Group]
    places: list[Placed]


@dataclass(frozen=True)
class NearbyItems:
    """The items nearest to a spot of the map, nearest first."""

    items: list[Placed]
