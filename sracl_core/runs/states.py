"""What may stand in a run's files, read leniently: a value of the wrong kind is as if it were missing.

Runs are read while they are written, after disks were full, and from other people's machines. Whoever
lists or watches many of them must not stumble over one, so each file is read through a model here
that keeps what has the right type; what a model does not know passes as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapValidator

from sracl_core.files import read_json
from sracl_core.runs.events import Record

MOST_STEPS = 2**53
"""Counts beyond this are damage; a float, which a chart draws, holds all below exactly."""


def _or_missing(value: Any, handler: Any) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _count(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_STEPS
    return value if fits else None


def _number(value: Any) -> float | int | None:
    try:
        finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return None
    return value if finite else None


def _metrics(value: Any) -> dict[str, dict[str, float]] | None:
    """{"unmasked": {"HR@5": 0.1}}, without what is no number."""
    if not isinstance(value, Mapping):
        return None
    return {
        str(mask): {str(name): held for name, held in metrics.items() if _number(held) is not None}
        for mask, metrics in value.items()
        if isinstance(metrics, Mapping)
    }


def _texts(value: Any) -> list[str] | None:
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else None


def _tables(value: Any) -> list[dict[str, Any]] | None:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else None


Text = Annotated[str | None, WrapValidator(_or_missing)]
Count = Annotated[int | None, BeforeValidator(_count)]
Number = Annotated[float | int | None, BeforeValidator(_number)]
Metrics = Annotated[dict[str, dict[str, float]] | None, BeforeValidator(_metrics)]
Texts = Annotated[list[str] | None, BeforeValidator(_texts)]
Table = Annotated[dict[str, Any] | None, WrapValidator(_or_missing)]

Tables = Annotated[list[dict[str, Any]] | None, BeforeValidator(_tables)]


class Lenient(BaseModel):
    """Keeps what it does not know."""

    model_config = ConfigDict(extra="allow", strict=True)


class RunState(Lenient):
    """state.json."""

    format_version: Count = None
    pid: Count = None
    process_start: Text | Number = None
    host: Text = None
    status: Text = None
    stage: Text = None
    step: Count = None
    total_steps: Count = None
    epoch: Count = None
    elapsed: Number = None
    done: Number = None
    total: Number = None
    heartbeat: Number = None
    eta_seconds: Number = None
    epoch_eta_seconds: Number = None
    error: Text = None
    best_epoch: Count = None
    best_valid: Metrics = None
    stages: Table = None
    peak_memory: Count = None
    processes: Count = None


class RunMeta(Lenient):
    """meta.json. `headline` is the metric that chooses the best epoch, e.g. "unmasked/NDCG@20"."""

    format_version: Count = None
    name: Text = None
    created: Number = None
    argv: Texts = None
    seed: Count = None
    device: Text = None
    parts: Texts = None
    headline: Text = None
    protocol: Table = None
    versions: Table = None
    epochs_changed: Tables = None
    caveats: Texts = None


class RunResults(Lenient):
    """results.json."""

    protocol: Table = None
    valid: Metrics = None
    test: Metrics = None
    best_epoch: Count = None
    training_seconds: Number = None
    stages: Table = None
    parameters: Count = None
    peak_memory: Count = None


class _Step(Lenient):
    step: Count = None
    epoch: Count = None


class _Epoch(_Step):
    loss: Number = None
    seconds: Number = None
    elapsed: Number = None
    prefixes_per_second: Number = None
    valid: Metrics = None


class _Stage(Lenient):
    stage: Text = None
    status: Text = None
    seconds: Number = None
    done: Number = None
    total: Number = None
    eta_seconds: Number = None
    steps_per_epoch: Count = None


class _Message(Lenient):
    level: Text = None
    text: Text = None
    part: Text = None
    step: Count = None
    patience: Count = None
    epochs_without_gain: Count = None


_RECORDS: dict[str, tuple[type[Lenient], str]] = {
    "epoch": (_Epoch, "epoch"),
    "stage": (_Stage, "stage"),
    "progress": (_Stage, "stage"),
    "checkpoint": (_Step, ""),
    "message": (_Message, ""),
    "plateau": (_Message, ""),
    "non_finite": (_Message, ""),
    "run_resumed": (_Step, ""),
}
"""For each kind of event its model, and the field without which it says nothing."""

_Model = TypeVar("_Model", bound=Lenient)


def lenient(model: type[_Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without those that `model` knows to be of another kind.

    >>> lenient(RunState, {"step": "x", "epoch": 3, "mine": []})
    {'epoch': 3, 'mine': []}
    """
    kept = model.model_validate(dict(values)).model_dump(exclude_unset=True)
    return {name: held for name, held in kept.items() if held is not None or values[name] is None}


def read_lenient(model: type[_Model], path: Any) -> dict[str, Any] | None:
    """The file as `model` reads it, None where there is none that can be read."""
    values = read_json(path)
    return None if values is None else lenient(model, values)


def sound_record(values: Any) -> Record | None:
    """One event of metrics.jsonl as it may be drawn; None for what is none, or says nothing."""
    if not isinstance(values, dict) or not isinstance(values.get("event"), str):
        return None
    if values["event"] == "step":
        # By far the most lines: only what places the point is looked at; RunHistory reads numbers alone.
        return values if _count(values.get("step")) is not None else None
    model, needed = _RECORDS.get(values["event"], (None, ""))
    if model is None:
        return values
    kept = lenient(model, values)
    return kept if not needed or kept.get(needed) is not None else None
