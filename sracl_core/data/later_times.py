"""Whether the times of a later log are counted, and as fine, as those of the log before it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from sracl_core.data.reading.dates import COARSE
from sracl_core.data.reading.units import coarse
from sracl_core.data.times import LEAST_DATE
from sracl_core.errors import DataError

MOST_TIMES = 100
"""Plain numbers may end at so many times the latest one before."""
LEAST_DIFFERENT = 3
"""So many first days of months are no chance."""
UNITS = ("years", "months", "days", "")
"""What dates may be, the coarsest first; "" has a clock."""


def require_same_kind(
    old: pl.Series, new: pl.Series, folder: Path, path: Path, said: tuple[str, str] = ("", "")
) -> None:
    """Seconds beside months, or dates beside positions, would put new events at wrong places.

    said: what each of them are, in words. Raises DataError.
    """
    ends = [float(times.max() or 0) for times in (old, new)]  # type: ignore[arg-type]
    if all(map(_are_dates, said)) or min(ends) >= LEAST_DATE:
        return
    far = _gap(old, new) > float(old.max() - old.min())  # type: ignore[operator, arg-type]
    fractions = old.dtype.is_float() or new.dtype.is_float()
    both = pl.concat([times.cast(pl.Float64 if fractions else pl.Int64) for times in (old, new)])
    kinds = [coarse(times) for times in (old, new, both)]
    one_kind = kinds[0] == kinds[1] or kinds[2] is not None or not far
    if max(ends) < LEAST_DATE and one_kind and min(ends) > 0 and max(ends) / min(ends) <= MOST_TIMES:
        return
    are_old, are_new = (f" ({kind})" if kind else "" for kind in kinds[:2])
    raise DataError(
        f"the times of {path} end at {ends[1]:.15g}{are_new}, those of {folder} at {ends[0]:.15g}{are_old}: "
        "they are not of one kind; write the new ones as the old ones are"
    )


def on_later_times(old: pl.Series, new: pl.Series, said: str) -> list[str]:
    """Lines about new times of the same kind that are coarser or finer than the old, or far from them.

    said: what the new times are, in words.
    """
    if said == "positions in the file" or old.is_empty() or new.is_empty():
        return []
    if min(old.max(), new.max()) < LEAST_DATE and not _are_dates(said):  # type: ignore[type-var, operator]
        span, gap = float(old.max() - old.min()), _gap(old, new)  # type: ignore[operator, arg-type]
        if not 0 < span < gap:
            return []
        return [
            f"warning: the new times lie {gap:.15g} from those that were there, which span {span:.15g}; see "
            "that both count the same"
        ]
    before, now = _unit(old), UNITS[0 if re.search("%[Yy]'", said) else 1] if _is_coarse(said) else _unit(new)
    if UNITS.index(now) < UNITS.index(before):
        return [
            f"warning: the new times are {now} alone, those that were there are finer; each new interaction "
            f"stands at the beginning of its {now[:-1]}, before what was there of it"
        ]
    if before != now:
        return [
            f"the new times are finer than those that were there, which are {before} alone; what both logs "
            "have is no exact duplicate, and stands there twice"
        ]
    return []


def _are_dates(said: str) -> bool:
    return said.startswith("dates") or "since 1970" in said


def _is_coarse(said: str) -> bool:
    pattern = re.fullmatch("dates '(.*)'", said)
    return pattern is not None and COARSE.fullmatch(pattern[1]) is not None


def _gap(old: pl.Series, new: pl.Series) -> float:
    """What lies between them, 0 where they overlap."""
    return max(float(new.min() - old.max()), float(old.min() - new.max()), 0.0)  # type: ignore[operator, arg-type]


def _unit(times: pl.Series) -> str:
    if not (times % 86_400 == 0).all():
        return ""
    days = pl.from_epoch(times.unique().cast(pl.Int64), "s")
    if len(days) < LEAST_DIFFERENT or not (days.dt.day() == 1).all():
        return "days"
    return "years" if (days.dt.month() == 1).all() else "months"
