"""The map from text to an encoder's rows, chosen on items that are held out of it."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.text_map import RIDGE
from sracl_core.progress import Progress, ending_once
from sracl_core.seeding import generator

FITTING = "fit the map from text"
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
FLAT = 1e12
"""So strong that every item is mapped to the mean row."""
SCALES, LIFTS = (1.0, 1.5, 2.0, 3.0), (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
COST = 0.1
"""Of their mean reciprocal rank, what trained items may lose to new ones when a fourth of all are new."""
HELD_SHARE, LEAST_HELD, FOLDS = 0.1, 20, 4
MOST_QUERIES, SCORES_AT_ONCE = 1000, 1 << 24
WEIGHT = "items.weight"

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class TextMap:
    """How rows of new items are made.

    ridge: strength of the linear map, see `text_map.from_text`.
    scale: how far a mapped row is drawn away from the mean row. What a text does not explain is missing in
    it, so that its scores differ less from each other than those of trained items.
    lift: what is added to every score of a new item, in standard deviations of the scores of one list.
    direction: float32 [D], what adds one.
    tried: {strength: mean reciprocal rank among the held-out items}.
    ranked: mean reciprocal ranks among all items, of "held out" and of "trained" targets, and both "plain":
    with a scale of 1 and no lift.
    """

    ridge: float
    scale: float
    lift: float
    direction: Floats
    tried: dict[str, float]
    ranked: dict[str, float]

    def rows(self, encoder: SequenceEncoder, vectors_NE: Floats, asked_ME: Floats) -> dict[str, Tensor]:
        """What new items with the text vectors `asked_ME` get, see `SequenceEncoder.new_rows`."""
        mapped, mean = (encoder.new_rows(vectors_NE, asked_ME, ridge) for ridge in (self.ridge, FLAT))
        rows = {name: mean[name] + self.scale * (mapped[name] - mean[name]) for name in mapped}
        return rows | {WEIGHT: rows[WEIGHT] + self.lift * torch.from_numpy(self.direction)}

    def told(self) -> dict[str, Any]:
        """What is worth knowing of it, ready for JSON."""
        return {
            "map": "ridge",
            **{name: value for name, value in asdict(self).items() if name != "direction"},
        }


@torch.no_grad()
def choose(
    encoder: SequenceEncoder,
    vectors_NE: Floats,
    train: Prefixes,
    valid: Prefixes,
    seed: int,
    progress: Progress | None = None,
) -> TextMap:
    """The map whose items rank best when they are held out of it.

    The strength is chosen on a tenth of the items, each ranked among these after training prefixes that it
    followed. Scale and lift are chosen for lists of all items: a fourth of the items after the other takes
    mapped rows, and of what leaves the other items' mean reciprocal rank at 1 - `COST` of what it was, that
    wins whose new items rank best; nothing in a text says how popular a thing will be, so that they would
    hardly be seen otherwise. Where there are too few items, they stay 1 and 0. `progress` hears of each
    map that was tried.
    """
    told = _Tried(progress)
    rng = generator(seed, "added-items")
    ridge, tried = _ridge(encoder, vectors_NE, train, rng, told)
    asked = rng.permutation(np.flatnonzero(~_repeated(valid)))
    asked = asked[: max(1, min(MOST_QUERIES, SCORES_AT_ONCE // encoder.n_items))]
    plain = TextMap(ridge, 1.0, 0.0, np.zeros(encoder.hidden_size, np.float32), tried, {})
    if tried and len(asked):
        plain = _calibrated(encoder, vectors_NE, plain, valid.at(asked), rng, told)
    told.end()
    return plain


class _Tried:
    """Tells how many maps of all were tried."""

    TOTAL = len(RIDGES) + FOLDS * len(SCALES) * len(LIFTS)

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._done = ending_once(progress), 0
        self._progress(FITTING, 0, self.TOTAL)

    def one_more(self) -> None:
        self._done += 1
        self._progress(FITTING, self._done, self.TOTAL)

    def end(self) -> None:
        """Also where there was too little to try all."""
        self._progress(FITTING, self.TOTAL, self.TOTAL)


def raising(states_RD: Floats) -> Floats:
    """The vector whose product with each of the states is nearest to 1, float32 [D] (least squares)."""
    x = states_RD.astype(np.float64)
    square = x.T @ x
    square[np.diag_indices_from(square)] += 1e-3 * max(np.trace(square) / len(square), 1e-9)
    return np.asarray(np.linalg.solve(square, x.sum(axis=0)), dtype=np.float32)


def _ridge(
    encoder: SequenceEncoder,
    vectors_NE: Floats,
    prefixes: Prefixes,
    rng: np.random.Generator,
    told: _Tried,
) -> tuple[float, dict[str, float]]:
    """(strength, {strength: mean reciprocal rank}); the usual one and {} where there is nothing to go by."""
    held = np.sort(rng.permutation(encoder.n_items)[: int(encoder.n_items * HELD_SHARE)])
    asked = np.flatnonzero(np.isin(prefixes.targets, held + 1))
    if len(held) < LEAST_HELD or not len(asked):
        return RIDGE, {}
    asked = rng.permutation(asked)[: 2 * MOST_QUERIES]
    places = np.searchsorted(held + 1, prefixes.targets[asked])
    others = np.setdiff1d(np.arange(encoder.n_items), held)
    states, tried = encoder.encode(prefixes.take(asked)), {}
    for ridge in RIDGES:
        scores = _with_rows(
            encoder, states, held, encoder.new_rows(vectors_NE, vectors_NE[held], ridge, others)
        )
        tried[f"{ridge:g}"] = float((1.0 / _ranks(scores, places)).mean())
        told.one_more()
    return float(max(tried, key=lambda name: tried[name])), tried


def _calibrated(
    encoder: SequenceEncoder,
    vectors_NE: Floats,
    plain: TextMap,
    valid: Prefixes,
    rng: np.random.Generator,
    told: _Tried,
) -> TextMap:
    histories = valid.take(np.arange(len(valid)))
    states = encoder.encode(histories)
    scores = encoder.score(states, histories).numpy()
    # Beside the state stand repeats and evidence; nothing ever followed a new item, but it has words.
    beside = torch.zeros(scores.shape)
    encoder.add_repeats_to(beside, histories)
    if encoder.evidence is not None:
        encoder.evidence.add_to(beside, histories, encoder.max_length, {"words"})
    if encoder.counts is not None:
        encoder.counts.add_to(beside, histories)
    direction = raising(states.numpy()) * scores.std(axis=1).mean()
    raised = (states.numpy() @ direction)[:, None]
    target = valid.targets.astype(np.int64) - 1
    found: dict[tuple[float, float], NDArray[np.float64]] = {}
    for part in np.array_split(rng.permutation(encoder.n_items), FOLDS):
        held = np.sort(part)
        others = np.setdiff1d(np.arange(encoder.n_items), held)
        mapped, mean = (
            _with_rows(encoder, states, held, encoder.new_rows(vectors_NE, vectors_NE[held], ridge, others))
            for ridge in (plain.ridge, FLAT)
        )
        is_held, mixed, beside_RH = np.isin(target, held), scores.copy(), beside[:, held].numpy()
        for scale in SCALES:
            for lift in LIFTS:
                mixed[:, held] = mean + scale * (mapped - mean) + lift * raised + beside_RH
                gain = 1.0 / _ranks(mixed, target)
                sums = np.array([gain[is_held].sum(), gain[~is_held].sum()])
                found[scale, lift] = found.get((scale, lift), np.zeros(2)) + sums
                told.one_more()
    least = (1.0 - COST) * found[1.0, 0.0][1]
    allowed = [key for key, (_, trained) in found.items() if trained >= least]
    scale, lift = max(allowed, key=lambda key: float(found[key][0]))
    # Each target is held out once, and trained in the other parts.
    each = np.array([len(target), len(target) * (FOLDS - 1)])
    best, usual = (found[key] / each for key in ((scale, lift), (1.0, 0.0)))
    names = ("held out", "trained", "held out, plain", "trained, plain")
    ranked = dict(zip(names, [*best.tolist(), *usual.tolist()], strict=True))
    return TextMap(plain.ridge, scale, lift, direction, plain.tried, ranked)


def _with_rows(encoder: SequenceEncoder, states: Tensor, held: Rows, rows: dict[str, Tensor]) -> Floats:
    """Scores of the `held` items after each state if they had the rows given, float32 [R, H]."""
    stand_in = copy.deepcopy(encoder)
    state = stand_in.state_dict()
    for name, part in rows.items():
        state[name][torch.from_numpy(held + (encoder.item_rows or {})[name])] = part
    wanted = torch.from_numpy(held)
    parts = [stand_in.item_scores(some)[:, wanted] for some in torch.split(states, 256)]
    found: Floats = torch.cat(parts).numpy()
    return found


def _ranks(scores_RN: Floats, places: Rows) -> NDArray[np.int64]:
    """Of the column that each row names; an equal score counts as better."""
    own = scores_RN[np.arange(len(places)), places]
    found: NDArray[np.int64] = (scores_RN >= own[:, None]).sum(axis=1)
    return found


def _repeated(queries: Prefixes) -> NDArray[np.bool_]:
    """Whether a target stands in its history: a new item never does."""
    histories = queries.take(np.arange(len(queries)))
    again = histories.values == np.repeat(queries.targets, histories.lengths)
    row = np.repeat(np.arange(len(queries)), histories.lengths)
    return np.bincount(row[again], minlength=len(queries)) > 0
