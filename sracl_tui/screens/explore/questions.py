"""What the Explore screen asks about a user, in which order, and what it knows so far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sracl_tui.screens.explore.query_client import QueryClient, QueryError

Answer = Mapping[str, Any]
NEIGHBORS = 10
RECOMMENDED = 20
PARTS_READ = {"train": {"train"}, "valid": {"train", "valid"}, "test": {"train", "valid", "test"}}
"""For each value of `until`, the parts of the split that the encoder reads."""


@dataclass(frozen=True)
class Question:
    """Whom the answers are for, and by which rules; `run` is the name of who is asked."""

    user: str | None = None
    text: str = ""
    weight: float = 0.5
    until: str = "valid"
    include_seen: bool = False
    run: str = ""

    def arguments(self) -> dict[str, Any]:
        """Of the operation `recommend`."""
        asked: dict[str, Any] = {
            "user": self.user,
            "k": RECOMMENDED,
            "until": self.until,
            "rules": {"exclude_seen": "no" if self.include_seen else "yes"},
        }
        return asked | ({"text": self.text, "text_weight": self.weight} if self.text else {})

    @property
    def steered(self) -> bool:
        """Whether a text takes part."""
        return bool(self.text) and self.weight > 0

    def further(self) -> Question:
        """With more of the history read; from everything back to the training part."""
        order = list(PARTS_READ)
        return replace(self, until=order[(order.index(self.until) + 1) % len(order)])


@dataclass(frozen=True)
class Ranks:
    """Where items were before: `of` is in whose list, `rank` by item; one without a rank was not in it."""

    of: str
    rank: Mapping[str, int]


@dataclass(frozen=True)
class Answers:
    """What is known about one question; None is not known yet.

    no_neighbors: why this run has no neighbors to show. missed: an attribution with its rank for each
    held-out item that is not in the list. before: against what the list moved. milliseconds: what the
    explorer took for all of it.
    """

    history: Answer
    neighbors: Answer | None = None
    no_neighbors: str = ""
    recommended: Answer | None = None
    missed: tuple[Answer, ...] = ()
    before: Ranks | None = None
    milliseconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For an export."""
        return {
            "history": self.history,
            "neighbors": self.neighbors,
            "recommendations": self.recommended,
            "missed": self.missed,
        }


async def answers_to(
    client: QueryClient, question: Question, before: Ranks | None = None
) -> AsyncIterator[Answers]:
    """The answers to `question`, more complete each time. Raises QueryError for an unknown user.

    A steered list is held against that of the history alone, another one against `before`.
    """
    history, spent = await client.ask("history", user=question.user)
    known = Answers(history, milliseconds=spent)
    yield known
    try:
        neighbors, spent = await client.ask(
            "neighbors_of_user", user=question.user, k=NEIGHBORS, until=question.until
        )
        known = replace(known, neighbors=neighbors, milliseconds=known.milliseconds + spent)
    except QueryError as error:
        if client.state != "ready":
            raise
        known = replace(known, no_neighbors=str(error))
    yield known
    found, spent = await client.ask("recommend", why=True, **question.arguments())
    if question.steered:
        before = Ranks("the history alone", await ranks_of(client, replace(question, text=""), ids(found)))
    known = replace(known, recommended=found, before=before, milliseconds=known.milliseconds + spent)
    yield known
    listed = {item["item"] for item in found["items"]}
    missed = []
    for part, held in (found.get("held_out") or {}).items():
        if held["item"] not in listed:
            why, _ = await client.ask("why", user=question.user, item=held["item"], until=question.until)
            missed.append({**held, "held_out": part, "score": None, "why": why})
    if missed:
        yield replace(known, missed=tuple(missed))


def ids(found: Answer) -> list[str]:
    """The items of a list."""
    return [item["item"] for item in found["items"]]


async def ranks_of(client: QueryClient, question: Question, items: list[str]) -> dict[str, int]:
    """Where `items` are for this question, listed or not. Raises QueryError."""
    if not items:
        return {}
    told, _ = await client.ask("recommend", **{**question.arguments(), "k": 1, "ranks_of": items})
    return {one["item"]: one["rank"] for one in told["ranks_of"]}
