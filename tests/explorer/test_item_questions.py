"""Cards of items and windows of the map against the slow, obvious computation."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sracl_core.errors import InputError, NotReady, SraclError
from sracl_core.explorer import Explorer
from sracl_core.explorer.item_layout import principal_plane
from sracl_core.explorer.umap_layout import UmapLayout, _work
from sracl_core.semantics.texts import item_texts
from tests.trained import Shop

ITEM = "tea-003"


@pytest.fixture(scope="module")
def explorer(shop: Shop) -> Iterator[Explorer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
        yield Explorer.open(shop.run)


@pytest.fixture(scope="module")
def log(explorer: Explorer) -> list[list[str]]:
    """Everybody's items, oldest first."""
    users = explorer.users(limit=2000).users
    return [[item.item for item in explorer.history(one.user).items] for one in users]


def test_a_card_has_what_the_table_says_and_what_was_embedded(explorer: Explorer) -> None:
    card = explorer.item(ITEM)
    row = explorer.loaded.dataset.item_table().filter(pl.col("item_id") == ITEM).to_dicts()[0]
    assert dict(card.attributes) == {
        name: value for name, value in row.items() if name != "item_id" and value
    }
    texts = item_texts(explorer.loaded.config, explorer.loaded.trained).texts
    for index in range(1, 400, 37):
        name = explorer.loaded.dataset.items.id_of(index)
        assert explorer.item(name, 1).text == texts[index - 1]
    assert (card.text_kind, card.added, card.no_text_vectors) == ("template", False, "")
    json.dumps(asdict(card), allow_nan=False)


def test_neighbors_of_both_kinds(explorer: Explorer) -> None:
    card = explorer.item(ITEM, k=398)
    assert card.by_text == explorer.neighbors_of_item(ITEM, k=398).neighbors
    learned = explorer.loaded.encoder.item_embeddings.detach().numpy()[1:]
    index = explorer.loaded.dataset.items.index(ITEM) - 1
    ids = explorer.loaded.dataset.items.ids
    for near in card.by_model[::40]:
        other = learned[ids.index(near.item)]
        cosine = other @ learned[index] / np.linalg.norm(other) / np.linalg.norm(learned[index])
        assert near.similarity == pytest.approx(cosine, abs=1e-5)
    similarities = [near.similarity for near in card.by_model]
    assert similarities == sorted(similarities, reverse=True)
    assert len({near.item for near in card.by_model} - {ITEM}) == 398


def test_who_has_it_and_what_follows_it(explorer: Explorer, log: list[list[str]]) -> None:
    card = explorer.item(ITEM, k=400)
    users = [one.user for one in explorer.users(limit=2000).users]
    having = {user for user, items in zip(users, log, strict=True) if ITEM in items}
    assert {buyer.user for buyer in card.users} == having
    for buyer in card.users:
        own = [item for item in explorer.history(buyer.user).items if item.item == ITEM]
        assert (buyer.times, buyer.part, buyer.timestamp) == (len(own), own[-1].part, own[-1].timestamp)
    stamps = [buyer.timestamp for buyer in card.users]
    assert stamps == sorted(stamps, reverse=True)
    after = Counter(b for items in log for a, b in pairwise(items) if a == ITEM)
    assert {one.item: one.times for one in card.followed_by} == after
    assert sum(one.share for one in card.followed_by) == pytest.approx(1.0)
    assert [one.times for one in card.followed_by] == sorted(after.values(), reverse=True)


def test_the_place_in_the_long_tail(explorer: Explorer, log: list[list[str]]) -> None:
    train = Counter(item for items in log for item in items[:-2])
    whole = Counter(item for items in log for item in items)
    bands = Counter()
    for name in explorer.loaded.dataset.items.ids[::10]:
        told = explorer.item(name, 1).popularity
        assert (told.training, told.interactions) == (train[name], whole[name])
        assert told.rank == 1 + sum(count > train[name] for count in train.values())
        assert told.users == sum(name in items for items in log)
        assert told.curve == sorted(told.curve, reverse=True)
        assert told.curve[told.place] >= told.training
        ahead = sum(count for count in train.values() if count > told.training) / sum(train.values())
        assert (told.band == "tail") <= (ahead < 1.0)
        assert told.band != "head" or ahead < 0.5
        bands[told.band] += 1
    assert {"head", "middle", "tail"} <= set(bands)


def test_the_plane_is_that_of_the_singular_vectors(explorer: Explorer) -> None:
    vectors = np.asarray(explorer.loaded.item_vectors)
    centered = vectors - vectors.mean(axis=0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    plane = principal_plane(vectors)
    expected = u[:, :2] * s[:2]
    signs = np.sign((plane.xy * expected).sum(axis=0))
    np.testing.assert_allclose(plane.xy, expected * signs, atol=2e-4)
    assert plane.explained == pytest.approx((s[:2] ** 2 / (s**2).sum()).tolist(), rel=1e-4)
    one_way = principal_plane(np.ones((5, 3), np.float32))
    assert np.abs(one_way.xy).max() < 1e-6
    assert one_way.explained == [0.0, 0.0]
    assert principal_plane(np.ones((3, 1), np.float32)).xy.shape == (3, 2)


@pytest.mark.parametrize("space", ["text", "model"])
@pytest.mark.parametrize("window", [None, (-0.2, 0.3, -0.1, 0.2)])
def test_every_item_of_the_window_has_its_dot(explorer: Explorer, space: Any, window: Any) -> None:
    columns, rows = 30, 9
    ids = explorer.loaded.dataset.items.ids
    found = explorer.item_map(columns, rows, space=space, window=window, places_of=ids)
    left, right, bottom, top = found.window
    lit: dict[tuple[int, int], set[tuple[int, int]]] = {}
    groups: dict[tuple[int, int], list[str]] = {}
    names = [group.name for group in found.groups]
    for place in found.places:
        if not (left <= place.x < right and bottom < place.y <= top):
            continue
        x = int((place.x - left) / (right - left) * columns * 2)
        y = int((top - place.y) / (top - bottom) * rows * 4)
        lit.setdefault((x // 2, y // 4), set()).add((x % 2, y % 4))
        groups.setdefault((x // 2, y // 4), []).append(place.group if place.group in names else "other")
    bits = {(0, 0): 1, (0, 1): 2, (0, 2): 4, (1, 0): 8, (1, 1): 16, (1, 2): 32, (0, 3): 64, (1, 3): 128}
    assert {(c, r): dots for c, r, dots, _, _ in found.cells} == {
        cell: sum(bits[dot] for dot in dots) for cell, dots in lit.items()
    }
    for column, row, _, group, count in found.cells:
        held = Counter(groups[column, row])
        assert count == held.total()
        assert held[names[group]] == max(held.values())
    assert found.shown == sum(count for *_, count in found.cells)
    assert window is not None or found.shown == 399
    assert sum(group.items for group in found.groups) == 399
    assert sum(group.shown for group in found.groups) == found.shown
    assert len(found.groups) == 12
    assert found.color == found.columns[0] == "category"


def test_one_group_alone(explorer: Explorer) -> None:
    found = explorer.item_map(40, 10, only="Camping")
    camping = next(group for group in found.groups if group.name == "Camping")
    assert {found.groups[cell[3]].name for cell in found.cells} == {"Camping"}
    assert found.shown == camping.items == camping.shown
    near = explorer.items_at(0.0, 0.0, k=50, only="Camping").items
    assert {one.group for one in near} == {"Camping"}
    assert len(near) == camping.items
    assert explorer.item_map(40, 10, color="brand").color == "brand"
    plain = explorer.item_map(40, 10, color="")
    assert [(group.name, group.items) for group in plain.groups] == [("items", 399)]


def test_what_lies_at_a_spot(explorer: Explorer) -> None:
    ids = explorer.loaded.dataset.items.ids
    places = explorer.item_map(places_of=ids).places
    spot, extent = (0.1, -0.05), (2.0, 0.5)
    by_distance = sorted(
        places, key=lambda p: ((p.x - spot[0]) / extent[0]) ** 2 + ((p.y - spot[1]) / extent[1]) ** 2
    )
    found = explorer.items_at(*spot, *extent, k=7).items
    assert [one.item for one in found] == [one.item for one in by_distance[:7]]
    assert len(explorer.items_at(0.0, 0.0, k=1000).items) == 399


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda e: e.item("tea-033x"), "item 'tea-033x'"),
        (lambda e: e.item(ITEM, 0), "k is 0"),
        (lambda e: e.item_map(0, 5), "0 x 5 cells"),
        (lambda e: e.item_map(5, 10_000), "cells is not one of"),
        (lambda e: e.item_map(window=[1.0, 0.0, 0.0, 1.0]), "left < right"),
        (lambda e: e.item_map(window=[0.0, float("nan"), 0.0, 1.0]), "left < right"),
        (lambda e: e.item_map(window=[0.0, 1.0]), "left, right, bottom, top"),
        (lambda e: e.item_map(color="colour"), "no column 'colour'"),
        (lambda e: e.item_map(only="Sofas"), "no group 'Sofas'"),
        (lambda e: e.item_map(space="sound"), "space 'sound' is none of text, model"),
        (lambda e: e.item_map(layout="tsne"), "layout 'tsne' is none of"),
        (lambda e: e.items_at(0.0, float("inf")), "no spot at"),
        (lambda e: e.items_at(0.0, 0.0, 0.0), "no spot at"),
    ],
)
def test_what_cannot_be_asked(explorer: Explorer, ask: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ask(explorer)


SLOW_UMAP = """
import pathlib, time
import numpy as np

class UMAP:
    def __init__(self, **how): pass

    def fit_transform(self, vectors):
        gate = pathlib.Path(__file__).with_name("gate")
        while not gate.exists():
            time.sleep(0.01)
        if gate.read_text():
            raise ValueError(gate.read_text())
        return np.ascontiguousarray(vectors[:, :2])
"""


def test_umap_lets_other_questions_be_answered(
    explorer: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "umap.py").write_text(SLOW_UMAP)
    monkeypatch.syspath_prepend(tmp_path)
    vectors = explorer.loaded.item_vectors
    layout = UmapLayout(vectors)
    with pytest.raises(NotReady, match=r"UMAP is laying out 399 items, .* s so far; ask again"):
        layout.result(wait=False)
    (tmp_path / "gate").write_text("")
    assert (layout.result(wait=True) == vectors[:, :2]).all()
    assert layout.result(wait=False) is layout.result(wait=True)
    (tmp_path / "gate").write_text("it is\nlost")
    layout._found, (layout._answer, theirs) = None, Pipe(duplex=False)
    _work(theirs, vectors)
    del sys.modules["umap"]
    with pytest.raises(SraclError, match="could not lay out the items: ValueError: it is lost"):
        layout.result(wait=True)


def test_umap_where_it_is_installed(explorer: Explorer) -> None:
    try:
        import umap  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match=r"pip install 'sracl-tui\[map\]'"):
            explorer.item_map(layout="umap")
        return
    found = explorer.item_map(layout="umap")
    assert (found.explained, found.shown) == (None, 399)
