"""What speaks for a recommendation, against recomputing it from scratch, one item left out at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from sracl_core.data.sequences import Sequences
from sracl_core.explorer import Explorer
from sracl_core.explorer.attribution import NEIGHBORS
from sracl_core.semantics.profiles import prefix_vectors
from sracl_core.training.checkpoint import load_encoder
from tests.trained import Shop

USER = "amber-badger"


@pytest.fixture(scope="module")
def explorer(shop: Shop) -> Iterator[Explorer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
        yield Explorer.open(shop.run)


@torch.no_grad()
def scores_after(explorer: Explorer, items: list[int]) -> np.ndarray:
    """Scores of all items by an encoder of its own, one history at a time and without padding."""
    encoder = load_encoder(explorer.loaded.run)
    state = encoder.encode(Sequences.from_lists([items]))[0]
    return (encoder.item_embeddings[1:] @ state).numpy()


def longest_user(explorer: Explorer) -> str:
    """Whose history is longer than what the encoder reads."""
    dataset = explorer.loaded.dataset
    longest = int(dataset.sequences.lengths.argmax())
    assert dataset.sequences.lengths[longest] > explorer.loaded.config.model.max_length + 1
    return dataset.users.id_of(longest)


@pytest.mark.parametrize("long", [False, True])
def test_each_effect_is_what_leaving_the_item_out_takes_from_the_score(
    explorer: Explorer, long: bool
) -> None:
    user = longest_user(explorer) if long else USER
    dataset = explorer.loaded.dataset
    found = explorer.recommend(user, k=6, why=True)
    window = [dataset.items.index(item.item) for item in found.history][-20:]
    whole = scores_after(explorer, window)
    without = np.stack([scores_after(explorer, window[:at] + window[at + 1 :]) for at in range(len(window))])
    for item in found.items:
        column = dataset.items.index(item.item) - 1
        assert item.why is not None
        assert item.why.score == pytest.approx(whole[column], abs=1e-5)
        assert sorted(entry.position for entry in item.why.history) == list(range(len(window)))
        for entry in item.why.history:
            assert dataset.items.index(entry.item) == window[entry.position]
            expected = whole[column] - without[entry.position, column]
            assert entry.effect == pytest.approx(expected, abs=2e-5)


def test_one_of_two_purchases_of_the_same_item_is_left_out(explorer: Explorer) -> None:
    names = ["tea-003", "camp-001", "tea-003"]
    why = explorer.why("tea-001", history=names)
    ids = [explorer.loaded.dataset.items.index(name) for name in names]
    column = explorer.loaded.dataset.items.index("tea-001") - 1
    whole = scores_after(explorer, ids)[column]
    effects = {entry.position: entry.effect for entry in why.history}
    assert effects[0] == pytest.approx(whole - scores_after(explorer, ids[1:])[column], abs=2e-5)
    assert effects[2] == pytest.approx(whole - scores_after(explorer, ids[:2])[column], abs=2e-5)


def test_the_evidence_is_every_near_neighbor_that_bought_it_and_nobody_else(explorer: Explorer) -> None:
    loaded = explorer.loaded
    prefixes, train = loaded.prefixes, loaded.sources.split.train
    vectors = prefix_vectors(prefixes, np.asarray(loaded.item_vectors))
    query = loaded.histories.of_user(USER, "valid")
    similarity = vectors @ loaded.prefix_search.vector(query.items[-20:])
    nearest: dict[int, int] = {}
    for row in np.argsort(-similarity, kind="stable").tolist():
        if prefixes.users[row] != query.user:
            nearest.setdefault(int(prefixes.users[row]), row)
    near = list(nearest.items())[:NEIGHBORS]
    for item in explorer.recommend(USER, k=5, why=True).items:
        index = loaded.dataset.items.index(item.item)
        expected = {
            loaded.dataset.users.id_of(user): bool(prefixes.values[prefixes.ends[row]] == index)
            for user, row in near
            if index in train.of(user)
        }
        assert item.why is not None
        assert {entry.user: entry.next for entry in item.why.neighbors} == expected
        order = [(not entry.next, -entry.similarity) for entry in item.why.neighbors]
        assert order == sorted(order)


def test_a_missed_item_is_explained_like_any_other(explorer: Explorer) -> None:
    far = explorer.recommend(USER, k=10_000, why=True).items[-1]
    why = explorer.why(far.item, USER)
    assert far.why is not None
    assert why.score == pytest.approx(far.score, abs=1e-5)
    assert [(entry.position, entry.effect) for entry in why.history] == [
        (entry.position, pytest.approx(entry.effect, abs=2e-5)) for entry in far.why.history
    ]
