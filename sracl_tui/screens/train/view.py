"""What the Train screen draws, worked out from snapshots alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sracl_tui.content import Content
from sracl_tui.screens.train.curves import LOSSES, Curve, loss_curves, metric_curves, overlaid
from sracl_tui.view_models import RunSnapshot, short_name
from sracl_tui.watcher import read_settings

if TYPE_CHECKING:
    from sracl_tui.preferences import Preferences


@dataclass(frozen=True)
class ChartSettings:
    """How the person wants the charts."""

    x_axis: str
    smoothing: int
    log: bool
    masking: str

    @staticmethod
    def of(preferences: Preferences) -> ChartSettings:
        """As remembered."""
        return ChartSettings(
            preferences["x_axis"], preferences["smoothing"], preferences["log_axis"], preferences["masking"]
        )


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
    notes = "  ".join(part for part in (axis, smooth, "log" if how.log else "") if part)
    if len(runs) == 1:
        run = runs[0]
        losses = [loss_curves(run, part, how.x_axis, how.smoothing) for part in (LOSSES[:2], LOSSES[2:])]
        metrics = {name: metric_curves(run, name, how.masking, how.x_axis) for name in ("NDCG", "HR")}
        return [
            Tile("tile-loss", "Loss", notes, losses[0], how.log),
            Tile("tile-parts", "Contrastive losses", notes, losses[1], how.log),
            Tile("tile-ndcg", f"Validation NDCG, {how.masking}", axis, metrics["NDCG"]),
            Tile("tile-hr", f"Validation HR, {how.masking}", axis, metrics["HR"]),
        ]
    return [
        Tile("tile-loss", "Total loss", notes, _of_each(runs, "loss", how), how.log),
        Tile("tile-ndcg", f"Validation NDCG@20, {how.masking}", axis, _of_each(runs, "NDCG", how)),
        Tile("tile-hr", f"Validation HR@20, {how.masking}", axis, _of_each(runs, "HR", how)),
        Tile("tile-parts", "Inter-user loss", notes, _of_each(runs, "inter", how), how.log),
    ]


def _of_each(runs: Sequence[RunSnapshot], what: str, how: ChartSettings) -> list[Curve]:
    found = []
    for number, run in enumerate(runs, start=1):
        if what == "loss":
            curves = loss_curves(run, LOSSES[:1], how.x_axis, how.smoothing)
        elif what == "inter":
            curves = loss_curves(run, LOSSES[2:3], how.x_axis, how.smoothing)
        else:
            curves = metric_curves(run, what, how.masking, how.x_axis)[:1]
        found += [(number, short_name(run.name), curve) for curve in curves]
    return overlaid(found)


def export(snapshot: RunSnapshot) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The epochs as flat rows, and all that is known as one document."""
    rows = []
    for record in snapshot.epochs:
        row = {key: held for key, held in record.items() if key not in ("event", "time", "valid")}
        for masking, metrics in (record.get("valid") or {}).items():
            row |= {f"{masking}/{name}": number for name, number in metrics.items()}
        rows.append(row)
    whole = {
        "run": str(snapshot.path),
        "status": snapshot.status,
        "settings": snapshot.settings,
        "meta": dict(snapshot.meta),
        "epochs": [dict(record) for record in snapshot.epochs],
        "results": snapshot.results,
    }
    return rows, whole


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
    left, right = flat(read_settings(one / "config.yaml")), flat(read_settings(other / "config.yaml"))
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


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key.

    >>> flat({"training": {"seed": 3}})
    {'training.seed': 3}
    """
    found: dict[str, Any] = {}
    for name, held in values.items():
        if isinstance(held, Mapping):
            found |= flat(held, f"{prefix}{name}.")
        else:
            found[prefix + name] = held
    return found
