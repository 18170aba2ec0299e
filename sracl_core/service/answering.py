"""The questions that a service is asked, answered by one model; plain values, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sracl_core.errors import InputError, SraclError, UnknownIdError, nearest
from sracl_core.retrieval.best import best, standard
from sracl_core.rules import LONGEST_TEXT, SOME_WORD, Rules, Whole, only_beside
from sracl_core.rules.applied import Applied, apply
from sracl_core.service.exported import Model, Rows
from sracl_core.words import counted

MOST, LONGEST_HISTORY = 1000, 10_000
"""Items of an answer and of a history, at most; a run that counts (`model.repeats`) reads the whole one."""
HALF = 0.5
"""How far a text steers a list where nobody says."""
KEPT_RULES = 64
Found = TypeVar("Found")


class Asked(BaseModel):
    """A question for a list: of a user of the run's dataset, or for the items of anybody's history."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": [one], "properties": {one: {"type": kind}, other: {"type": "null"}}}
                for one, kind, other in (("user", "string", "history"), ("history", "array", "user"))
            ],
            "anyOf": only_beside("more", "more_weight", HALF),
        },
    )

    user: str | None = Field(None, max_length=LONGEST_TEXT)
    history: list[str] | None = Field(None, max_length=LONGEST_HISTORY, description="Item ids, oldest first.")
    k: Whole = Field(10, ge=1, le=MOST)
    rules: Rules = Field(default_factory=Rules)
    more: str | None = Field(
        None,
        max_length=LONGEST_TEXT,
        description="Steer the list towards this meaning.",
        json_schema_extra=SOME_WORD,
    )
    more_weight: float = Field(HALF, ge=0.0, le=1.0)

    @property
    def has_text(self) -> bool:
        """Whether a sentence encoder has to read something for the answer."""
        return self.more is not None or self.rules.not_like is not None


class Answers:
    """Answers questions with one model. Raises InputError, UnknownIdError."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._keys = [
            f"{title}\n{name}".lower() for title, name in zip(model.titles, model.catalogue.ids, strict=True)
        ]
        self._applied: dict[str, Applied] = {}

    def recommend(self, asked: Asked) -> dict[str, Any]:
        """The list; where no item of the history is known, the most popular items, and source "popular"."""
        found = self.lists([asked])[0]
        if isinstance(found, SraclError):
            raise found
        return found

    def lists(self, questions: Sequence[Asked]) -> list[dict[str, Any] | SraclError]:
        """The list of each question, or why it has none. All of them are scored at once."""
        histories = [_or_error(self._history, asked) for asked in questions]
        known = {
            place: one[0] for place, one in enumerate(histories) if isinstance(one, tuple) and len(one[0])
        }
        scores = dict(zip(known, self.model.scores(list(known.values())), strict=True)) if known else {}
        return [
            one if isinstance(one, SraclError) else _or_error(self._list, asked, *one, scores.get(place))
            for place, (asked, one) in enumerate(zip(questions, histories, strict=True))
        ]

    def _list(
        self, asked: Asked, rows: Rows, unknown: list[str], scores: NDArray[np.float32] | None
    ) -> dict[str, Any]:
        rules, catalogue = self._rules(asked.rules), self.model.catalogue
        source = "popular" if scores is None else "history"
        scores = catalogue.popularity.astype(np.float32) if scores is None else scores
        if asked.more is not None and asked.more_weight:
            weight = np.float32(asked.more_weight)
            scores = (1 - weight) * standard(scores) + weight * catalogue.prompts.likeness(asked.more)
        chosen = rules.choose(rules.candidates(scores, rows), asked.k)
        notes = [
            *rules.notes,
            *rules.said_of(len(chosen), asked.k),
            *catalogue.said_of_added(chosen),
        ]
        if unknown:
            lost = counted(len(unknown), "item of the history is", "items of the history are")
            notes.append(f"{lost} not known: {', '.join(unknown[:3])}")
        return {
            "model": self.model.name,
            "source": source,
            "items": [
                {"rank": rank, **self._item(row), "score": score}
                for rank, (row, score) in enumerate(
                    zip(chosen.tolist(), scores[chosen].tolist(), strict=True), 1
                )
            ],
            "notes": notes,
        }

    def neighbors(self, item: str, k: int = 10) -> dict[str, Any]:
        """The items whose texts are nearest to one item's."""
        row, vectors = self._row(item), self.model.catalogue.vectors()
        scores = vectors @ vectors[row]
        scores[row] = -np.inf
        return {"item": self._item(row), "neighbors": self._similar(scores, k)}

    def similar_text(self, text: str, k: int = 10) -> dict[str, Any]:
        """The items whose texts are nearest to a text."""
        catalogue = self.model.catalogue
        return {"text": text, "items": self._similar(catalogue.vectors() @ catalogue.encode([text])[0], k)}

    def items(self, query: str = "", k: int = 10) -> dict[str, Any]:
        """The first items whose id or title contains what was typed, and how many do."""
        needle = query.strip().lower()
        rows = [row for row, key in enumerate(self._keys) if needle in key]
        return {"items": [self._item(row) for row in rows[:k]], "total": len(rows)}

    def health(self) -> dict[str, Any]:
        """That it answers, and with which model."""
        return {"ok": True, "model": self.model.name, "items": len(self.model.catalogue)}

    def _history(self, asked: Asked) -> tuple[Rows, list[str]]:
        """(rows of the known items int64 [L], ids of the others)"""
        if asked.more is None and asked.more_weight != HALF:
            raise InputError("more_weight is how far a text, more, steers; give one, or leave it out")
        if (asked.user is None) == (asked.history is None):
            raise InputError("give either a user or a history of item ids, not both and not neither")
        if asked.user is not None:
            if self.model.history is None:
                raise UnknownIdError("an export knows no users; give a history, or serve the run itself")
            return self.model.history(asked.user), []
        known = self.model.catalogue.rows
        rows = [known[name] for name in asked.history or () if name in known]
        return np.array(rows, dtype=np.int64), [name for name in asked.history or () if name not in known]

    def _rules(self, rules: Rules) -> Applied:
        """Rules looked up once: a shop asks with a handful of them."""
        key = rules.model_dump_json()
        if key not in self._applied:
            if len(self._applied) >= KEPT_RULES:
                self._applied.pop(next(iter(self._applied)), None)
            self._applied[key] = apply(rules, self.model.catalogue)
        return self._applied[key]

    def _row(self, item: str) -> int:
        rows = self.model.catalogue.rows
        if item not in rows:
            start = item[:2].casefold()
            alike = [name for name in self.model.catalogue.ids if name[:2].casefold() == start][:2000]
            raise UnknownIdError(f"there is no item '{item[:100]}'{nearest(item[:100], alike)}")
        return rows[item]

    def _item(self, row: int) -> dict[str, str]:
        return {"item": self.model.catalogue.ids[row], "title": self.model.titles[row]}

    def _similar(self, scores: NDArray[np.float32], k: int) -> list[dict[str, Any]]:
        rows = best(np.asarray(scores), k).tolist()
        return [{**self._item(row), "similarity": float(scores[row])} for row in rows]


def fault(first: Mapping[str, Any]) -> str:
    """What pydantic found wrong with a question, in one line: where, and what.

    >>> fault({"loc": ("body", "rules", "only"), "msg": "Field required"})
    'rules.only: Field required'
    """
    loc = first["loc"]
    inside = loc[1:] if loc[0:1] in (("query",), ("body",)) else ()
    where = ".".join(map(str, inside or loc))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _or_error(find: Callable[..., Found], *given: Any) -> Found | SraclError:
    try:
        return find(*given)
    except SraclError as error:
        return error
