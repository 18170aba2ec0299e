"""Runs as pictures: validation against minutes, metrics by group, and the long tail. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sracl_core.data.sources import Sources, sources_of
from sracl_core.errors import ConfigError, InputError
from sracl_core.evaluation.groups import groups
from sracl_core.evaluation.protocols import require_comparable
from sracl_core.evaluation.stored import load_lists
from sracl_core.files import make_folder, whole_file
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.reader import read_history
from sracl_core.runs.records import headline_of, metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("curves", "groups", "tail")
FORMATS = (".png", ".svg", ".pdf")
PANEL_INCHES = (7.0, 4.0)


def curve(run: RunDirectory, headline: str) -> tuple[list[float], list[float]]:
    """Minutes of training and the metric on validation, after each epoch."""
    points = [
        (float(record["elapsed"]) / 60.0, value)
        for record in read_history(run.path).epochs
        if record.get("elapsed") is not None and (value := metric(record.get("valid"), headline)) is not None
    ]
    return [minutes for minutes, _ in points], [value for _, value in points]


def tail(run: RunDirectory, sources: Sources, mask: str) -> tuple[np.ndarray, np.ndarray]:
    """Items from the most popular in training on, and what share of all places in lists they have so far.

    Returns:
        (share of items, share of places), float64 [N + 1], from (0, 0) to (1, 1).
    """
    n_items = sources.dataset.n_items
    shown = load_lists(run)[f"{mask}_list"]
    counts = np.bincount(shown[shown > 0] - 1, minlength=n_items)
    return _shares(counts[_by_popularity(sources)])


def plot(runs: Sequence[RunDirectory], kinds: Sequence[str], path: Path, mask: str = "masked") -> list[str]:
    """Draw `kinds` of `runs`, one below the other, into `path`; returns those that were drawn.

    A kind of which no run has anything, as floors have no curves, is left out. Raises ConfigError where
    matplotlib is not installed, InputError for a file of another kind or nothing to draw,
    IncomparableError for runs of different data or protocols.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a picture ends in {', '.join(FORMATS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            "pictures need matplotlib; install it with: pip install 'sracl-tui[plots]'"
        ) from None
    require_comparable(runs)
    headline = headline_of(runs[0].meta())
    learned = [run for run in runs if curve(run, headline)[0]]
    drawn = [kind for kind in kinds if kind != "curves" or learned]
    if not drawn:
        raise InputError("none of the runs has an epoch to draw; floors have groups and a tail")
    width, height = PANEL_INCHES
    figure = Figure(figsize=(width, height * len(drawn)), layout="constrained")
    panels = figure.subplots(len(drawn), 1, squeeze=False)[:, 0]
    sources = sources_of(runs[0], runs[0].config) if {"groups", "tail"} & set(drawn) else None
    for kind, panel in zip(drawn, panels, strict=True):
        if kind == "curves":
            _draw_curves(panel, learned, headline)
        elif sources is not None:
            (_draw_groups if kind == "groups" else _draw_tail)(panel, runs, sources, mask)
        panel.legend(fontsize="small")
    make_folder(path.parent)
    with whole_file(path) as stream:
        figure.savefig(stream, dpi=150, format=path.suffix[1:].lower())
    return drawn


def _draw_curves(panel: Axes, runs: Sequence[RunDirectory], headline: str) -> None:
    for run in runs:
        panel.plot(*curve(run, headline), marker="o", markersize=3, label=_label(run))
    panel.set(xlabel="minutes of training", ylabel=f"validation {headline}")


def _draw_groups(panel: Axes, runs: Sequence[RunDirectory], sources: Sources, mask: str) -> None:
    largest = max(runs[0].config.evaluation.ks)
    name, width = f"NDCG@{largest}", 0.8 / len(runs)
    for at, run in enumerate(runs):
        rows = [row for row in groups(run, sources, (largest,)) if row["users"]]
        places = np.arange(len(rows)) + (at - (len(runs) - 1) / 2) * width
        panel.bar(places, [row[mask][name] for row in rows], width, label=_label(run))
        labels = [f"{row['by']}\n{row['group'].partition(',')[0]}\n{row['users']:,}" for row in rows]
        panel.set_xticks(range(len(rows)), labels, fontsize="x-small")
    panel.set(ylabel=f"test {name}, {mask}", xlabel="group, and its test users")


def _draw_tail(panel: Axes, runs: Sequence[RunDirectory], sources: Sources, mask: str) -> None:
    for run in runs:
        panel.plot(*tail(run, sources, mask), label=_label(run))
    train = np.bincount(sources.split.train.values - 1, minlength=sources.dataset.n_items)
    panel.plot(*_shares(train[_by_popularity(sources)]), "k:", label="training interactions")
    panel.set(xlabel="share of items, most popular first", ylabel=f"share of places in lists, {mask}")


def _by_popularity(sources: Sources) -> np.ndarray:
    train = np.bincount(sources.split.train.values - 1, minlength=sources.dataset.n_items)
    return np.argsort(-train, kind="stable")


def _shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    so_far = np.concatenate(([0], np.cumsum(counts))) / max(int(counts.sum()), 1)
    return np.linspace(0.0, 1.0, len(so_far)), so_far


def _label(run: RunDirectory) -> str:
    said: Any = run.meta().get("name") or run.name
    return str(said)
