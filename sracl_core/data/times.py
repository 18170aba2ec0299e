"""Dates as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

from sracl_core.errors import DataError


def as_time(flag: str, text: str | None) -> float | None:
    """A number as it is, an ISO date as seconds since 1970 UTC; raises DataError otherwise.

    >>> as_time("--since", "2019-01-01")
    1546300800.0
    """
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{flag} '{text}' is neither a number nor a date such as 2019-01-31") from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
