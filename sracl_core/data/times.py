"""Dates as people type them, and as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from sracl_core.errors import DataError

LEAST_DATE, LEAST_MILLISECONDS = 1e8, 1e11
"""Times above are taken for seconds (March 1973 on) and for milliseconds (the same in those)."""


def as_time(flag: str, text: str | float | None) -> float | None:
    """A number as it is, an ISO date as seconds since 1970 UTC; raises DataError otherwise.

    >>> as_time("--since", "2019-01-01")
    1546300800.0
    """
    if text is None:
        return text
    try:
        number = text if isinstance(text, int | float) else float(text)
    except ValueError:
        number = None
    if number is not None and math.isfinite(number):
        return number
    if not isinstance(text, str) or number is not None:
        raise DataError(f"{flag} {text} is no time; give a number or a date such as 2019-01-31")
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{flag} '{text}' is neither a number nor a date such as 2019-01-31") from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def span_of(first: float, last: float, dates: bool = False) -> str:
    """From when to when, as dates (UTC) where the times are dates: where told so, or by their size.

    >>> span_of(1577836800, 1577923199), span_of(1, 12), span_of(-86400, -1, dates=True)
    ('2020-01-01 00:00:00 to 2020-01-01 23:59:59', '1 to 12', '1969-12-31 00:00:00 to 1969-12-31 23:59:59')
    """
    if last < LEAST_DATE and not dates:
        return f"{first:.15g} to {last:.15g}"
    try:
        return " to ".join(str(datetime.fromtimestamp(int(time), UTC))[:19] for time in (first, last))
    except (OverflowError, ValueError, OSError):
        return f"{first:.15g} to {last:.15g}"
