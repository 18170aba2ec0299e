"""Rules against the slow, obvious reading of what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.sequences import Sequences
from sracl_core.errors import InputError, in_flags
from sracl_core.rules import Rules
from sracl_core.rules.applied import apply
from sracl_core.rules.catalogue import Catalogue, popularity, repeat_share

N = 30
BRANDS = ["Acme", "Birch", None]
PATHS = ["Home > Lamps > Desk", "Home > Chairs", "Toys"]


def catalogue(seed: int = 0, repeats: float = 0.0) -> Catalogue:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((N, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns: dict[str, list[str | None]] = {
        "item_id": [f"i{row}" for row in range(N)],
        "brand": [BRANDS[at] for at in rng.integers(0, 3, N)],
        "category": [PATHS[at] for at in rng.integers(0, 3, N)],
    }
    return Catalogue(
        ids=[f"i{row}" for row in range(N)],
        columns=columns,
        popularity=rng.integers(0, 20, N),
        repeats=repeats,
        vectors=lambda: vectors,
        encode=lambda texts: vectors[[int(text) for text in texts]],
    )


def listed(rules: dict[str, Any], items: Catalogue, scores: np.ndarray, k: int, seen: list[int]) -> list[int]:
    applied = apply(Rules(**rules), items)
    return applied.choose(applied.candidates(scores, np.array(seen, dtype=np.int64)), k).tolist()


def slow_list(
    rules: dict[str, Any], items: Catalogue, scores: np.ndarray, k: int, seen: list[int]
) -> list[int]:
    """One item after the other, each asked every rule; no diversity."""
    chosen: list[int] = []
    for row in sorted(range(N), key=lambda row: (-scores[row], row)):
        cells = {name: column[row] for name, column in items.columns.items()}

        def fits(condition: str, cells: dict[str, str | None] = cells) -> bool:
            name, value = condition.split("=")
            cell = (cells[name] or "").lower()
            return value.lower() in (cell, *cell.split(" > "))

        names = {condition.split("=")[0] for condition in rules.get("only", [])}
        wanted = all(any(fits(one) for one in rules["only"] if one.split("=")[0] == name) for name in names)
        most, _, column = rules.get("at_most", "99:item_id").partition(":")
        alike = [other for other in chosen if items.columns[column][other] == cells[column] is not None]
        if (
            wanted
            and not any(fits(one) for one in rules.get("without", []))
            and row not in seen
            and f"i{row}" not in rules.get("exclude", [])
            and items.popularity[row] >= rules.get("min_popularity", 0)
            and len(alike) < int(most)
        ):
            chosen.append(row)
    return chosen[:k]


CONDITIONS = st.sampled_from(
    ["brand=Acme", "brand=birch", "category=Home", "category=toys", "category=lamps"]
)


@settings(max_examples=80, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "only": st.lists(CONDITIONS, max_size=3),
            "without": st.lists(CONDITIONS, max_size=2),
            "exclude": st.lists(st.sampled_from([f"i{row}" for row in range(N)]), max_size=5),
            "min_popularity": st.integers(0, 15),
            "at_most": st.sampled_from(["1:brand", "2:category", "3:brand"]),
        },
    ),
    st.integers(1, 12),
    st.integers(0, 999),
)
def test_a_list_is_what_the_rules_say(rules: dict[str, Any], k: int, seed: int) -> None:
    items = catalogue(seed % 7)
    rng = np.random.default_rng(seed)
    scores = rng.permutation(N).astype(np.float32)
    seen = rng.integers(0, N, 3).tolist()
    assert listed(rules, items, scores, k, seen) == slow_list(rules, items, scores, k, seen)


def test_diversity_trades_score_for_unlikeness() -> None:
    items = catalogue(3)
    scores = np.arange(N, 0, -1).astype(np.float32)
    vectors = items.vectors()

    def alike(rows: list[int]) -> float:
        cosines = vectors[rows] @ vectors[rows].T
        return float((cosines.sum() - len(rows)) / (len(rows) * (len(rows) - 1)))

    plain, some, much = (listed({"diversity": d}, items, scores, 8, []) for d in (0.0, 0.5, 0.9))
    assert plain == list(range(8))
    assert some[0] == much[0] == 0
    assert alike(plain) > alike(some) > alike(much)
    value = (scores - 1) / (N - 1)
    chosen = [0]
    while len(chosen) < 8:
        gains = [
            -9.0
            if row in chosen
            else 0.5 * value[row] - 0.5 * max(0.0, (vectors[chosen] @ vectors[row]).max())
            for row in range(N)
        ]
        chosen.append(int(np.argmax(gains)))
    assert some == chosen


def test_a_limit_looks_beyond_its_pool() -> None:
    items = catalogue()
    many = 3000
    wide = Catalogue(
        [str(row) for row in range(many)],
        {"kind": ["a"] * (many - 2) + ["b", "c"]},
        np.ones(many, dtype=np.int64),
        0.0,
        items.vectors,
        items.encode,
    )
    assert listed({"at_most": "1:kind"}, wide, np.arange(many, 0, -1).astype(np.float32), 3, []) == [
        0,
        many - 2,
        many - 1,
    ]


def test_what_is_near_to_a_text_is_left_out() -> None:
    items = catalogue(1)
    near = set(np.flatnonzero(items.vectors() @ items.vectors()[4] >= 0.4).tolist())
    applied = apply(Rules(not_like="4"), items)
    assert 4 in near
    assert set(np.flatnonzero(applied.allowed).tolist()) == set(range(N)) - near
    assert applied.notes == [f"{len(near)} items are near to '4' and left out"]


def test_seen_items_come_again_where_people_come_back() -> None:
    scores = np.arange(N, 0, -1).astype(np.float32)
    shops = {share: catalogue(repeats=share) for share in (0.0, 0.6)}
    for share, rule, first in ((0.0, "auto", 1), (0.6, "auto", 0), (0.6, "yes", 1), (0.0, "no", 0)):
        assert listed({"exclude_seen": rule}, shops[share], scores, 1, [0]) == [first]
    note = apply(Rules(), shops[0.6]).notes[0]
    assert "60% of the interactions are repeats" in note
    assert "again; exclude_seen yes leaves" in note
    with in_flags():
        assert "again; --exclude-seen yes leaves" in apply(Rules(), shops[0.6]).notes[0]
    log = Sequences.from_lists([[1, 2, 1, 1], [2, 3], []])
    assert repeat_share(log) == pytest.approx(2 / 6)
    assert popularity(log, 4).tolist() == [3, 2, 1, 0]


def test_too_few_are_said() -> None:
    items = catalogue()
    applied = apply(Rules(only=["brand=Acme"]), items)
    acme = items.columns["brand"].count("Acme")
    rows = applied.choose(applied.candidates(np.zeros(N, np.float32), np.array([], np.int64)), N)
    assert len(rows) == acme
    assert applied.said_of(len(rows), N) == [f"{acme} of {N} items: the rules and the history leave no more"]
    assert apply(Rules(exclude=["i1", "gone"]), items).notes == [
        "1 of the excluded ids are no items of the run (gone)"
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"only": ["brnd=Acme"]}, "no column 'brnd'; did you mean 'brand'"),
        ({"only": ["brand=Acmee"]}, "no item has brand 'Acmee'; did you mean 'acme'"),
        ({"without": ["brand"]}, "is not COLUMN=VALUE"),
        ({"at_most": "brand"}, "give N:COLUMN"),
        ({"at_most": "0:brand"}, "give N:COLUMN"),
        ({"not_like_from": 0.2}, "what is near to not_like; give a text"),
        ({"at_most": "2:kind"}, "no column 'kind'; there is item_id, brand, category"),
    ],
)
def test_a_rule_that_cannot_be_kept_names_the_nearest(rules: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        apply(Rules(**rules), catalogue())


def test_a_rule_is_named_as_it_was_given() -> None:
    with pytest.raises(InputError) as caught:
        apply(Rules(at_most="2"), catalogue())
    assert str(caught.value).startswith("at_most is '2'")
    with in_flags():
        assert str(caught.value).startswith("--at-most is '2'")
        with in_flags(False):
            assert str(caught.value).startswith("at_most is '2'")
