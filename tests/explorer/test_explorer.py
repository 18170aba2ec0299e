"""The answers of a finished run against the slow, obvious computation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from sracl_core.data.sequences import Sequences
from sracl_core.errors import InputError, UnknownIdError
from sracl_core.explorer import Explorer
from sracl_core.rules import Rules
from sracl_core.training.checkpoint import load_encoder
from tests.trained import Shop

USER = "amber-badger"


@pytest.fixture(scope="module")
def explorer(shop: Shop) -> Iterator[Explorer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
        yield Explorer.open(shop.run)


def scores_of(explorer: Explorer, ids: list[str]) -> np.ndarray:
    """Scores of all items after a history, by the encoder alone."""
    encoder = load_encoder(explorer.loaded.run)
    items = [explorer.loaded.dataset.items.index(name) for name in ids][-20:]
    with torch.no_grad():
        state = encoder.encode(Sequences.from_lists([items]))[0]
        return (encoder.item_embeddings[1:] @ state).numpy()


def test_the_readme_in_five_lines(shop: Shop) -> None:
    from sracl_core import Explorer

    run = Explorer.open(shop.run)
    assert len(run.recommend(history=["tea-003", "tea-004"], k=5).items) == 5
    assert len(run.neighbors_of_user(USER, k=3).neighbors) == 3
    assert run.encode_text("a warm drink").shape == (384,)
    assert run.metrics()["test"]["masked"]["NDCG@20"] > 0


def test_recommendations_are_the_best_unseen_items(explorer: Explorer) -> None:
    found = explorer.recommend(USER, k=15)
    seen = [item.item for item in found.history]
    scores = scores_of(explorer, seen)
    ids = explorer.loaded.dataset.items.ids
    expected = [ids[row] for row in np.argsort(-scores, kind="stable") if ids[row] not in seen][:15]
    assert [item.item for item in found.items] == expected
    assert [item.score for item in found.items] == pytest.approx(
        sorted(scores[[ids.index(i) for i in expected]])[::-1]
    )
    assert not any(item.seen for item in found.items)


def test_a_raw_history_gives_what_the_same_user_gets(explorer: Explorer) -> None:
    of_user = explorer.recommend(USER, k=10)
    raw = explorer.recommend(history=[item.item for item in of_user.history], k=10)
    assert [item.item for item in raw.items] == [item.item for item in of_user.items]
    assert (raw.user, raw.held_out, raw.until) == (None, {}, None)


def test_until_moves_the_end_of_the_history(explorer: Explorer) -> None:
    whole = [item.item for item in explorer.history(USER).items]
    parts = [item.part for item in explorer.history(USER).items]
    assert parts == ["train"] * (len(whole) - 2) + ["valid", "test"]
    ends = {"train": -2, "valid": -1, "test": None}
    for until, end in ends.items():
        found = explorer.recommend(USER, until=until, k=5)
        assert [item.item for item in found.history] == whole[:end]
        assert set(found.held_out) == {"train": {"valid", "test"}, "valid": {"test"}, "test": set()}[until]


def test_the_rank_of_the_held_out_item_is_the_evaluation_s(explorer: Explorer) -> None:
    ranks = np.load(explorer.loaded.run.ranks_path)
    names = explorer.loaded.dataset.users.ids
    for row in range(0, 1200, 97):
        user = names[ranks["test_users"][row]]
        assert explorer.recommend(user).held_out["test"].rank == ranks["test_masked"][row]
        assert (
            explorer.recommend(user, rules=Rules(exclude_seen="no")).held_out["test"].rank
            == ranks["test_unmasked"][row]
        )


def test_every_item_can_be_recommended_when_seen_ones_may_be(explorer: Explorer) -> None:
    found = explorer.recommend(USER, k=10_000, rules=Rules(exclude_seen="no"))
    assert len({item.item for item in found.items}) == 399
    assert sum(item.seen for item in found.items) == len({item.item for item in found.history})
    assert [item.held_out for item in found.items].count("test") == 1


def test_a_text_steers_from_the_history_to_itself(explorer: Explorer) -> None:
    text = "a tent to sleep in the mountains"
    plain = [item.item for item in explorer.recommend(USER).items]
    assert [item.item for item in explorer.recommend(USER, text=text, text_weight=0.0).items] == plain
    steered = explorer.recommend(USER, text=text, text_weight=1.0)
    found = explorer.search(text, k=30).results
    seen = {item.item for item in steered.history}
    assert [item.item for item in steered.items] == [item.item for item in found if item.item not in seen][
        :10
    ]
    assert any(item.item.startswith("camp") for item in found[:5])
    assert steered.items[0].text_similarity == pytest.approx(found[0].similarity, abs=1e-5)
    assert explorer.recommend(USER, text=text).text_weight == 0.5


def test_a_rule_that_leaves_out_what_is_held_out_is_told(explorer: Explorer) -> None:
    held = explorer.recommend(USER).held_out["test"].item
    notes = explorer.recommend(USER, rules=Rules(exclude=[held])).notes
    assert any(f"leave out {held}, held out for test" in note for note in notes), notes
    assert not explorer.recommend(USER, rules=Rules(exclude_seen="no")).notes


@pytest.mark.parametrize("steered", [{}, {"text": "a tent", "text_weight": 0.5}])
def test_ranks_of_items_that_are_asked_about(explorer: Explorer, steered: dict[str, object]) -> None:
    whole = explorer.recommend(USER, k=399, **steered)
    places = {item.item: (item.rank, item.score) for item in whole.items}
    asked = [whole.items[at].item for at in (0, 7, 300)]
    few = explorer.recommend(USER, k=2, ranks_of=asked, **steered)
    assert [(one.item, (one.rank, one.score)) for one in few.ranks_of] == [(i, places[i]) for i in asked]
    seen = few.history[0].item
    (told,) = explorer.recommend(USER, k=2, ranks_of=[seen], **steered).ranks_of
    assert told.rank == 1 + sum(score >= told.score for _, score in places.values())


def test_occlusion_is_the_score_less_the_score_without(explorer: Explorer) -> None:
    why = explorer.why("tea-001", history=["tea-003", "camp-001", "tea-004"])
    ids = ["tea-003", "camp-001", "tea-004"]
    row = explorer.loaded.dataset.items.ids.index("tea-001")
    whole = scores_of(explorer, ids)[row]
    assert why.score == pytest.approx(whole, abs=1e-5)
    for effect in why.history:
        without = scores_of(explorer, [name for name in ids if name != effect.item])[row]
        assert effect.effect == pytest.approx(whole - without, abs=1e-5)
        assert ids[effect.position] == effect.item
    effects = [effect.effect for effect in why.history]
    assert effects == sorted(effects, reverse=True)
    assert explorer.why("tea-001", history=["tea-003"]).history[0].effect is None


def test_reasons_name_neighbors_that_did_buy_it(explorer: Explorer) -> None:
    found = explorer.recommend(USER, k=5, why=True)
    assert any(item.why.neighbors for item in found.items)
    for item in found.items:
        assert item.why.item == item.item
        for neighbor in item.why.neighbors:
            bought = explorer.history(neighbor.user).items
            assert item.item in [one.item for one in bought if one.part == "train"]


def test_neighbors_are_the_nearest_prefixes_of_others(explorer: Explorer) -> None:
    found = explorer.neighbors_of_user(USER, k=12, distinct=False)
    loaded = explorer.loaded
    query = loaded.prefix_search.vector(loaded.histories.of_user(USER, "valid").items[-20:])
    scores = loaded.prefix_search.similarities(query)
    scores[loaded.prefixes.users == loaded.dataset.users.index(USER)] = -1
    assert [near.similarity for near in found.neighbors] == pytest.approx(np.sort(scores)[::-1][:12].tolist())
    assert sum(near.weight for near in found.neighbors) == pytest.approx(1.0, abs=1e-5)
    for near in found.neighbors:
        whole = explorer.history(near.user).items
        assert [item.item for item in near.prefix] == [item.item for item in whole[: near.length]][-20:]
        assert near.next.item == whole[near.length].item
        assert {item.item for item in near.shared} == {i.item for i in near.prefix} & {
            i.item for i in found.history
        }


def test_distinct_neighbors_are_each_user_s_nearest(explorer: Explorer) -> None:
    every = explorer.neighbors_of_user(USER, k=500, distinct=False).neighbors
    first = list(dict.fromkeys(near.user for near in every))
    assert [near.user for near in explorer.neighbors_of_user(USER, k=15).neighbors] == first[:15]


def test_neighbors_of_an_item_leave_it_out(explorer: Explorer) -> None:
    found = explorer.neighbors_of_item("tea-003", k=500)
    assert len(found.neighbors) == 398
    assert "tea-003" not in {near.item for near in found.neighbors}
    assert found.neighbors[0].item.startswith("tea")


def test_typed_prefixes_find_users_and_items(explorer: Explorer) -> None:
    found = explorer.users("AMBER-B")
    assert found.users[0].user.startswith("amber-b")
    assert found.total == len(found.users)
    anywhere = explorer.users("badger", limit=5)
    assert len(anywhere.users) == 5 < anywhere.total
    assert explorer.users().total == 1200
    assert explorer.items("tea-003").items[0].item == "tea-003"
    assert explorer.items("winter tea").items[0].title == "Ginger and Orange Peel Winter Tea"
    assert explorer.items("no such thing").total == 0


def test_answers_are_plain_json(explorer: Explorer) -> None:
    from dataclasses import asdict

    for answer in (
        explorer.recommend(USER, why=True),
        explorer.neighbors_of_user(USER),
        explorer.neighbors_of_item("tea-003"),
        explorer.history(USER),
        explorer.users("a"),
    ):
        json.dumps(asdict(answer), allow_nan=False)


@pytest.mark.parametrize(
    ("call", "expected", "error"),
    [
        ({"user": "amber-badgr"}, "did you mean 'amber-badger'", UnknownIdError),
        ({"user": " Amber-Badger"}, "did you mean 'amber-badger'", UnknownIdError),
        ({"history": ["tea-003", "nope"]}, "item 'nope'", UnknownIdError),
        ({"history": []}, "history is empty", InputError),
        ({"history": "tea-003"}, "history is empty", InputError),
        ({}, "either a user or a history", InputError),
        ({"user": USER, "history": ["tea-003"]}, "either a user or a history", InputError),
        ({"user": 7}, "an id is a string", InputError),
        ({"user": USER, "k": 0}, "k is 0", InputError),
        ({"user": USER, "k": "3"}, "k is '3'", InputError),
        ({"user": USER, "until": "now"}, "until 'now'", InputError),
        ({"user": USER, "text": "x", "text_weight": 2.0}, "text_weight 2.0 is outside 0 to 1", InputError),
        ({"user": USER, "text": " ", "text_weight": 0.5}, "the text is empty", InputError),
        ({"user": USER, "text_weight": 0.5}, "text_weight is how far a text steers", InputError),
    ],
)
def test_wrong_questions_say_what_is_wrong(
    explorer: Explorer, call: dict[str, object], expected: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=expected):
        explorer.recommend(**call)
