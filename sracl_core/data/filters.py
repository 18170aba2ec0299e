"""What is kept of a log, and a funnel that says what each filter dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import polars as pl

from sracl_core.data.kcore import k_core
from sracl_core.data.times import LEAST_DATE, span_of
from sracl_core.errors import DataError

EARLY_YEAR, LATE_YEAR = 1900, 2100
LEAST_HISTORY = 3
"""Leave-one-out needs one interaction to learn from, one for validation and one for test."""


class FunnelStep(TypedDict):
    """What is left after a filter."""

    step: str
    users: int
    items: int
    interactions: int


@dataclass
class Log:
    """Interactions as codes: columns user, item (uint32), timestamp and perhaps rating.

    Sorted by user, time and row of the source from the start; filters only take rows away.
    """

    frame: pl.DataFrame
    funnel: list[FunnelStep] = field(default_factory=list)

    def keep(self, step: str, frame: pl.DataFrame, advice: str = "loosen that filter") -> None:
        """Go on with `frame` and note in the funnel what is left; raises DataError if nothing is.

        advice: what a person may then do.
        """
        before = self.frame.height
        self.frame = frame
        users, items = frame.select(pl.col("user", "item").n_unique()).row(0)
        self.funnel.append(FunnelStep(step=step, users=users, items=items, interactions=frame.height))
        if frame.is_empty():
            raise DataError(
                f"nothing is left after '{step}' (of {before:,} interactions before it); {advice}"
            )


def by_rating(log: Log, least: float) -> None:
    """Keep interactions rated `least` or more."""
    log.keep(f"rating >= {least:g}", log.frame.filter(pl.col("rating") >= least), "lower --min-rating")


def by_time(log: Log, since: float | None, until: float | None) -> None:
    """Keep times in [since, until); raises DataError where a bound is a date and the times are none."""
    frame, words = log.frame, []
    first, last = float(frame["timestamp"].min() or 0), float(frame["timestamp"].max() or 0)  # type: ignore[arg-type]
    for flag, bound in (("--since", since), ("--until", until)):
        if bound is not None and bound > LEAST_DATE > last:
            day = span_of(bound, bound)[:10]
            raise DataError(
                f"{flag} {bound:.15g} is a date in seconds ({day}), the data's times ({first:.15g} to "
                f"{last:.15g}) are no dates; give {flag} a number among them"
            )
        if bound is not None and EARLY_YEAR <= bound <= LATE_YEAR and last > LEAST_DATE:
            raise DataError(f"{flag} {bound:.15g} is no date; for the year give {flag} {bound:.0f}-01-01")
    if since is not None and until is not None and since >= until:
        raise DataError("--since is not before --until, so that no time lies between them; exchange them")
    if since is not None:
        frame, words = frame.filter(pl.col("timestamp") >= since), [f"{_moment(since)} <= time"]
    if until is not None:
        frame, words = frame.filter(pl.col("timestamp") < until), [*words, f"time < {_moment(until)}"]
    log.keep(" and ".join(words), frame, f"the times are {span_of(first, last)}: move --since or --until")


def _moment(time: float) -> str:
    """As a person gave it: a date, where it is one by its size."""
    return span_of(time, time).partition(" to ")[0]


def without_duplicates(log: Log) -> None:
    """Drop repetitions of the same user, item and time; the same item at another time is kept.

    Of a split of one's own each part keeps what it has, or it would ask for something else than was given.
    """
    frame = log.frame
    same = ["user", "timestamp", *(["part"] if "part" in frame.columns else [])]
    again = frame.select(pl.all_horizontal(pl.col(same) == pl.col(same).shift())).to_series().fill_null(False)
    tied = again | again.shift(-1, fill_value=False)
    if tied.any():
        # Only among rows of one user at one time can there be any: mostly few, and a table of all is 1 GB.
        rows = frame.with_row_index("row").filter(tied)
        firsts = rows.unique([*same, "item"], keep="first", maintain_order=True)["row"]
        kept = ~tied.to_numpy()
        kept[firsts.to_numpy()] = True
        frame = frame.filter(pl.Series(kept))
    log.keep("exact duplicates dropped", frame)


def by_core(log: Log, k: int) -> None:
    """Keep the k-core, then see that every user is left with the history that a split needs."""
    if k > 1:
        log.keep(f"{k}-core", _core(log.frame, k, k), "lower --k-core, of which 1 keeps all")
    if "part" in log.frame.columns:
        return  # a split that was given says itself what is held out
    shortest = log.frame.group_by("user").len()["len"].min()
    if isinstance(shortest, int) and shortest < LEAST_HISTORY:
        step = f"users with fewer than {LEAST_HISTORY} interactions dropped"
        kept, users = _core(log.frame, LEAST_HISTORY, k), log.frame["user"].n_unique()
        log.keep(
            step,
            kept,
            f"the log has {users:,} users, and one interaction a row is needed: see that the right columns "
            "are the users and the items (--user-col, --item-col)",
        )


def _core(frame: pl.DataFrame, user_min: int, item_min: int) -> pl.DataFrame:
    users, items = frame["user"].to_numpy(), frame["item"].to_numpy()
    return frame[k_core(users, items, user_min, item_min)]


def by_sample(log: Log, count: int, seed: int) -> None:
    """Keep `count` users at random, whole; which ones does not depend on the file's order."""
    users = log.frame["user"].unique().sort().to_numpy()
    chosen = np.random.default_rng(seed).permutation(users)[:count]
    log.keep(f"sample of {count:,} users", log.frame.filter(pl.col("user").is_in(chosen)))


def by_length(log: Log, most: int) -> None:
    """Keep every user's latest `most` interactions."""
    from_end = pl.int_range(pl.len(), 0, -1).over("user")
    log.keep(f"latest {most} of each user", log.frame.filter(from_end <= most))
