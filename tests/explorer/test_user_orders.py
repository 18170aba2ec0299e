"""Orders of users, and the way to the next hit or miss, against ranks read the slow way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sracl_core.errors import IncomparableError, InputError, RunError
from sracl_core.explorer import Explorer
from sracl_core.files import read_json, write_json
from tests.trained import Shop

USER = "amber-badger"


@pytest.fixture(scope="module")
def explorer(shop: Shop) -> Iterator[Explorer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
        yield Explorer.open(shop.run)


def ranks_of(explorer: Explorer, run: Path | None = None, mask: str = "masked") -> dict[str, int]:
    """Rank by user, from the file of the evaluation."""
    stored = np.load((run or explorer.loaded.run.path) / "ranks.npz")
    names = explorer.loaded.dataset.users.ids
    return {
        names[user]: int(rank)
        for user, rank in zip(stored["test_users"], stored[f"test_{mask}"], strict=True)
    }


def copied(shop: Shop, folder: Path, **changes: np.ndarray) -> Path:
    """The shop's run under another name, some of its ranks changed."""
    other = folder / "20260101-000000-other"
    shutil.copytree(shop.run, other)
    stored = dict(np.load(other / "ranks.npz"))
    np.savez(other / "ranks.npz", **{**stored, **changes})
    return other


@pytest.mark.parametrize("masked", [True, False])
def test_users_by_rank_are_those_of_the_evaluation(explorer: Explorer, masked: bool) -> None:
    ranks = ranks_of(explorer, mask="masked" if masked else "unmasked")
    best = explorer.users(order="rank", limit=2000, masked=masked)
    assert [one.user for one in best.users] == sorted(ranks, key=lambda user: (ranks[user], user))
    assert {one.user: one.rank for one in best.users} == ranks
    worst = explorer.users(order="rank", reverse=True, limit=5, masked=masked).users
    assert [one.rank for one in worst] == sorted(ranks.values())[::-1][:5]
    assert (
        explorer.recommend(best.users[0].user).held_out["test"].rank == ranks_of(explorer)[best.users[0].user]
    )


def test_other_orders(explorer: Explorer) -> None:
    longest = explorer.users(order="length", limit=2000).users
    assert [one.interactions for one in longest] == sorted(
        (len(explorer.history(one.user).items) for one in longest), reverse=True
    )
    ids = [one.user for one in explorer.users(limit=2000).users]
    chance = [one.user for one in explorer.users(order="random", limit=2000).users]
    assert chance != ids == sorted(chance)
    assert chance == [one.user for one in explorer.users(order="random", limit=2000).users]
    assert chance != [one.user for one in explorer.users(order="random", seed=1, limit=2000).users]
    backwards = explorer.users(reverse=True, limit=3).users
    assert [one.user for one in backwards] == ids[::-1][:3]


def test_what_is_typed_filters_every_order(explorer: Explorer) -> None:
    found = explorer.users("BADGER", order="rank", limit=2000)
    every = [one.user for one in explorer.users(order="rank", limit=2000).users]
    assert [one.user for one in found.users] == [user for user in every if "badger" in user]
    assert found.total == len(found.users) > 3


def test_the_gain_of_another_run(shop: Shop, explorer: Explorer, tmp_path: Path) -> None:
    ranks = np.load(explorer.loaded.run.ranks_path)["test_masked"]
    other = copied(shop, tmp_path, test_masked=np.random.default_rng(3).permutation(ranks))
    here, there = ranks_of(explorer), ranks_of(explorer, other)
    gain = {user: 1 / np.log2(there[user] + 1) - 1 / np.log2(here[user] + 1) for user in here}
    found = explorer.users(order="gain", against=str(other), limit=2000).users
    assert [gain[one.user] for one in found] == pytest.approx(sorted(gain.values(), reverse=True))
    assert {one.user: (one.rank, one.other_rank) for one in found} == {u: (here[u], there[u]) for u in here}
    least = explorer.users(order="gain", reverse=True, against=str(other), limit=1).users[0]
    assert gain[least.user] == pytest.approx(min(gain.values()))


def test_the_next_hit_miss_or_anybody(explorer: Explorer) -> None:
    ranks, k = ranks_of(explorer), 20
    ids = [one.user for one in explorer.users(limit=2000).users]
    here = ids.index(USER)
    around = [*ids[here + 1 :], *ids[: here + 1]]
    assert explorer.next_user(USER).user == around[0]
    hit, miss = (explorer.next_user(USER, kind, k) for kind in ("hit", "miss"))
    assert hit.user == next(user for user in around if ranks[user] <= k)
    assert miss.user == next(user for user in around if ranks[user] > k)
    assert (hit.rank, miss.rank) == (ranks[hit.user], ranks[miss.user])
    assert explorer.next_user(ids[-1]).user == explorer.next_user().user == ids[0]
    walked, user = set(), None
    for _ in range(1200):
        user = explorer.next_user(user, order="random").user
        walked.add(user)
    assert len(walked) == 1200, "chance shows everybody once before anybody twice"
    worst = explorer.next_user(None, "miss", k, order="rank", reverse=True)
    assert worst.rank == max(ranks.values())


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"order": "gain"}, "needs another run"),
        ({"order": "best"}, "order 'best' is none of"),
        ({"kind": "best"}, "kind 'best' is none of"),
        ({"kind": "miss", "k": 399}, "no user has a miss among the first 399"),
        ({"after": "amber-badgr"}, "did you mean 'amber-badger'"),
        ({"against": "nowhere"}, "no run directory nowhere"),
    ],
)
def test_what_cannot_be_asked(explorer: Explorer, call: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        explorer.next_user(**call)


def test_runs_that_cannot_be_held_against_each_other(shop: Shop, explorer: Explorer, tmp_path: Path) -> None:
    other = copied(shop, tmp_path)
    meta = read_json(other / "meta.json") or {}
    meta["dataset"]["identity"] = "another"
    write_json(other / "meta.json", meta, seal=True)
    with pytest.raises(IncomparableError, match="differ in dataset"):
        explorer.users(against=str(other))


def test_a_run_without_ranks_has_the_other_orders(shop: Shop, tmp_path: Path) -> None:
    other = copied(shop, tmp_path)
    (other / "ranks.npz").unlink()
    explorer = Explorer.open(other)
    found = explorer.users(order="length", limit=3)
    assert [one.rank for one in found.users] == [None] * 3
    assert "sracl evaluate" in found.no_ranks
    assert explorer.next_user(USER).rank is None
    for asked in ({"order": "rank"}, {"kind": "hit"}):
        with pytest.raises(RunError, match="sracl evaluate"):
            explorer.next_user(USER, **asked)
