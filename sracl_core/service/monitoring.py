"""How a run does on what happened after its training, week by week, and whether to train anew."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.append import read_later
from sracl_core.data.object_store import here
from sracl_core.data.prefixes import query_prefixes
from sracl_core.data.reading.base import Raw, ReadOptions
from sracl_core.data.remarks import on_unknown
from sracl_core.data.sequences import Sequences
from sracl_core.data.times import LEAST_DATE
from sracl_core.errors import DataError, InputError
from sracl_core.evaluation.metrics import mean_metrics, per_query
from sracl_core.evaluation.ranking import Ranks, rank_queries, scores_of
from sracl_core.explorer.loading import LoadedRun
from sracl_core.progress import Progress
from sracl_core.rules.catalogue import popularity
from sracl_core.service.drift import Drift
from sracl_core.settings.section import WHOLE_HISTORY

WEEK = 7 * 86400
MONDAY = 4 * 86400
"""1970 began on a Thursday: the first Monday's second."""
RECENT = 0.1
"""Share of the training log, its latest events, that drift is measured from."""
NEW_ITEMS, STABILITY, TEXT, NOISES, ERRORS = 0.1, 0.25, 0.05, 3.0, 2.0
"""When to train anew: share of events with unknown items; drifts, each also against its noise; and by how
many standard errors the headline fell since the first week."""


@dataclass(frozen=True)
class Events:
    """n events after training, by time within each user.

    users: code of each event's person [n]; starts: the known history of each person before the first.
    items: index of each event's item, 0 where the run does not know it. known_user: bool [n].
    """

    users: NDArray[np.int64]
    items: NDArray[np.int32]
    times: NDArray[np.float64]
    known_user: NDArray[np.bool_]
    starts: Sequences


def read_events(paths: list[Path], loaded: LoadedRun, options: ReadOptions | None = None) -> Raw:
    """A log of what came later, read as `sracl data append` reads it. Raises DataError."""
    dataset = loaded.dataset
    with tempfile.TemporaryDirectory() as place:
        raw = read_later(dataset, [here(path) for path in paths], options, Path(place))
    notes = [
        note
        for ids, what in ((dataset.users.ids, "users"), (dataset.items.ids, "items"))
        for note in on_unknown(raw.interactions[f"{what[:-1]}_id"], pl.Series(ids, dtype=pl.String), what)
    ]
    return replace(raw, notes=[*raw.notes, *notes])


def monitor(loaded: LoadedRun, log: pl.DataFrame, progress: Progress | None = None) -> dict[str, Any]:
    """The run on the events of `log` that came after its dataset ends.

    Each event is asked for after all that its person did before it, in the dataset and since; who has no
    known item before it, and events with unknown items, are counted and cannot be asked for.

    Returns {"run", "headline", "trained_until", "test" (the run's own results), "earlier_events",
    "duplicates" (dropped, as where a dataset is prepared), "weeks": [{"week", "events", "asked", metrics,
    ...}], "refresh": {"wanted", "reasons"}}. Raises InputError where no event is after the dataset's end.
    """
    dataset, end = loaded.dataset, float(loaded.dataset.timestamps.max())
    after = log.filter(pl.col("timestamp") > end)
    later = after.unique(["user_id", "item_id", "timestamp"], keep="first", maintain_order=True)
    if later.is_empty():
        raise InputError(f"no event is after the run's log, which ends at {_told(end)}; give what came since")
    events = _events(loaded, later)
    ranks, of_event = _ranked(loaded, events, progress)
    rows = np.argsort(dataset.timestamps, kind="stable")
    recent = dataset.sequences.values[rows[-max(1, round(RECENT * len(rows))) :]].astype(np.int64) - 1
    counts = popularity(dataset.sequences, dataset.n_items)
    drift = Drift(counts, recent, np.asarray(loaded.item_vectors), loaded.config.training.seed)
    weeks = week_of(events.times)
    headline = loaded.config.training.monitor
    told = [
        _week(loaded, events, ranks, of_event, drift, weeks == week, int(week)) for week in np.unique(weeks)
    ]
    return {
        "run": loaded.run.name,
        "headline": headline,
        "trained_until": end,
        "test": (loaded.run.results() or {}).get("test"),
        "earlier_events": log.height - after.height,
        "duplicates": after.height - later.height,
        "weeks": told,
        "refresh": refresh(told, headline),
    }


def week_of(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """The Monday before each time, in seconds; 0 for all where times are no dates."""
    if float(times.min()) < LEAST_DATE:
        return np.zeros(len(times), dtype=np.int64)
    found: NDArray[np.int64] = ((times - MONDAY) // WEEK * WEEK + MONDAY).astype(np.int64)
    return found


def refresh(weeks: list[dict[str, Any]], headline: str) -> dict[str, Any]:
    """Whether to train anew, by the latest week, and why."""
    latest, reasons = weeks[-1], []
    if latest["unknown_items"] > NEW_ITEMS:
        reasons.append(
            f"{latest['unknown_items']:.0%} of the latest week's events are with items it does not know"
        )
    for name, most, what in (
        ("popularity", STABILITY, "what is popular"),
        ("text", TEXT, "what the texts say"),
    ):
        found = latest[f"{name}_drift"]
        if found is not None and found > max(most, NOISES * latest[f"{name}_noise"]):
            reasons.append(f"{what} has moved by {found:.2f} since training (more than {most:g})")
    asked = [week for week in weeks if week["asked"] > 1]
    if len(asked) > 1:
        first, last = asked[0], asked[-1]
        fell, error = first[headline] - last[headline], np.hypot(first["error"], last["error"])
        if fell > ERRORS * error:
            reasons.append(f"{headline} fell by {fell:.4f} since the first week (standard error {error:.4f})")
    return {"wanted": bool(reasons), "reasons": reasons}


def _events(loaded: LoadedRun, later: pl.DataFrame) -> Events:
    dataset = loaded.dataset
    names = later["user_id"].unique(maintain_order=True)
    codes = pl.DataFrame({"user_id": names, "code": np.arange(len(names), dtype=np.int64)})
    items = pl.DataFrame(
        {"item_id": dataset.items.ids, "item": np.arange(1, dataset.n_items + 1, dtype=np.int32)}
    )
    joined = (
        later.join(codes, on="user_id", how="left", maintain_order="left")
        .join(items, on="item_id", how="left", maintain_order="left")
        .sort("code", "timestamp", maintain_order=True)
    )
    known = dict(zip(dataset.users.ids, range(dataset.n_users), strict=True))
    rows = np.array([known.get(name, -1) for name in names], dtype=np.int64)
    lengths = np.where(rows < 0, 0, dataset.sequences.lengths[rows])
    users = joined["code"].to_numpy()
    return Events(
        users,
        joined["item"].fill_null(0).to_numpy().astype(np.int32),
        joined["timestamp"].cast(pl.Float64).to_numpy(),
        rows[users] >= 0,
        Sequences.of_lengths(dataset.sequences.take(rows[rows >= 0]).values, lengths),
    )


def _ranked(loaded: LoadedRun, events: Events, progress: Progress | None) -> tuple[Ranks, NDArray[np.int64]]:
    """Ranks of the events that can be asked for, and which events they are."""
    known = np.flatnonzero(events.items)
    before = np.repeat(np.arange(len(events.starts)), events.starts.lengths)
    users = np.concatenate([before, events.users[known]])
    order = np.argsort(users, kind="stable")
    values = np.concatenate([events.starts.values, events.items[known]])[order]
    event = np.concatenate([np.full(len(before), -1), known])[order]
    lengths = np.bincount(users, minlength=len(events.starts))
    whole = Sequences.of_lengths(values, lengths.astype(np.int64))
    first = np.repeat(whole.offsets[:-1], whole.lengths)
    ends = np.flatnonzero((event >= 0) & (np.arange(len(values)) > first))
    asked = users[order][ends].astype(np.int32)
    queries, histories = (
        query_prefixes(whole, asked, ends, most) for most in (loaded.config.model.reach, WHOLE_HISTORY)
    )
    told = partial(progress, "rank") if progress else None
    batch = loaded.config.evaluation.batch_size
    return rank_queries(scores_of(loaded.encoder), queries, histories, batch, told), event[ends]


def _week(
    loaded: LoadedRun,
    events: Events,
    ranks: Ranks,
    of_event: NDArray[np.int64],
    drift: Drift,
    inside: NDArray[np.bool_],
    week: int,
) -> dict[str, Any]:
    asked = inside[of_event]
    mask, _, metric = loaded.config.training.monitor.partition("/")
    values = per_query(metric, getattr(ranks, mask)[asked])
    metrics = {
        f"{name}/{key}": value
        for name in ("unmasked", "masked")
        for key, value in mean_metrics(getattr(ranks, name)[asked], loaded.config.evaluation.ks).items()
    }
    rows = events.items[inside & (events.items > 0)].astype(np.int64) - 1
    popular, text = (drift.popularity(rows), drift.text(rows)) if len(rows) else (None, None)
    return {
        "week": _told(week) if week else None,
        "events": int(inside.sum()),
        "users": len(np.unique(events.users[inside])),
        "asked": int(asked.sum()),
        **metrics,
        "error": float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None,
        "unknown_items": float((events.items[inside] == 0).mean()),
        "unknown_users": float((~events.known_user[inside]).mean()),
        "popularity_drift": popular.value if popular else None,
        "popularity_noise": popular.noise if popular else None,
        "text_drift": text.value if text else None,
        "text_noise": text.noise if text else None,
    }


def _told(time: float) -> str:
    """A time as a date where it is one."""
    if time < LEAST_DATE:
        return f"{time:.15g}"
    try:
        return str(datetime.fromtimestamp(time, UTC).date())
    except (OverflowError, ValueError, OSError) as error:
        raise DataError(f"the time {time:.15g} is no date of this millennium") from error
