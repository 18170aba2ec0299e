"""What goes into the prompts: facts of items and the train part of histories, nothing held out.

Every function takes the *train* sequences of a split, so that no held-out item can reach a prompt.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset
from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.seeding import generator
from sracl_core.semantics.llm.prompts import Prompt
from sracl_core.semantics.template import AFTERWARDS, DESCRIPTION_CHARACTERS, LINKS

CONTEXT_ITEMS = 11
TITLE_CHARACTERS = 150
VALUE_CHARACTERS = 200


class Subjects(Protocol):
    """Everything that a job describes, by row."""

    def __len__(self) -> int: ...

    def subject(self, row: int) -> str:
        """The name under which training finds the text again."""

    def prompt(self, row: int) -> str:
        """The text to send."""


def train_fingerprint(train: Sequences) -> str:
    """Names the train part of a split: texts that have seen another one must not be mixed in."""
    digest = hashlib.blake2b(np.ascontiguousarray(train.values).tobytes(), digest_size=8)
    digest.update(np.ascontiguousarray(train.offsets).tobytes())
    return digest.hexdigest()


def prefix_subject(items: NDArray[np.int32]) -> str:
    """The name of a prefix: by its items, so that equal prefixes share one text."""
    return hashlib.blake2b(np.ascontiguousarray(items, dtype="<i4").tobytes(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class ItemSubjects:
    """All items, the most bought (in the train part) first.

    contexts: purchase contexts in a prompt at most, drawn by `seed` from the train part.
    """

    dataset: Dataset
    train: Sequences
    prompts: Prompt
    contexts: int
    seed: int

    def __len__(self) -> int:
        return self.dataset.n_items

    def subject(self, row: int) -> str:
        """The item's id."""
        return self.dataset.items.id_of(int(self._order[row]))

    def prompt(self, row: int) -> str:
        """The item's facts and some purchases that led to it."""
        item = int(self._order[row])
        return self.prompts.render(
            {
                "title": self._titles[item],
                "facts": facts(self._table[item - 1]),
                "contexts": self._contexts_of(item),
            }
        )

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        counts = np.bincount(self.train.values, minlength=self.dataset.n_items + 1)[1:]
        return np.argsort(-counts, kind="stable") + 1

    @cached_property
    def _titles(self) -> list[str]:
        return short_titles(self.dataset)

    @cached_property
    def _table(self) -> list[dict[str, Any]]:
        return self.dataset.item_table().to_dicts()

    @cached_property
    def _occurrences(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Positions that have a predecessor, grouped by item; each position's sequence start."""
        starts = np.repeat(self.train.offsets[:-1], self.train.lengths)
        positions = np.flatnonzero(np.arange(len(self.train.values)) > starts)
        positions = positions[np.argsort(self.train.values[positions], kind="stable")]
        bounds = np.searchsorted(self.train.values[positions], np.arange(self.dataset.n_items + 2))
        return positions, bounds, starts

    def _contexts_of(self, item: int) -> list[list[str]]:
        positions, bounds, starts = self._occurrences
        found = positions[bounds[item] : bounds[item + 1]]
        if len(found) > self.contexts:
            rng = generator(self.seed, "describe", self.dataset.items.id_of(item))
            found = np.sort(rng.choice(found, self.contexts, replace=False))
        values = self.train.values
        return [
            [self._titles[before] for before in values[max(starts[at], at - CONTEXT_ITEMS) : at].tolist()]
            for at in found.tolist()
        ]


@dataclass(frozen=True)
class UserSubjects:
    """Every user with a training prefix: the latest `max_length` items of the train part."""

    dataset: Dataset
    train: Sequences
    prompts: Prompt
    max_length: int

    def __len__(self) -> int:
        return len(self._users)

    def subject(self, row: int) -> str:
        """The user's id."""
        return self.dataset.users.id_of(int(self._users[row]))

    def prompt(self, row: int) -> str:
        """The user's history."""
        return _history(self.prompts, self._titles, self.train.of(int(self._users[row]))[-self.max_length :])

    @cached_property
    def _users(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.train.lengths >= 2)

    @cached_property
    def _titles(self) -> list[str]:
        return short_titles(self.dataset)


@dataclass(frozen=True)
class PrefixSubjects:
    """Every training prefix, as in the paper."""

    dataset: Dataset
    prefixes: Prefixes
    prompts: Prompt

    def __len__(self) -> int:
        return len(self.prefixes)

    def subject(self, row: int) -> str:
        """The prefix, by its items."""
        return prefix_subject(self._items(row))

    def prompt(self, row: int) -> str:
        """The prefix as a history."""
        return _history(self.prompts, self._titles, self._items(row))

    def _items(self, row: int) -> NDArray[np.int32]:
        return self.prefixes.values[self.prefixes.starts[row] : self.prefixes.ends[row]]

    @cached_property
    def _titles(self) -> list[str]:
        return short_titles(self.dataset)


def facts(row: dict[str, Any]) -> list[dict[str, str]]:
    """An item's attributes beside its title, as {name, value}; ids, links and later statistics left out.

    >>> facts({"item_id": "a", "title": "Soap", "brand": "Acme", "price": 3.5, "stars": 4.1})
    [{'name': 'Brand', 'value': 'Acme'}, {'name': 'Price', 'value': '3.5'}]
    """
    found = []
    for name, value in row.items():
        if name.lower() in ("title", *AFTERWARDS) or LINKS.search(name):
            continue
        most = DESCRIPTION_CHARACTERS if name.lower() == "description" else VALUE_CHARACTERS
        text = _plain(value)[:most].strip()
        if text and text.casefold() not in ("nan", "none", "null"):
            found.append({"name": name.replace("_", " ").capitalize(), "value": text})
    return found


def short_titles(dataset: Dataset) -> list[str]:
    """N + 1 titles by item index, cut where they ramble."""
    return [_plain(title)[:TITLE_CHARACTERS] for title in dataset.titles()]


def _history(prompts: Prompt, titles: Sequence[str], items: NDArray[np.int32]) -> str:
    return prompts.render({"history": [titles[item] for item in items.tolist()]})


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(filter(None, (_plain(inner) for inner in value)))
    return " ".join(html.unescape(str(value)).split())
