"""Augmentations a sequence at a time, from the same draws as the fast ones."""

from __future__ import annotations

import math

import numpy as np

Rows = list[list[int]]


def crop(rows: Rows, share: float, rng: np.random.Generator) -> Rows:
    """A stretch of each."""
    luck = rng.random(len(rows))
    out = []
    for row, u in zip(rows, luck, strict=True):
        kept = max(math.floor(share * len(row)), 1)
        start = int(u * (len(row) - kept + 1))
        out.append(row[start : start + kept])
    return out


def mask(rows: Rows, share: float, rng: np.random.Generator) -> Rows:
    """Some of each blank."""
    chosen = _chosen(rows, [math.floor(share * len(row)) for row in rows], rng)
    return [
        [0 if place in places else item for place, item in enumerate(row)]
        for row, places in zip(rows, chosen, strict=True)
    ]


def reorder(rows: Rows, share: float, rng: np.random.Generator) -> Rows:
    """A stretch of each by lot."""
    luck = rng.random(len(rows))
    lots = rng.random(sum(map(len, rows)))
    out, at = [], 0
    for row, u in zip(rows, luck, strict=True):
        count = math.floor(share * len(row))
        start = int(u * (len(row) - count + 1))
        stretch = sorted(range(start, start + count), key=lambda place, at=at: lots[at + place])
        out.append(row[:start] + [row[place] for place in stretch] + row[start + count :])
        at += len(row)
    return out


def replace(rows: Rows, partners: list[int], share: float, rng: np.random.Generator) -> Rows:
    """Some of each by their partners."""
    chosen = _chosen(rows, [max(math.floor(share * len(row)), 1) for row in rows], rng)
    out = []
    for row, places in zip(rows, chosen, strict=True):
        new = list(row)
        for place in places:
            if partners[row[place] - 1] >= 0:
                new[place] = partners[row[place] - 1] + 1
        out.append(new)
    return out


def insert(rows: Rows, partners: list[int], share: float, rng: np.random.Generator) -> Rows:
    """Partners before some of each."""
    chosen = _chosen(rows, [max(math.floor(share * len(row)), 1) for row in rows], rng)
    out = []
    for row, places in zip(rows, chosen, strict=True):
        new = []
        for place, item in enumerate(row):
            if place in places and partners[item - 1] >= 0:
                new.append(partners[item - 1] + 1)
            new.append(item)
        out.append(new)
    return out


def _chosen(rows: Rows, counts: list[int], rng: np.random.Generator) -> list[set[int]]:
    """The places of each row that drew the smallest lots."""
    lots = rng.random(sum(map(len, rows)))
    out, at = [], 0
    for row, count in zip(rows, counts, strict=True):
        places = sorted(range(len(row)), key=lambda place, at=at: lots[at + place])
        out.append(set(places[:count]))
        at += len(row)
    return out
