"""Times that are none, or that stand in two columns: read as what they are, or refused with what to do."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sracl_core.errors import DataError
from tests.data.test_forms import csv, made, write

RANDOM = random.Random(7)
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
ROWS = [
    (f"u{at % 8}", f"i{RANDOM.randrange(9)}", BEGIN + timedelta(seconds=RANDOM.randrange(60 * 86400)))
    for at in range(120)
]
Cells = Callable[[datetime], tuple[object, ...]]
DAYS_FROM_FIRST: Cells = lambda t: ((t - BEGIN).days + 1, f"{t:%H%M}")  # noqa: E731

# header behind "user,item,", the cells, and how many seconds a time is cut to
JOINED: dict[str, tuple[str, Cells, int]] = {
    "a date beside an hour": ("date,hour", lambda t: (f"{t:%Y-%m-%d}", t.hour), 3600),
    "a date beside a time of day": ("date,time_of_day", lambda t: (f"{t:%Y-%m-%d}", f"{t:%H:%M:%S}"), 1),
    "two columns of times": ("order_time,order_date", lambda t: (f"{t:%H:%M:%S}", f"{t:%Y-%m-%d}"), 1),
    "hours, minutes and seconds as a number": ("time,date", lambda t: (f"{t:%H%M%S}", f"{t:%Y-%m-%d}"), 1),
    "days and minutes as numbers": ("day,time", lambda t: (f"{t:%Y%m%d}", f"{t:%H%M}"), 60),
    "days counted from the first": ("DAY,TRANS_TIME", DAYS_FROM_FIRST, 60),
}


@pytest.mark.parametrize("case", JOINED)
def test_a_day_and_a_clock_in_two_columns_are_one_time(tmp_path: Path, case: str) -> None:
    header, cells, step = JOINED[case]
    rows = [(user, item, *cells(time)) for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows, f"user,item,{header}")) / "log.csv"
    dataset, manifest = made(path, tmp_path / "out")
    spans = sorted(int(time.timestamp()) // step * step for *_, time in ROWS)
    first = 0 if case != "days counted from the first" else int(BEGIN.timestamp()) - 86400
    assert sorted(int(time) + first for time in dataset.timestamps) == sorted(set(spans)) or (
        int(dataset.timestamps.min()) + first,
        int(dataset.timestamps.max()) + first,
    ) == (spans[0], spans[-1])
    assert any("joined" in note for note in manifest["notes"])


def test_the_time_of_a_delivery_is_not_that_of_the_order(tmp_path: Path) -> None:
    rows = [(user, item, f"{time:%Y-%m-%d}", "08:00") for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows, "user,item,date,delivery_time")) / "log.csv"
    assert made(path, tmp_path / "out")[1]["source"]["taken"][0]["columns"]["time"] == "date"


REFUSED: dict[str, tuple[Cells, str]] = {
    "hours and minutes": (lambda t: (f"{t:%H%M}",), "times of day without a date"),
    "hours, minutes and seconds": (lambda t: (f"{t:%H%M%S}",), "times of day without a date"),
    "day, month, year in one number": (lambda t: (f"{t:%d%m%Y}",), "time_format '%d%m%Y'"),
    "month, day, year in one number": (lambda t: (f"{t:%m%d%Y}",), "time_format '%m%d%Y'"),
    "some in seconds, most in milliseconds": (
        lambda t: (int(t.timestamp()) * (1 if t.second % 3 == 0 else 1000),),
        "is of another size than most, which are milliseconds",
    ),
    "some in milliseconds, most in seconds": (
        lambda t: (int(t.timestamp()) * (1000 if t.second % 3 == 0 else 1),),
        "is of another size than most, which are seconds",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_numbers_that_stand_in_no_order_are_refused(tmp_path: Path, case: str) -> None:
    cells, said = REFUSED[case]
    rows = [(user, item, *cells(time)) for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows, "user,item,time")) / "log.csv"
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        made(path, tmp_path / "out")
    if advised := re.search(r"time_format '(\S+)'", str(caught.value)):
        times = made(path, tmp_path / "out", time_format=advised[1])[0].timestamps
        assert datetime.fromtimestamp(int(times.max()), UTC).date() == max(t for *_, t in ROWS).date()


def test_dates_with_the_hour_in_one_number(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([(u, i, f"{t:%Y%m%d%H}") for u, i, t in ROWS])) / "log.csv"
    dataset, manifest = made(path, tmp_path / "out")
    assert manifest["source"]["times"]["are"] == "dates '%Y%m%d%H'"
    assert dataset.timestamps.max() == max(int(t.timestamp()) for *_, t in ROWS) // 3600 * 3600


NOTED: dict[str, tuple[Cells, str]] = {
    "zeros": (lambda t: (0 if t.second < 20 else int(t.timestamp()),), "times are 0 or less"),
    "hours": (lambda t: (t.hour,), "hours of the day put nothing in order"),
}


@pytest.mark.parametrize("case", NOTED)
def test_times_that_may_be_none_are_said(tmp_path: Path, case: str) -> None:
    cells, said = NOTED[case]
    path = write(tmp_path, log__csv=csv([(u, i, *cells(t)) for u, i, t in ROWS], "user,item,time"))
    assert any(said in note for note in made(path / "log.csv", tmp_path / "out")[1]["notes"])


def test_a_counter_within_one_hour_of_the_clock_is_a_counter(tmp_path: Path) -> None:
    """201 to 240 could all be times of day, of one hour."""
    rows = [(user, item, 201 + number % 40) for number, (user, item, _) in enumerate(ROWS)]
    path = write(tmp_path, log__csv=csv(rows, "user,item,time")) / "log.csv"
    assert made(path, tmp_path / "out")[1]["source"]["times"]["are"].startswith("numbers that are no dates")


def test_times_of_32_bits_are_said(tmp_path: Path) -> None:
    """A float of 32 bits knows seconds since 1970 to 128 of them."""
    frame = pl.DataFrame(
        {
            "user_id": [user for user, *_ in ROWS],
            "item_id": [item for _, item, _ in ROWS],
            "timestamp": pl.Series([time.timestamp() for *_, time in ROWS]),
        }
    )
    for kind, said in ((pl.Float32, ["128 apart"]), (pl.Float64, [])):
        frame.with_columns(pl.col("timestamp").cast(kind)).write_parquet(tmp_path / "log.parquet")
        _, manifest = made(tmp_path / "log.parquet", tmp_path / "out")
        found = [note for note in manifest["notes"] if "32 bits" in note]
        assert len(found) == len(said)
        assert all(words in note for words, note in zip(said, found, strict=True))


def test_a_bound_is_a_date_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([(u, i, int(t.timestamp())) for u, i, t in ROWS])) / "log.csv"
    with pytest.raises(DataError, match="since 2020 is no date; for the year give since 2020-01-01"):
        made(path, tmp_path / "out", since=2020.0)
    with pytest.raises(DataError, match="since is not before until"):
        made(path, tmp_path / "out", since=1.6e9, until=1.5e9)


def test_order_of_rows_takes_no_flags_of_times(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([(u, i, f"{t:%Y-%m-%d}") for u, i, t in ROWS])) / "log.csv"
    for flags in ({"time_col": "timestamp"}, {"time_format": "auto"}):
        with pytest.raises(DataError, match="order rows takes no times; leave time_"):
            made(path, tmp_path / "out", order="rows", **flags)
    notes = made(path, tmp_path / "out", order="rows")[1]["notes"]
    assert any("'timestamp' is called as times are, and is not read" in note for note in notes)
