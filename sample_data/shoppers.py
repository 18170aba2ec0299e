"""The people: a seeded simulation of what each shopper buys, one purchase after another.

Only `Random.random()` is drawn from, because Python promises that its numbers never change.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from shop import STYLES, Item, Kind

T = TypeVar("T")

N_USERS = 1200
OPENING, LAST_START = 1641027600, 1704099600  # first purchases fall between January 2022 and January 2024
DAY = 86_400
FEWEST, MOST, MEAN_EXTRA = 6, 25, 3.9  # purchases a user: 6 plus an exponential tail, at most 25

GIFT, CLEARANCE = 0.07, 0.015  # chance that a purchase says nothing about taste
DRIFT, RETURN = 0.16, 0.12  # chance to move on to a related kind, or back to an earlier one
FINISHED_DRIFT = 0.6  # the same once the devoted step of a kind is bought
TASTE_CHANGE = 0.05
SAME_BRAND = 1.8
THEME = 2.0  # added appeal per telling word that an item shares with the last purchase
STEP_APPEAL = {1: 1.3, 2: 1.2, 3: 0.9, 4: 0.2}  # few people buy the devoted's expensive things
STEP_FIT = {0: 1.0, 1: 0.22}  # by distance from the step that is due; farther ones: STEP_FAR
STEP_FAR = 0.03

ADJECTIVES = """amber brisk calm clever copper coral cozy dapper dusky eager fabled frosty gentle golden
hazel humble ivory jolly kindly lively lucky mellow merry misty nimble olive patient plucky quiet rosy
rustic silver sleepy snowy spry sunny tawny velvet wandering witty"""
ANIMALS = """badger beaver bison crane dormouse falcon ferret finch fox gecko hare hedgehog heron ibis lark
lemur lynx marten mole newt otter owl panda puffin robin seal stoat swift tapir wren"""


@dataclass
class Shopper:
    """What the simulation remembers about one user."""

    user_id: str
    style: str
    loyalty: float  # share of choices made in the favorite style
    kinds: list[str]  # visited kinds, the current one last
    bought: dict[str, Item] = field(default_factory=dict)


def telling_words(items: list[Item]) -> dict[str, set[str]]:
    """The words of each item's title and description that a few others use too, by item id."""
    words = {i.item_id: set(re.findall(r"[a-z]{4,}", f"{i.title} {i.description}".lower())) for i in items}
    used = Counter(word for bag in words.values() for word in bag)
    return {item_id: {word for word in bag if used[word] <= 15} for item_id, bag in words.items()}


class Simulation:
    """Draws every shopper in turn; `run` returns (user_id, item_id, timestamp) rows."""

    def __init__(self, shop: dict[str, Kind], seed: int) -> None:
        self.shop = shop
        self.rng = Random(seed)
        self.items = [item for kind in shop.values() for item in kind.items]
        self.appeal = {
            item.item_id: STEP_APPEAL[item.step] * math.exp(1.1 * self._bell()) for item in self.items
        }
        self.crowd = {slug: math.exp(0.6 * self._bell()) for slug in shop}
        self.themes = telling_words(self.items)
        self.sold = dict.fromkeys(self.appeal, 0)

    def run(self) -> list[tuple[str, str, int]]:
        names = [f"{adjective}-{animal}" for adjective in ADJECTIVES.split() for animal in ANIMALS.split()]
        return [row for name in names[:N_USERS] for row in self._visit(name)]

    def _visit(self, user_id: str) -> list[tuple[str, str, int]]:
        time = OPENING + int(self.rng.random() * (LAST_START - OPENING))
        first = self._draw(list(self.shop), [self.crowd[s] * k.demand(time) for s, k in self.shop.items()])
        shopper = Shopper(user_id, self._draw(STYLES, [4, 3, 3]), 0.7 + 0.28 * self.rng.random(), [first])
        rows = []
        for _ in range(min(MOST, FEWEST + int(self._wait(MEAN_EXTRA)))):
            item = self._choose(shopper, time)
            shopper.bought[item.item_id] = item
            self.sold[item.item_id] += 1
            rows.append((user_id, item.item_id, time))
            time = self._later(time)
        return rows

    def _choose(self, shopper: Shopper, time: int) -> Item:
        chance = self.rng.random()
        unseen = [item for item in self.items if item.item_id not in shopper.bought]
        if chance < CLEARANCE:  # the shop puts what sells least on the table by the door
            return min(unseen, key=lambda item: (self.sold[item.item_id], self.rng.random()))
        if chance < CLEARANCE + GIFT:
            return self._draw(unseen, [self.appeal[item.item_id] for item in unseen])
        if self.rng.random() < TASTE_CHANGE:
            shopper.style = self._draw(STYLES, [1, 1, 1])
        self._wander(shopper, time)
        shelf = [item for item in self.shop[shopper.kinds[-1]].items if item.item_id not in shopper.bought]
        return self._draw(shelf, [self._wish(shopper, item) for item in shelf])

    def _wander(self, shopper: Shopper, time: int) -> None:
        """Stay in the current kind, drift to a related one, or return to an earlier one."""
        here = shopper.kinds[-1]
        drift = FINISHED_DRIFT if self._step(shopper, here) == 4 else DRIFT
        chance = self.rng.random()
        if shopper.bought and chance < drift:
            related = self.shop[here].related
            moves = [weight * self.shop[slug].demand(time) for slug, weight in related.items()]
            there = self._draw(list(related), moves)
        elif len(shopper.kinds) > 1 and chance < drift + RETURN:
            there = self._draw(shopper.kinds[:-1], [1.0] * (len(shopper.kinds) - 1))
        else:
            return
        shopper.kinds = [*(slug for slug in shopper.kinds if slug != there), there]

    def _wish(self, shopper: Shopper, item: Item) -> float:
        step = self._step(shopper, item.kind)
        due = step + 1 if step < 4 else 2  # the devoted fill the gaps
        wish = self.appeal[item.item_id] * STEP_FIT.get(abs(item.step - due), STEP_FAR)
        wish *= shopper.loyalty if item.style == shopper.style else (1 - shopper.loyalty) / 2
        brands = {bought.brand for bought in shopper.bought.values()}
        if shopper.bought:
            last = self.themes[next(reversed(shopper.bought))]
            wish *= 1 + THEME * len(last & self.themes[item.item_id])
        return wish * (SAME_BRAND if item.brand in brands else 1.0)

    @staticmethod
    def _step(shopper: Shopper, kind: str) -> int:
        """The farthest step bought in a kind; 0 for a newcomer."""
        return max((item.step for item in shopper.bought.values() if item.kind == kind), default=0)

    def _later(self, time: int) -> int:
        if self.rng.random() < 0.2:  # more in the same visit
            return time + 60 + int(self._wait(600))
        day = time // DAY + 1 + int(self._wait(20))
        return day * DAY + 7 * 3600 + int(self.rng.random() * 15 * 3600)

    def _draw(self, choices: Sequence[T], weights: Sequence[float]) -> T:
        left = self.rng.random() * sum(weights)
        for choice, weight in zip(choices, weights, strict=True):
            left -= weight
            if left < 0:
                return choice
        return choices[-1]

    def _wait(self, mean: float) -> float:
        return -mean * math.log(1 - self.rng.random())

    def _bell(self) -> float:
        """Roughly a standard normal number: twelve uniform ones, less their mean."""
        return sum(self.rng.random() for _ in range(12)) - 6
