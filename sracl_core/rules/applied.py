"""Rules made ready for one catalogue, and the choice of a list by them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.reading.base import cut
from sracl_core.errors import InputError, worded
from sracl_core.retrieval.best import best
from sracl_core.rules import NEAR, Rules
from sracl_core.rules.catalogue import Catalogue
from sracl_core.words import counted

OFTEN = 0.1
"""Share of repeats from which exclude_seen=auto lets a history's items come again."""
LEAST_POOL, POOL = 100, 10
"""A diverse list of k is chosen among the best POOL * k items, and at least LEAST_POOL."""

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Applied:
    """Rules whose columns, values and texts were looked up.

    allowed: bool [N], None where all are. groups: int64 [N], and `most` of each in a list. vectors:
    float32 [N, E] where `diversity` is above 0. notes: what a person should know.
    """

    hides_seen: bool
    allowed: NDArray[np.bool_] | None = None
    groups: Rows | None = None
    most: int = 0
    diversity: float = 0.0
    vectors: NDArray[np.float32] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def by_score(self) -> bool:
        """Whether a list is simply the best scores among the candidates."""
        return self.groups is None and not self.diversity

    def candidates(self, scores: Scores, seen: Rows) -> Scores:
        """`scores` [N] with -inf for what may not be in the list; seen: rows of the history's items."""
        found = scores.copy() if self.allowed is None else np.where(self.allowed, scores, np.float32(-np.inf))
        if self.hides_seen:
            found[seen] = -np.inf
        return found

    def choose(self, candidates: Scores, k: int) -> Rows:
        """Rows of at most `k` candidates, in the order of the list."""
        if self.by_score:
            return best(candidates, k)
        pool = max(LEAST_POOL, POOL * k)
        while True:
            rows = best(candidates, pool)
            chosen = self.chosen_of(rows, candidates[rows], k)
            if len(chosen) == k or len(rows) < pool:
                return chosen
            pool *= 8

    def chosen_of(self, rows: Rows, scores: Scores, k: int) -> Rows:
        """The list out of a pool: `rows` [P] with their `scores`, best first.

        Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998, doi 10.1145/290941.291025): each
        next item maximizes (1 - d) * score - d * likeness, the score scaled to 0..1 over the pool, the
        likeness the highest cosine with an item that is chosen.
        """
        spread = float(scores[0] - scores[-1]) if len(scores) else 0.0
        value = (1.0 - self.diversity) * ((scores - scores[-1:]) / max(spread, 1e-9)).astype(np.float64)
        likeness = np.full(len(rows), -1.0)
        free = np.ones(len(rows), dtype=bool)
        counts: dict[int, int] = {}
        chosen: list[int] = []
        while len(chosen) < k and free.any():
            gain = value - self.diversity * np.maximum(likeness, 0.0)
            place = int(np.where(free, gain, -np.inf).argmax())
            chosen.append(place)
            free[place] = False
            if self.groups is not None:
                group = int(self.groups[rows[place]])
                counts[group] = counts.get(group, 0) + 1
                if counts[group] >= self.most:
                    free &= self.groups[rows] != group
            if self.vectors is not None:
                np.maximum(likeness, self.vectors[rows] @ self.vectors[rows[place]], out=likeness)
        return rows[np.array(chosen, dtype=np.int64)]

    def said_of(self, found: int, k: int) -> list[str]:
        """What to say of a list of `found` items where `k` were asked for."""
        if found >= k:
            return []
        return [f"{found} of {counted(k, 'item')}: the rules and the history leave no more"]


def apply(rules: Rules, catalogue: Catalogue) -> Applied:
    """Look up what the rules name. Raises InputError for an unknown column, value, id or text."""
    notes: list[str] = []
    if rules.not_like is None and rules.not_like_from != NEAR:
        raise InputError("--not-like-from says what is near to --not-like; give a text, or leave it out")
    hides_seen = rules.exclude_seen == "yes"
    if rules.exclude_seen == "auto":
        hides_seen = catalogue.repeats < OFTEN
        if not hides_seen:
            notes.append(
                f"{catalogue.repeats:.0%} of the interactions are repeats, so items of the history may come "
                + worded("again; --exclude-seen yes leaves them out")
            )
    groups, most = _limit(rules, catalogue)
    return Applied(
        hides_seen=hides_seen,
        allowed=_allowed(rules, catalogue, notes),
        groups=groups,
        most=most,
        diversity=rules.diversity,
        vectors=catalogue.vectors() if rules.diversity else None,
        notes=notes,
    )


def _allowed(rules: Rules, catalogue: Catalogue, notes: list[str]) -> NDArray[np.bool_] | None:
    allowed = np.ones(len(catalogue), dtype=bool)
    by_column: dict[str, NDArray[np.bool_]] = {}
    for condition in rules.only:
        name, fits = catalogue.where(condition)
        by_column[name] = by_column.get(name, np.zeros_like(fits)) | fits
    for fits in by_column.values():
        allowed &= fits
    for condition in rules.without:
        allowed &= ~catalogue.where(condition)[1]
    rows = {name: catalogue.rows.get(name, catalogue.rows.get(name.strip())) for name in rules.exclude}
    allowed[[row for row in rows.values() if row is not None]] = False
    if unknown := [name for name, row in rows.items() if row is None]:
        # A shop's list of what is sold out knows items that the run has never seen.
        notes.append(f"{len(unknown):,} of the excluded ids are no items of the run ({cut(unknown[0])})")
    if rules.min_popularity:
        allowed &= catalogue.popularity >= rules.min_popularity
    if rules.not_like is not None:
        near = catalogue.vectors() @ catalogue.encode([rules.not_like])[0] >= rules.not_like_from
        notes.append(
            f"{counted(int(near.sum()), 'item is', 'items are')} near to '{rules.not_like}' and left out"
        )
        allowed &= ~near
    if allowed.all():
        return None
    if not allowed.any():
        notes.append("the rules leave no item at all")
    return allowed


def _limit(rules: Rules, catalogue: Catalogue) -> tuple[Rows | None, int]:
    if rules.at_most is None:
        return None, 0
    count, _, column = (part.strip() for part in rules.at_most.partition(":"))
    if not re.fullmatch("0*[1-9][0-9]{0,8}", count) or not column:
        raise InputError(f"--at-most is '{rules.at_most}'; give N:COLUMN, such as 2:category")
    return catalogue.groups(column), int(count)
