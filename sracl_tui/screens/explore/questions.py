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
    """Whom the answers are for, and by which rules."""

    user: str | None = None
    text: str = ""
    weight: float = 0.5
    until: str = "valid"
    include_seen: bool = False

    def arguments(self) -> dict[str, Any]:
        """Of the operation `recommend`."""
        asked: dict[str, Any] = {
            "user": self.user,
            "k": RECOMMENDED,
            "until": self.until,
            "rules": {"exclude_seen": "no" if self.include_seen else "yes"},
        }
        return asked | ({"text": self.text, "text_weight": self.weight} if self.text else {})

    def further(self) -> Question:
        """With more of the history read; from everything back to the training part."""
        order = list(PARTS_READ)
        return replace(self, until=order[(order.index(self.until) + 1) % len(order)])


@dataclass(frozen=True)
class Answers:
    """What is known about one question; None is not known yet.

    no_neighbors: why this run has no neighbors to show. missed: an attribution with its rank for each
    held-out item that is not in the list. milliseconds: what the explorer took for all of it.
    """

    history: Answer
    neighbors: Answer | None = None
    no_neighbors: str = ""
    recommended: Answer | None = None
    missed: tuple[Answer, ...] = ()
    milliseconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For an export."""
        return {
            "history": self.history,
            "neighbors": self.neighbors,
            "recommendations": self.recommended,
            "missed": self.missed,
        }


async def answers_to(client: QueryClient, question: Question) -> AsyncIterator[Answers]:
    """The answers to `question`, more complete each time. Raises QueryError for an unknown user."""
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
    known = replace(known, recommended=found, milliseconds=known.milliseconds + spent)
    yield known
    listed = {item["item"] for item in found["items"]}
    missed = []
    for part, held in (found.get("held_out") or {}).items():
        if held["item"] not in listed:
            why, _ = await client.ask("why", user=question.user, item=held["item"], until=question.until)
            missed.append({**held, "held_out": part, "score": None, "why": why})
    if missed:
        yield replace(known, missed=tuple(missed))
