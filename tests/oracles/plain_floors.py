"""The floors as one would write them first: loops, dictionaries and sets, one user at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Lists = Sequence[Sequence[int]]


def _popularity(train: Lists, n_items: int) -> list[float]:
    counted = Counter(item for items in train for item in items)
    return [counted[item] / max(sum(counted.values()), 1) for item in range(1, n_items + 1)]


def _or_popularity(scores: dict[int, float], popularity: list[float]) -> list[float]:
    return [scores.get(item) or share - 1.0 for item, share in enumerate(popularity, start=1)]


def popular(train: Lists, n_items: int, history: Sequence[int]) -> list[float]:
    return _popularity(train, n_items)


def user_popular(train: Lists, n_items: int, history: Sequence[int]) -> list[float]:
    popularity = _popularity(train, n_items)
    counted = {item: count + popularity[item - 1] for item, count in Counter(history).items()}
    return _or_popularity(counted, popularity)


def item_knn(train: Lists, n_items: int, history: Sequence[int], neighbors: int, decay: float) -> list[float]:
    users = {
        item: {user for user, items in enumerate(train) if item in items} for item in range(1, n_items + 1)
    }

    def cosine(one: int, other: int) -> float:
        both = len(users[one] & users[other])
        return both / math.sqrt(len(users[one]) * len(users[other])) if both else 0.0

    scores: dict[int, float] = {}
    for age, item in enumerate(reversed(history)):
        near = [(cosine(item, other), -other) for other in users if other != item]
        for value, negative in sorted(near, reverse=True)[:neighbors]:
            scores[-negative] = scores.get(-negative, 0.0) + decay**age * value
    return _or_popularity(scores, _popularity(train, n_items))


def text_knn(vectors: np.ndarray, history: Sequence[int], decay: float) -> list[float]:
    unit = [vector / np.linalg.norm(vector) for vector in vectors]
    profile = sum(decay**age * unit[item - 1] for age, item in enumerate(reversed(history)))
    return [float(profile @ vector) for vector in unit]


def markov(train: Lists, n_items: int, history: Sequence[int]) -> list[float]:
    after = Counter(later for items in train for one, later in pairwise(items) if one == history[-1])
    scores = {item: count / sum(after.values()) for item, count in after.items()}
    return _or_popularity(scores, _popularity(train, n_items))
