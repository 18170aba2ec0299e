"""What the Train screen draws, worked out from snapshots alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.evaluation.protocols import unlike
from sracl_core.json_values import flat
from sracl_core.runs.records import TOTAL, epoch_rows
from sracl_tui.content import Content
from sracl_tui.screens.train.chart_settings import ChartSettings, shown_families
from sracl_tui.screens.train.curves import (
    SPEED,
    Curve,
    losses,
    metric_curves,
    overlaid,
    step_curves,
)
from sracl_tui.view_models import RunSnapshot, short_name


@dataclass(frozen=True)
class Tile:
    """One chart: its widget's id, title, small print and curves."""

    id: str
    title: str
    note: str
    curves: list[Curve]
    log: bool = False


def tiles(runs: Sequence[RunSnapshot], how: ChartSettings) -> list[Tile]:
    """The four charts of the first run, or of one quantity each when several are compared."""
    smooth = f"mean of {how.smoothing}" if how.smoothing > 1 else ""
    axis = f"x: {how.x_axis}"
    notes = "  ".join(part for part in (axis, smooth, "log" if how.log_axis else "") if part)
    run = runs[0]
    names = losses(run)
    headline, second = shown_families(run, how)
    if len(runs) > 1:
        aside = names[2] if len(names) > 2 else SPEED
        return [
            Tile("tile-loss", "Total loss", notes, _steps_of_each(runs, TOTAL, how), how.log_axis),
            _metric_tile("tile-headline", runs, headline, how, axis),
            _metric_tile("tile-metric", runs, second, how, axis),
            Tile("tile-parts", _aside(aside), notes, _steps_of_each(runs, aside, how), how.log_axis),
        ]
    # A single part is the total once more.
    main, rest = (names[:1] if len(names) == 2 else names[:2]), names[2:] or [SPEED]
    title = "Other losses" if len(names) > 2 else _aside(SPEED)
    return [
        Tile("tile-loss", "Loss", notes, step_curves(run, main, how.x_axis, how.smoothing), how.log_axis),
        Tile("tile-parts", title, notes, step_curves(run, rest, how.x_axis, how.smoothing), how.log_axis),
        _metric_tile("tile-headline", runs, headline, how, axis),
        _metric_tile("tile-metric", runs, second, how, axis),
    ]


def _metric_tile(id: str, runs: Sequence[RunSnapshot], family: str, how: ChartSettings, note: str) -> Tile:
    if len(runs) == 1:
        curves = metric_curves(runs[0], family, how.masking, how.x_axis)
        return Tile(id, f"Validation {family}, {how.masking}", note, curves)
    each = [metric_curves(run, family, how.masking, how.x_axis) for run in runs]
    met = [[curve.name for curve in curves] for curves in each if curves]
    # Curves of two cut-offs, or of two protocols, look as if one run were the better.
    name = next((name for name in (met[0] if met else ()) if all(name in names for names in met)), None)
    kept = [[curve for curve in curves if curve.name == name] for curves in each]
    if found := unlike([_identity(run) for run in runs], [run.meta.get("protocol") or {} for run in runs]):
        note = f"{note}  NOT COMPARABLE: {', '.join(found)}"
    elif met and name is None:
        note = f"{note}  no cut-off in common"
    return Tile(id, f"Validation {name or family}, {how.masking}", note, _of_each(runs, kept))


def _identity(run: RunSnapshot) -> Any:
    dataset = run.meta.get("dataset")
    return dataset.get("identity") if isinstance(dataset, Mapping) else None


def _steps_of_each(runs: Sequence[RunSnapshot], field: str, how: ChartSettings) -> list[Curve]:
    return _of_each(runs, [step_curves(run, [field], how.x_axis, how.smoothing) for run in runs])


def _of_each(runs: Sequence[RunSnapshot], each: Sequence[Sequence[Curve]]) -> list[Curve]:
    return overlaid(
        [
            (number, short_name(run.name), curve)
            for number, (run, curves) in enumerate(zip(runs, each, strict=True), start=1)
            for curve in curves
        ]
    )


def _aside(field: str) -> str:
    return "Speed, examples a second" if field == SPEED else f"Loss: {field.replace('_', ' ')}"


def export(snapshot: RunSnapshot) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The epochs as flat rows, and all that is known as one document."""
    whole = {
        "run": str(snapshot.path),
        "status": snapshot.status,
        "settings": snapshot.settings,
        "meta": dict(snapshot.meta),
        "epochs": [dict(record) for record in snapshot.epochs],
        "results": snapshot.results,
    }
    return epoch_rows(snapshot.epochs), whole


def summary(snapshot: RunSnapshot) -> str:
    """The run in a few lines, for the clipboard."""
    lines = [str(snapshot.path), f"status: {snapshot.status}"]
    best = next((record for record in reversed(snapshot.epochs) if record.get("best")), None)
    if best:
        lines.append(f"best epoch: {best.get('epoch', 0) + 1}")
        lines.append(f"valid: {json.dumps(best.get('valid'))}")
    if snapshot.results:
        lines.append(f"test: {json.dumps(snapshot.results.get('test'))}")
    return "\n".join(lines)


def difference(one: Path, other: Path) -> Content:
    """The settings in which two runs differ, side by side."""
    from sracl_core.runs.directory import RunDirectory

    left, right = flat(RunDirectory(one).settings()), flat(RunDirectory(other).settings())
    names = [name for name in {**left, **right} if left.get(name) != right.get(name)]
    head = Content.assemble(
        ("1  ", "bold $accent"), (short_name(one.name), "bold"), "\n",
        ("2  ", "bold $accent"), (short_name(other.name), "bold"), "\n",
    )  # fmt: skip
    if not names:
        return head + Content("\nEvery setting is the same.")
    width = max(len(name) for name in names)
    lines = [
        Content.assemble(
            f"\n{name:<{width}}  ", (str(left.get(name, "not set")), "bold"), ("  →  ", "$muted"),
            (str(right.get(name, "not set")), "bold $accent"),
        )
        for name in names
    ]  # fmt: skip
    return head + Content("").join(lines)
