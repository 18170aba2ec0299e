"""What a finished run answers: frozen, plain values, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "valid", "test"]
Until = Literal["train", "valid", "test"]
"""Where the history that is read ends: before the validation target ("train"), before the test
target ("valid"), or nowhere ("test")."""
Order = Literal["id", "rank", "gain", "length", "random"]
"""How users are listed: by id; the best rank of the test item, the greatest gain of another run and the
longest history first; or by chance."""


@dataclass(frozen=True)
class Item:
    """An item as a person reads it; the title is the id where there is none."""

    item: str
    title: str


@dataclass(frozen=True)
class HistoryItem(Item):
    """One interaction. `timestamp` as in the dataset; `part` is where the split puts it."""

    timestamp: float
    part: Part


@dataclass(frozen=True)
class History:
    """A user's interactions, oldest first. `profile` is their text, `profile_kind` how it was made."""

    user: str
    items: list[HistoryItem]
    profile: str
    profile_kind: Literal["titles", "llm"]
    lengths: dict[str, int]


@dataclass(frozen=True)
class SimilarItem(Item):
    """An item and the cosine of its text with what was asked."""

    similarity: float


@dataclass(frozen=True)
class ItemNeighbors:
    """The items whose texts are nearest to one item's, nearest first."""

    item: Item
    neighbors: list[SimilarItem]
    method: str
    recall: float | None


@dataclass(frozen=True)
class SearchResults:
    """Items by meaning, nearest first."""

    text: str
    results: list[SimilarItem]


@dataclass(frozen=True)
class UserNeighbor:
    """A prefix of another user: its first `length` purchases of training, of which `prefix` are read.

    `weight` is the synthesizer's among the neighbors returned (they sum to 1), None where the run
    has none; `next` is what that user bought next; `hits_held_out` says which of this user's
    held-out items that is.
    """

    user: str
    similarity: float
    weight: float | None
    length: int
    shared: list[Item]
    next: Item
    prefix: list[Item]
    hits_held_out: Part | None


@dataclass(frozen=True)
class UserNeighbors:
    """The prefixes whose text is nearest to a history's, nearest first."""

    user: str | None
    history: list[Item]
    method: str
    recall: float | None
    synthesizer: str
    neighbors: list[UserNeighbor]


@dataclass(frozen=True)
class HistoryEffect(Item):
    """How much the score falls without this item of the history; None when it is the only one."""

    position: int
    effect: float | None


@dataclass(frozen=True)
class HeldCount:
    """What of an item's score comes from how often the whole history holds it (`model.repeats=counted`).

    times: how often; older: of these, how many stand before what the encoder reads. part: of the score.
    effect: how much the score falls without one of the older ones, None where there are none.
    """

    times: int
    older: int
    part: float
    effect: float | None


@dataclass(frozen=True)
class NeighborEvidence:
    """A semantic neighbor that bought the item: right after its prefix (`next`), or ever (`bought`)."""

    user: str
    similarity: float
    weight: float | None
    bought: bool
    next: bool


@dataclass(frozen=True)
class Attribution:
    """What speaks for an item: see docs/explain.md for what it says and what not.

    count: None where the run does not count, or the history does not hold the item.
    """

    item: str
    title: str
    score: float
    history: list[HistoryEffect]
    count: HeldCount | None
    neighbors: list[NeighborEvidence]


@dataclass(frozen=True)
class Recommendation(Item):
    """One item of a list. `rank` counts from 1 in the order of `score`."""

    rank: int
    score: float
    encoder_score: float
    text_similarity: float | None
    seen: bool
    held_out: Part | None
    why: Attribution | None


@dataclass(frozen=True)
class HeldOut(Item):
    """A held-out item and its rank among the candidates; 1 is best, ties count against it."""

    rank: int


@dataclass(frozen=True)
class RankedItem(Item):
    """An item that was asked about: its score, and its rank by it; ties count against it."""

    rank: int
    score: float


@dataclass(frozen=True)
class Recommendations:
    """Items for a user or a raw history, best first.

    notes: what the rules did. ranks_of: where the items are that were asked about, listed or not.
    """

    user: str | None
    history: list[Item]
    until: Until | None
    items: list[Recommendation]
    held_out: dict[str, HeldOut]
    method: str
    text: str | None
    text_weight: float
    notes: list[str]
    ranks_of: list[RankedItem]


@dataclass(frozen=True)
class UserMatch:
    """A user whose id fits what was typed.

    rank: of the test item, as the evaluation wrote it; None where there is none. other_rank: another run's.
    """

    user: str
    interactions: int
    rank: int | None
    other_rank: int | None


@dataclass(frozen=True)
class UserMatches:
    """The first users that fit, and how many fit in all.

    no_ranks: why their ranks are not told, "" where they are.
    """

    users: list[UserMatch]
    total: int
    no_ranks: str


@dataclass(frozen=True)
class ItemMatches:
    """The first items that fit, and how many fit in all."""

    items: list[Item]
    total: int
