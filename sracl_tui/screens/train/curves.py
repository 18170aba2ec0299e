"""From a run's columns to the few points that a chart draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.runs.records import TOTAL, headline_of, is_number, loss_names
from sracl_tui.view_models import RunSnapshot, value, whole

Floats = NDArray[np.float64]

X_AXES = ("step", "epoch", "time")
SMOOTHINGS = (1, 5, 25, 125)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SPEED = "prefixes_per_second"
WORDS = {TOTAL: "total", SPEED: "examples"}


@dataclass(frozen=True)
class Curve:
    """One line of a chart. The letter marks it where colors do not; `last` is its latest value.

    best: which of the points is that of the epoch that the run keeps, None where no epoch is.
    raw: the same points before they were smoothed, None where they were not.
    """

    letter: str
    name: str
    x: Floats
    y: Floats
    last: float
    best: int | None = None
    color: int = 0
    raw: Floats | None = None


def losses(snapshot: RunSnapshot) -> list[str]:
    """The total loss and its parts, as the run has them; a part that is always 0 takes no part."""
    names = loss_names([dict.fromkeys(snapshot.steps, 0.0)], snapshot.meta)
    return [name for name in names if name == TOTAL or any(_column(snapshot, name) != 0.0)]


def step_curves(snapshot: RunSnapshot, names: Sequence[str], x_axis: str, smoothing: int) -> list[Curve]:
    """A curve for each of the numbers that a step has, e.g. of `losses`."""
    x = _step_axis(snapshot, x_axis)
    curves: list[Curve] = []
    for field in names:
        y = _column(snapshot, field)
        known = np.isfinite(y) & np.isfinite(x)
        if not known.any():
            continue
        smooth = moving_mean(y[known], smoothing)
        at, name = len(curves), WORDS.get(field, field.replace("_", " "))
        raw = y[known] if smoothing > 1 else None
        curves.append(Curve(_letter(at), name, x[known], smooth, float(y[known][-1]), color=at, raw=raw))
    return curves


def families(snapshot: RunSnapshot, masking: str) -> list[str]:
    """The metrics of validation without their cut-offs, the one that chooses the best epoch first."""
    headline = headline_of(snapshot.meta).partition("/")[2].partition("@")[0]
    met = dict.fromkeys(
        name.partition("@")[0] for record in snapshot.epochs for name in _valid(record, masking)
    )
    return sorted(met, key=lambda family: family != headline)


def metric_curves(snapshot: RunSnapshot, metric: str, masking: str, x_axis: str) -> list[Curve]:
    """A curve for each cut-off of `metric`, such as "NDCG", on validation, one point an epoch."""
    epochs = snapshot.epochs
    names = sorted(
        {name for record in epochs for name in _valid(record, masking) if name.partition("@")[0] == metric},
        key=lambda name: (len(name), name),
    )
    x = epoch_axis(snapshot, x_axis)
    chosen = max((at for at, record in enumerate(epochs) if record.get("best")), default=-1)
    curves = []
    for at, name in enumerate(reversed(names)):
        y = np.array([_float(_valid(record, masking).get(name)) for record in epochs])
        known = np.isfinite(y) & np.isfinite(x)
        if known.any():
            best = int(known[:chosen].sum()) if chosen >= 0 and known[chosen] else None
            curves.append(Curve(_letter(at), name, x[known], y[known], float(y[known][-1]), best, at))
    return curves


def overlaid(curves: Sequence[tuple[int, str, Curve]]) -> list[Curve]:
    """The same quantity of several runs, (number of the run, name, curve) each; the number letters them."""
    return [
        Curve(str(number), name, curve.x, curve.y, curve.last, curve.best, number - 1, curve.raw)
        for number, name, curve in curves
    ]


def moving_mean(y: Floats, window: int) -> Floats:
    """The mean of the last `window` points at each, of fewer at the start."""
    if window <= 1 or len(y) < 2:
        return y
    total = np.cumsum(y)
    mean = total.copy()
    mean[window:] = total[window:] - total[:-window]
    return mean / np.minimum(np.arange(1, len(y) + 1), window)


def reduced(x: Floats, y: Floats, columns: int) -> tuple[Floats, Floats]:
    """At most two points a column, the lowest and the highest of each bucket: no spike is lost."""
    if len(x) <= 2 * columns or columns < 1:
        return x, y
    edges = np.linspace(0, len(x), columns + 1).astype(int)
    buckets = list(itertools.pairwise(edges))
    low = np.array([first + int(np.argmin(y[first:end])) for first, end in buckets])
    high = np.array([first + int(np.argmax(y[first:end])) for first, end in buckets])
    kept = np.unique(np.concatenate([low, high, [0, len(x) - 1]]))
    return x[kept], y[kept]


def sparkline(y: Sequence[float], width: int) -> str:
    """The course of `y` in `width` characters.

    >>> sparkline([0, 1, 2, 3], 4)
    '▁▃▆█'
    """
    finite = np.array([number for number in y if math.isfinite(number)], dtype=float)
    if not len(finite) or width < 1:
        return ""
    buckets = np.array_split(finite, min(width, len(finite)))
    means = np.array([bucket.mean() for bucket in buckets])
    spread = float(means.max() - means.min())
    levels = np.zeros(len(means)) if spread == 0 else (means - means.min()) / spread
    return "".join("▁▂▃▄▅▆▇█"[round(float(level) * 7)] for level in levels)


def epoch_axis(snapshot: RunSnapshot, x_axis: str) -> Floats:
    """Where each epoch's end lies on the axis."""
    field = {"step": "step", "epoch": "epoch", "time": "elapsed"}[x_axis]
    ends = np.array([_float(record.get(field)) for record in snapshot.epochs])
    return ends + 1 if x_axis == "epoch" else ends


def _letter(at: int) -> str:
    return LETTERS[at % len(LETTERS)]


def _step_axis(snapshot: RunSnapshot, x_axis: str) -> Floats:
    steps = _column(snapshot, "step")
    if x_axis == "time":
        return _column(snapshot, "elapsed")
    if x_axis == "step":
        return steps
    total, most = snapshot.state.get("total_steps"), whole(value(snapshot, "training.max_epochs"))
    if total and most:
        return steps / (total / most)
    return _column(snapshot, "epoch")


def _column(snapshot: RunSnapshot, field: str) -> Floats:
    column = snapshot.steps.get(field)
    return (
        np.full(len(snapshot.steps.get("step", ())), np.nan)
        if column is None
        else np.array(column, dtype=float)
    )


def _valid(record: Mapping[str, Any], masking: str) -> Mapping[str, Any]:
    valid = record.get("valid")
    found = valid.get(masking) if isinstance(valid, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _float(found: Any) -> float:
    return float(found) if is_number(found) else math.nan
