"""A file is never taken for what it is not: small logs of every odd kind, and what is right for each."""

from __future__ import annotations

import bz2
import json
import lzma
import random
import re
import shlex
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.reading import folders
from sracl_core.data.reading.base import ReadOptions
from sracl_core.data.reading.peek import Head
from sracl_core.errors import DataError, in_flags

RANDOM = random.Random(5)
BEGIN = datetime(2020, 1, 2, 5, tzinfo=UTC)
ROWS = [
    (f"u{user:02}", f"i{item:02}", BEGIN + timedelta(hours=RANDOM.randrange(24 * 18), seconds=at))
    for at, (user, item) in enumerate((at % 20, RANDOM.randrange(12)) for at in range(160))
]
SECONDS = [(user, item, int(time.timestamp())) for user, item, time in ROWS]
LATE = datetime(2020, 1, 10, tzinfo=UTC)
LATER = sum(time >= LATE for *_, time in ROWS)


def csv(rows: list[tuple[Any, ...]], header: str = "user_id,item_id,timestamp", mark: str = ",") -> str:
    lines = [header.replace(",", mark)] if header else []
    return "\n".join([*lines, *(mark.join(map(str, row)) for row in rows)]) + "\n"


def write(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def made(source: Path | list[Path], out: Path, **reading: Any) -> tuple[Dataset, dict[str, Any]]:
    options = {
        name: reading.pop(name) for name in ("since", "until", "min_rating", "ties") if name in reading
    }
    manifest = prepare(source, out, PrepareOptions(k_core=1, read=ReadOptions(**reading), **options))
    return load_dataset(out), manifest


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Path, str]:
    path = write(tmp_path / "plain", log__csv=csv(SECONDS)) / "log.csv"
    return path, made(path, tmp_path / "expected")[1]["identity"]


def test_four_columns_of_numbers_are_no_sequences(tmp_path: Path) -> None:
    rows = [(user[1:], item[1:], at % 5, time) for at, (user, item, time) in enumerate(SECONDS)]
    path = write(tmp_path, log__txt=csv(rows, "", "\t")) / "log.txt"
    dataset, manifest = made(path, tmp_path / "out")
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (20, 12, 160)
    taken = manifest["source"]["taken"][0]
    assert (manifest["source"]["format"], taken["columns"]["time"]) == ("table", "column_4")
    assert taken["unread"] == ["column_3"]
    _, rated = made(path, tmp_path / "out", min_rating=3)
    assert rated["source"]["taken"][0]["columns"]["rating"] == "column_3"


@pytest.mark.parametrize("mark", [",", "\t", ";", "|", "::", " "])
def test_no_header_loses_no_row(tmp_path: Path, plain: tuple[Path, str], mark: str) -> None:
    path = write(tmp_path, log__csv=csv(SECONDS, "", mark)) / "log.csv"
    dataset, manifest = made(path, tmp_path / "out")
    assert (dataset.n_interactions, manifest["identity"]) == (160, plain[1])
    assert any("line 1 holds values" in note for note in manifest["notes"])
    assert (
        made(path, tmp_path / "out", header=False, user_col="1", item_col="column_2")[1]["identity"]
        == plain[1]
    )


def test_places_prices_and_long_ids_are_neither_items_nor_times(tmp_path: Path) -> None:
    places = [(user, f"{at:%Y-%m-%dT%H:%M:%SZ}", "30.2", "-97.79", f"{item[1:]}") for user, item, at in ROWS]
    clicks = [(user, f"{at:%Y-%m-%dT%H:%M:%S.5Z}", f"2145{item[1:]}678", 0) for user, item, at in ROWS]
    for rows, item in ((places, "column_5"), (clicks, "column_3")):
        path = write(tmp_path, log__txt=csv(rows, "", "\t")) / "log.txt"
        dataset, manifest = made(path, tmp_path / "out")
        taken = manifest["source"]["taken"][0]["columns"]
        assert taken == {"user": "column_1", "item": item, "time": "column_2"}
        assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (20, 12, 160)


def test_orders_that_came_to_nothing_are_told_and_what_is_said_leaves_them_out(tmp_path: Path) -> None:
    states = ("Completed", "cancelled", "on hold")
    rows = [(*row, states[at % 3]) for at, row in enumerate(SECONDS)]
    path = write(tmp_path, log__csv=csv(rows, "user_id,item_id,timestamp,order_status")) / "log.csv"
    _, manifest = made(path, tmp_path / "out")
    (note,) = (note for note in manifest["notes"] if "cancelled" in note)
    words = shlex.split(note[note.index("--event-col") : note.index(" leaves")])
    assert words == ["--event-col", "order_status", "--events", "Completed,on hold"]
    kept, manifest = made(path, tmp_path / "out", event_col=words[1], events=tuple(words[3].split(",")))
    assert kept.n_interactions == sum(at % 3 != 1 for at in range(len(rows)))
    assert not any("cancelled" in note for note in manifest["notes"])


@pytest.mark.parametrize(("years", "when"), [(543, "of 2100 or later"), (-621, "before 1900")])
def test_years_counted_from_another_beginning_are_told(tmp_path: Path, years: int, when: str) -> None:
    rows = [(user, item, f"{at:%d/%m}/{at.year + years}") for user, item, at in ROWS]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    _, manifest = made(path, tmp_path / "out")
    assert any(f"160 of 160 times are {when}" in note for note in manifest["notes"])


def test_a_number_of_the_row_taken_for_the_item_is_told(tmp_path: Path) -> None:
    rows = [(user, at, item, time) for at, (user, item, time) in enumerate(SECONDS)]
    path = write(tmp_path, log__csv=csv(rows, "customer_id,item_id,item_product_id,order_date")) / "log.csv"
    _, manifest = made(path, tmp_path / "out")
    told = "160 interactions are with 160 items.*see that 'item_id' says the item, and not the row"
    assert any(re.search(told, note) for note in manifest["notes"])
    _, manifest = made(path, tmp_path / "out", item_col="item_product_id")
    assert not any("see that" in note for note in manifest["notes"])


@pytest.mark.parametrize(
    "names",
    [
        "user_pseudo_id,item_id,event_timestamp",
        "id_customer,product_id,date_add",
        "buyer-email,asin,purchase-date",
        "idvisitor,productSku,serverTimestamp",
        "distinct_id,product_url,time",
    ],
)
def test_names_of_shops_and_trackers_are_known(tmp_path: Path, plain: tuple[Path, str], names: str) -> None:
    path = write(tmp_path / "own", log__csv=csv(SECONDS, names)) / "log.csv"
    assert made(path, tmp_path / "out")[1]["identity"] == plain[1]


@pytest.mark.parametrize("word", ["NA", "NULL", "None", "null", "\\N", "undefined", "<NA>", "nan", ""])
def test_null_words_are_missing(tmp_path: Path, word: str) -> None:
    rows = [(word if at % 4 == 0 else user, item, time) for at, (user, item, time) in enumerate(SECONDS)]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    with pytest.raises(DataError, match=r"line 2: the user id is empty or NaN.*40 of 160 rows.*drop_empty"):
        made(path, tmp_path / "out")
    _, manifest = made(path, tmp_path / "out", drop_empty=True)
    assert [step["interactions"] for step in manifest["funnel"]][:2] == [160, 120]
    assert manifest["funnel"][1]["step"] == "rows with an empty cell dropped"


def test_null_words_are_missing_in_titles(tmp_path: Path, plain: tuple[Path, str]) -> None:
    items = "item_id,title\n" + "".join(f"i{item:02},{'NULL' if item % 2 else 'T'}\n" for item in range(12))
    folder = write(tmp_path / "raw", log__csv=csv(SECONDS), items__csv=items)
    dataset, manifest = made([folder / "log.csv", folder / "items.csv"], tmp_path / "out")
    assert dataset.item_table()["title"].null_count() == 6
    assert "items.csv: 'NULL' in column 'title' counts as missing" in manifest["notes"]
    assert "6 of 12 items have no text; their ids stand for it" in manifest["notes"]


def test_sessions_are_offered_beside_an_empty_user_column(tmp_path: Path) -> None:
    rows = [(int(user[1:]), "NA", item, time) for user, item, time in SECONDS]
    path = write(tmp_path, log__csv=csv(rows, "sessionId,userId,itemId,timestamp")) / "log.csv"
    with pytest.raises(DataError, match="take the sessions as users with user_col sessionId") as caught:
        made(path, tmp_path / "out")
    column = str(caught.value).split("user_col ")[1].split(",")[0]
    assert made(path, tmp_path / "out", user_col=column)[0].n_users == 20


def test_two_logs_are_parts_of_one(tmp_path: Path, plain: tuple[Path, str]) -> None:
    folder = write(tmp_path / "raw", train__csv=csv(SECONDS[:100]), test__csv=csv(SECONDS[100:]))
    for source in ([folder / "train.csv", folder / "test.csv"], folder):
        _, manifest = made(source, tmp_path / "out")
        assert manifest["identity"] == plain[1]
        assert any("2 parts of one log, joined" in note for note in manifest["notes"])
    write(folder, more__csv=csv([*SECONDS[:9], ("", "i01", 5)]))
    with pytest.raises(DataError, match=r"more\.csv line 11: the user id is empty"):
        made([folder / "train.csv", folder / "more.csv"], tmp_path / "out")


def test_a_folder_of_parts_in_folders(tmp_path: Path, plain: tuple[Path, str]) -> None:
    for at in range(3):
        frame = pl.DataFrame(SECONDS[at::3], schema=["user_id", "item_id", "timestamp"], orient="row")
        write(tmp_path / "raw" / f"day={at}")
        frame.write_parquet(tmp_path / "raw" / f"day={at}" / "part-0.parquet")
    _, manifest = made(tmp_path / "raw", tmp_path / "out")
    assert manifest["identity"] == plain[1]
    assert any(
        note.startswith("'day' (0, 1, 2) stands in names of folders alone") for note in manifest["notes"]
    )


HIVE = {
    "users": ("user_id={user}", "user_id"),
    "items": ("item_id={item}", "item_id"),
    "users, and days that are not needed": ("date={year}-01-01/user_id={user}", "user_id"),
    "days, and hours within": ("dt={day}/hour={hour}", "timestamp"),
    "a year, a month and a day": ("year={year}/month={month}/day={daily}", "timestamp"),
}


@pytest.mark.parametrize("way", HIVE)
def test_columns_that_names_of_folders_hold(tmp_path: Path, way: str) -> None:
    pattern, missing = HIVE[way]
    pieces = [at.replace(hour=at.hour // 12 * 12, minute=0, second=0) for *_, at in ROWS]
    if "year" in pattern:
        pieces = [at.replace(hour=0) for at in pieces]
    rows = [(user, item, int(at.timestamp())) for (user, item, _), at in zip(ROWS, pieces, strict=True)]
    expected = made(write(tmp_path, log__csv=csv(sorted(rows))) / "log.csv", tmp_path / "expected", ties="id")
    names = ["user_id", "item_id", "timestamp"]
    kept = [name for name in names if name != missing]
    parts: dict[str, list[tuple[Any, ...]]] = {}
    for row, at in zip(rows, pieces, strict=True):
        said = {"user": row[0], "item": row[1], "day": f"{at:%Y-%m-%d}", "hour": at.hour, "year": at.year}
        folder = pattern.format(**said, month=at.month, daily=at.day)
        parts.setdefault(folder, []).append(tuple(row[names.index(name)] for name in kept))
    for folder, some in parts.items():
        write(tmp_path / "raw" / folder, part__csv=csv(some, ",".join(kept)))
    dataset, manifest = made(tmp_path / "raw", tmp_path / "out", ties="id")
    assert dataset.n_interactions == expected[0].n_interactions
    assert manifest["identity"] == expected[1]["identity"]
    assert any(
        "stands in names of folders alone, and is read from there" in note for note in manifest["notes"]
    )
    if missing != "timestamp":
        write(tmp_path / "raw" / folder, other__csv=csv([(*some[0], 4)], "") * 3)
        with pytest.raises(DataError, match=r"no line of column names, so that '.*' of its folder"):
            made(tmp_path / "raw", tmp_path / "out")


def test_each_of_many_folders_takes_as_long_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparisons of paths grew with the square of the files."""
    files, compared, looked = 60, 0, 0
    equal, peek = Path.__eq__, folders.peek

    def counted(one: Path, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(one, other)

    def seen(*given: Any) -> Head:
        nonlocal looked
        looked += 1
        return peek(*given)

    for user in range(files):
        some = [(f"i{(user + at) % 9}", at) for at in range(6)]
        write(tmp_path / "raw" / f"user_id={user}", part__csv=csv(some, "item_id,timestamp"))
    monkeypatch.setattr(Path, "__eq__", counted)
    monkeypatch.setattr(folders, "peek", seen)
    dataset, _ = made(tmp_path / "raw", tmp_path / "out")
    assert (dataset.n_users, dataset.n_interactions) == (files, 6 * files)
    assert compared < 10 * files
    assert looked == 3 * files


def test_logs_of_different_columns_in_a_folder_are_not_joined(tmp_path: Path) -> None:
    rows = [(*row, 1) for row in SECONDS]
    folder = write(
        tmp_path / "raw", views__csv=csv(SECONDS), tags__csv=csv(rows, "user_id,item_id,timestamp,tag")
    )
    with pytest.raises(DataError, match=r"tags\.csv and .*views\.csv both have users and items"):
        made(folder, tmp_path / "out")


def test_a_folder_with_names_of_its_own(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        [(user, item, time.replace(tzinfo=None)) for user, item, time in ROWS],
        schema=["household_id", "product_id", "transaction_timestamp"],
        orient="row",
    )
    raw = write(
        tmp_path / "raw",
        products__csv=csv([(f"i{n:02}", f"Brand {n % 3}") for n in range(12)], "product_id,brand"),
    )
    frame.write_parquet(raw / "transactions.parquet")
    dataset, manifest = made(raw, tmp_path / "out")
    taken = manifest["source"]["taken"]
    assert [(part["file"], part["part"]) for part in taken] == [
        ("transactions.parquet", "log"),
        ("products.csv", "items"),
    ]
    assert taken[0]["columns"] == {
        "user": "household_id",
        "item": "product_id",
        "time": "transaction_timestamp",
    }
    assert dataset.timestamps.min() == min(time for *_, time in SECONDS)
    assert dataset.item_table()["brand"].null_count() == 0


@pytest.mark.parametrize(
    "header",
    [
        "customer_unique_id,product_code,order_date",
        "visitorid,itemid,timestamp",
        "MemberNo,StockCode,InvoiceDate",
        "Household,article_id,t_dat",
        "client_id,sku,purchase_time",
        "buyerId,offerId,created_at",
    ],
)
def test_names_of_columns_in_the_wild(tmp_path: Path, plain: tuple[Path, str], header: str) -> None:
    path = write(tmp_path, log__csv=csv(SECONDS, header)) / "log.csv"
    assert made(path, tmp_path / "out")[1]["identity"] == plain[1]


def test_two_columns_that_could_be_the_item_are_named(tmp_path: Path) -> None:
    rows = [(user, item, item, time) for user, item, time in SECONDS]
    path = write(tmp_path, log__csv=csv(rows, "user_id,track_key,artist_key,timestamp")) / "log.csv"
    with pytest.raises(
        DataError,
        match="no plain item column: it could be 'track_key', 'artist_key'; name it with item_col",
    ):
        made(path, tmp_path / "out")
    assert made(path, tmp_path / "out", item_col="track_key")[0].n_items == 12


def test_an_endless_name_of_a_column_is_quoted_by_its_beginning(tmp_path: Path) -> None:
    rows = [(*row, "1") for row in SECONDS]
    path = write(tmp_path, log__csv=csv(rows, f"user_id,item_id,timestamp,{'[' * 900}user_id")) / "log.csv"
    said = r"no plain user column: it could be 'user_id', '\[{60}…'; name it with user_col"
    with pytest.raises(DataError, match=said):
        made(path, tmp_path / "out")


@pytest.mark.parametrize("role", ["user", "item", "time"])
def test_names_that_differ_in_case_alone_are_refused_not_chosen_from(tmp_path: Path, role: str) -> None:
    columns = {"user": "user_id", "item": "item_id", "time": "timestamp"}
    again = columns[role].upper()
    rows = [(*row, "1") for row in SECONDS]
    path = write(tmp_path, log__csv=csv(rows, f"{','.join(columns.values())},{again}")) / "log.csv"
    said = f"no plain {role} column: it could be '{columns[role]}', '{again}'; name it with {role}_col"
    with pytest.raises(DataError, match=said):
        made(path, tmp_path / "out")
    chosen: dict[str, Any] = {f"{role}_col": columns[role]}
    assert made(path, tmp_path / "out", **chosen)[0].n_interactions == 160


def test_ones_own_ratings_csv_is_no_movielens(tmp_path: Path, plain: tuple[Path, str]) -> None:
    folder = write(tmp_path / "raw", ratings__csv=csv(SECONDS), u__data="user,item\n")
    assert made(folder / "ratings.csv", tmp_path / "out")[1]["identity"] == plain[1]
    dataset, manifest = made(folder, tmp_path / "out")
    assert (manifest["source"]["format"], dataset.n_interactions) == ("table", 160)


def test_an_item_table_whose_key_is_id(tmp_path: Path) -> None:
    items = csv([(f"i{item:02}", f"Band {item}") for item in range(12)], "id,name", "\t")
    folder = write(tmp_path / "raw", log__csv=csv(SECONDS), bands__tsv=items)
    for reading in ({}, {"item_col": "id"}, {"item_col": ("item_id", "id")}):
        dataset, manifest = made([folder / "log.csv", folder / "bands.tsv"], tmp_path / "out", **reading)
        assert manifest["counts"]["items_without_title"] == 0
        assert dataset.titles()[1].startswith("Band ")


def test_titles_from_the_log(tmp_path: Path) -> None:
    rows = [(user, item, time, f"Title of {item}") for user, item, time in SECONDS]
    path = write(tmp_path, log__csv=csv(rows, "user_id,item_id,timestamp,title")) / "log.csv"
    assert any("--title-col title" in note for note in made(path, tmp_path / "out")[1]["notes"])
    dataset, _ = made(path, tmp_path / "out", title_col="title")
    assert dataset.titles()[1:] == [f"Title of {item}" for item in dataset.items.ids]


@pytest.mark.parametrize("form", ["{}\n{}", "[{},\n{}]"])
def test_a_record_that_names_a_column_twice_is_refused(tmp_path: Path, form: str) -> None:
    rows = ['{"user": "a", "item": "x", "time": 1}', '{"user": "a", "item": "x", "time": 1, "item": "y"}']
    path = write(tmp_path, log__jsonl=form.format(*rows)) / "log.jsonl"
    with pytest.raises(DataError, match=r"log\.jsonl line 2: 'item' stands in an object twice; keep one"):
        made(path, tmp_path / "out")


def test_lists_of_items_are_refused(tmp_path: Path) -> None:
    header = "user_id:token\titem_id:token\ttimestamp:float\titem_id_list:token_seq"
    path = write(tmp_path, x__inter=f"{header}\n1\t2\t1\t1\n1\t3\t2\t1 2\n1\t4\t3\t1 2 3\n") / "x.inter"
    with pytest.raises(DataError, match="column 'item_id_list:token_seq' holds lists of items"):
        made(path, tmp_path / "out")
    lists = [
        {"user_id": "a", "item_id": ["x", "y"], "timestamp": 1},
        {"user_id": "b", "item_id": ["z"], "timestamp": 2},
    ]
    path = write(tmp_path, log__jsonl="\n".join(map(json.dumps, lists))) / "log.jsonl"
    with pytest.raises(DataError, match="column 'item_id' holds lists of items"):
        made(path, tmp_path / "out")
    pl.DataFrame(lists).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="the item is a list or a record"):
        made(tmp_path / "log.parquet", tmp_path / "out")


UNITS: dict[str, Callable[[datetime], object]] = {
    "seconds": lambda time: int(time.timestamp()),
    "milliseconds": lambda time: int(time.timestamp()) * 1000,
    "microseconds": lambda time: int(time.timestamp()) * 10**6,
    "nanoseconds": lambda time: int(time.timestamp()) * 10**9,
    "Windows": lambda time: (int(time.timestamp()) + 11_644_473_600) * 10**7,
    "Chrome": lambda time: (int(time.timestamp()) + 11_644_473_600) * 10**6,
    ".NET": lambda time: (int(time.timestamp()) + 62_135_596_800) * 10**7,
    "yyyymmddhhmmss": lambda time: f"{time:%Y%m%d%H%M%S}",
    "iso": lambda time: f"{time:%Y-%m-%d %H:%M:%S}",
    "iso T Z": lambda time: f"{time:%Y-%m-%dT%H:%M:%S}Z",
    "iso, some with fractions": lambda time: f"{time:%Y-%m-%d %H:%M:%S}" + ".000" * (time.second % 2),
    "Python's log": lambda time: f'"{time:%Y-%m-%d %H:%M:%S},000"',
    "another zone": lambda time: (time + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    "German": lambda time: f"{time:%d.%m.%Y %H:%M:%S}",
    "American": lambda time: f"{time:%m/%d/%Y %I:%M:%S %p}",
    "British": lambda time: f"{time:%d/%m/%Y %H:%M:%S}",
    "web server": lambda time: f"{time:%d/%b/%Y:%H:%M:%S} +0000",
    "C": lambda time: f"{time:%a %b %d %H:%M:%S %Y}",
    "Oracle": lambda time: f"{time:%d-%b-%y %I.%M.%S.000000 %p}".upper(),
    "DB2": lambda time: f"{time:%Y-%m-%d-%H.%M.%S.000000}",
    "Italian": lambda time: f"{time:%d/%m/%Y %H.%M.%S}",
    "JavaScript, two zones": lambda time: (
        (time + timedelta(hours=time.second % 2)).strftime(f"%a %b %d %Y %H:%M:%S GMT+0{time.second % 2}00 ")
        + ("(Central European Standard Time)" if time.second % 2 else "(GMT)")
    ),
    "Java": lambda time: (time + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+01:00[Europe/Berlin]"),
}


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_and_date_is_told_and_windows_are_right(
    tmp_path: Path, plain: tuple[Path, str], unit: str
) -> None:
    path = (
        write(tmp_path, log__csv=csv([(user, item, UNITS[unit](time)) for user, item, time in ROWS]))
        / "log.csv"
    )
    _, manifest = made(path, tmp_path / "out")
    assert manifest["identity"] == plain[1]
    assert manifest["source"]["times"]["are"] not in ("", "numbers that are no dates")
    for bound, kept in ((LATE.timestamp(), LATER), (float(f"{LATE:%Y%m%d}"), LATER)):
        assert made(path, tmp_path / "out", since=bound)[1]["funnel"][1]["interactions"] == kept
        assert made(path, tmp_path / "out", until=bound)[1]["funnel"][1]["interactions"] == 160 - kept


def test_days_as_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([(u, i, f"{time:%Y%m%d}") for u, i, time in ROWS])) / "log.csv"
    _, manifest = made(path, tmp_path / "out", since=LATE.timestamp())
    assert manifest["funnel"][1]["interactions"] == LATER
    assert manifest["source"]["times"]["are"] == "dates '%Y%m%d'"


def test_a_time_of_another_unit_is_named(tmp_path: Path) -> None:
    rows = [*SECONDS, ("u01", "i01", SECONDS[0][2] * 1000)]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    with pytest.raises(
        DataError, match=r"line 162: the time .* is of another size than most, which are seconds"
    ):
        made(path, tmp_path / "out")


def test_day_and_month_that_could_be_either(tmp_path: Path) -> None:
    early = [
        (user, item, f"{1 + at % 12:02}/{1 + at % 7:02}/2020") for at, (user, item, _) in enumerate(ROWS)
    ]
    path = write(tmp_path, log__csv=csv(early)) / "log.csv"
    with pytest.raises(DataError, match=r"fits '%d/%m/%Y' and '%m/%d/%Y'.*say which with time_format"):
        made(path, tmp_path / "out", time_format="auto")
    spans = set()
    for pattern in ("%d/%m/%Y", "%m/%d/%Y"):
        spans.add(made(path, tmp_path / "out", time_format=pattern)[1]["source"]["times"]["last"])
    assert len(spans) == 2
    settled = write(tmp_path, log__csv=csv([*early, ("u01", "i01", "25/12/2020")])) / "log.csv"
    assert made(settled, tmp_path / "out")[1]["source"]["times"]["are"] == "dates '%d/%m/%Y'"


@pytest.mark.parametrize(
    ("written", "pattern", "part"),
    [
        ("%Y-%m-%d %H:%M:%S.250000", "%Y-%m-%d %H:%M:%S.%f", 0.25),
        ('"%Y-%m-%d %H:%M:%S,5"', "%Y-%m-%d %H:%M:%S,%f", 0.5),
        ("%d-%b-%y %I.%M.%S.000000 %p", "%d-%b-%y %I.%M.%S%.f %p", 0),
        ("%G-W%V-%u %H:%M:%S", "%G-W%V-%u %H:%M:%S", 0),
        ("%Y-%j %H:%M:%S", "%Y-%j %H:%M:%S", 0),
    ],
)
def test_patterns_of_ones_own(tmp_path: Path, written: str, pattern: str, part: float) -> None:
    rows = [(user, item, time.strftime(written)) for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    dataset, _ = made(path, tmp_path / "out", time_format=pattern)
    assert sorted(dataset.timestamps) == sorted(time + part for *_, time in SECONDS)


@pytest.mark.parametrize("pattern", ["%H:%M", "%Y %H:%M", "%I:%M:%S %p"])
def test_a_pattern_without_a_day_is_refused(tmp_path: Path, pattern: str) -> None:
    rows = [(user, item, time.strftime(pattern)) for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    with pytest.raises(DataError, match="has no day"):
        made(path, tmp_path / "out", time_format=pattern)


@pytest.mark.parametrize(
    ("pattern", "told"), [("%Y", "look like years"), ("%Y%m", "look like months"), ("%B %Y", None)]
)
def test_years_and_months_alone(tmp_path: Path, pattern: str, told: str | None) -> None:
    rows = [
        (u, i, time.replace(year=1998 + at % 5).strftime(pattern)) for at, (u, i, time) in enumerate(ROWS)
    ]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    dates, manifest = made(path, tmp_path / "dates", time_format=pattern, since="2000-01-01")
    assert manifest["source"]["times"]["are"] == f"dates '{pattern}'"
    assert min(dates.timestamps) == datetime(2000, 1, 1, tzinfo=UTC).timestamp()
    if told is None:
        return
    numbers, manifest = made(path, tmp_path / "numbers")
    assert manifest["source"]["times"]["are"].endswith(told)
    assert str(min(numbers.timestamps)).startswith("1998")
    assert [note for note in manifest["notes"] if f"--time-format '{pattern}' makes dates" in note]


CLOCKS = {"iso": "%H:%M:%S", "American": "%I:%M:%S %p"}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("day", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d"])
def test_day_and_time_of_day_in_two_columns(
    tmp_path: Path, plain: tuple[Path, str], clock: str, day: str
) -> None:
    rows = [(user, item, time.strftime(CLOCKS[clock]), time.strftime(day)) for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows, "user_id,item_id,time,date")) / "log.csv"
    _, manifest = made(path, tmp_path / "out")
    assert manifest["identity"] == plain[1]
    assert any("time = 'date' and 'time' joined" in note for note in manifest["notes"])


def test_hours_as_numbers_beside_a_date(tmp_path: Path) -> None:
    rows = [(user, item, time.hour, f"{time:%Y-%m-%d}") for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows, "user_id,item_id,time,date")) / "log.csv"
    dataset, _ = made(path, tmp_path / "out")
    assert dataset.timestamps.min() == min(time for *_, time in SECONDS) // 3600 * 3600
    rows = [(user, item, 50 + at, f"{time:%Y-%m-%d}") for at, (user, item, time) in enumerate(ROWS)]
    path = write(tmp_path, log__csv=csv(rows, "user_id,item_id,time,date")) / "log.csv"
    with pytest.raises(DataError, match=r"the time could be 'time' \(small numbers\) or 'date' \(dates\)"):
        made(path, tmp_path / "out")


def test_times_of_day_alone_are_refused(tmp_path: Path) -> None:
    rows = [(user, item, f"{time:%H:%M}") for user, item, time in ROWS]
    path = write(tmp_path, log__csv=csv(rows)) / "log.csv"
    with pytest.raises(DataError, match="times of day without a date"):
        made(path, tmp_path / "out")
    for dtype in (pl.Duration("us"), pl.Time):
        frame = pl.read_csv(write(tmp_path, log__csv=csv(SECONDS)) / "log.csv")
        frame.with_columns((pl.col("timestamp") % 1000).cast(dtype)).write_parquet(tmp_path / "log.parquet")
        with pytest.raises(DataError, match="without a date"):
            made(tmp_path / "log.parquet", tmp_path / "out")


@pytest.mark.parametrize(
    "roles",
    [
        {"user_col": "item_id"},
        {"user_col": "user_id", "item_col": "user_id"},
        {"time_col": "item_id"},
        {"title_col": "item_id"},
    ],
)
def test_one_column_for_two_roles_is_refused(tmp_path: Path, roles: dict[str, str]) -> None:
    path = write(tmp_path, log__csv=csv(SECONDS)) / "log.csv"
    with pytest.raises(DataError, match=r"is taken for the .* and for the"):
        made(path, tmp_path / "out", **roles)


def test_events_are_chosen_and_counted(tmp_path: Path) -> None:
    kinds = ["view", "view", "cart", "purchase"]
    rows = [(*row, kinds[at % 4]) for at, row in enumerate(SECONDS)]
    path = write(tmp_path, log__csv=csv(rows, "user_id,item_id,timestamp,event_type")) / "log.csv"
    _, manifest = made(path, tmp_path / "out")
    assert any("every kind of 'event_type' counts" in note for note in manifest["notes"])
    _, manifest = made(path, tmp_path / "out", events=("purchase", "cart"))
    assert [(step["step"], step["interactions"]) for step in manifest["funnel"]][:2] == [
        ("read", 160),
        ("events purchase, cart", 80),
    ]
    with pytest.raises(DataError, match="no event 'puchase'; did you mean 'purchase'"):
        made(path, tmp_path / "out", events=("puchase",))


def test_a_log_without_times(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([row[:2] for row in SECONDS], "user_id,item_id")) / "log.csv"
    with pytest.raises(DataError, match=r"no time column.*or give order rows"):
        made(path, tmp_path / "out")
    dataset, manifest = made(path, tmp_path / "out", order="rows")
    first = [item for user, item, _ in SECONDS if user == "u00"]
    assert [dataset.items.id_of(item) for item in dataset.sequences.of(0)] == first
    assert manifest["source"]["times"]["are"] == "positions in the file"


def test_sequences_of_words(tmp_path: Path) -> None:
    lines = [[f"u{user}", *RANDOM.choices([f"i{n}" for n in range(9)], k=6)] for user in range(20)]
    path = write(tmp_path, log__txt="\n".join(" ".join(line) for line in lines)) / "log.txt"
    for form in (None, "sequences"):
        dataset, manifest = made(path, tmp_path / "out", format=form)
        assert (manifest["source"]["format"], dataset.n_interactions) == ("sequences", 120)
    prose = write(tmp_path, prose__txt="It was a dark night, and\nthe rain fell in torrents.\n") / "prose.txt"
    with pytest.raises(DataError):
        made(prose, tmp_path / "out")


@pytest.mark.parametrize("form", ["utf-16", "utf-16-le", "bz2", "xz", "zip", "gz without its name"])
def test_encodings_and_archives(tmp_path: Path, plain: tuple[Path, str], form: str) -> None:
    import gzip

    text = csv(SECONDS).encode()
    packed = {
        "utf-16": text.decode().encode("utf-16"),
        "bz2": bz2.compress(text),
        "xz": lzma.compress(text),
        "gz without its name": gzip.compress(text),
        "utf-16-le": text.decode().encode("utf-16-le"),
    }
    path = (
        tmp_path / f"mine.{form if form in ('zip',) else 'csv'}{'.' + form if form in ('bz2', 'xz') else ''}"
    )
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("deep/my_log.csv", text + b"u01,,3\n")
        with pytest.raises(DataError, match=r"mine\.zip/deep/my_log\.csv line 162: the item id is empty"):
            made(path, tmp_path / "out")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("my_log.csv", text)
    else:
        path.write_bytes(packed[form])
    if form == "utf-16-le":
        with pytest.raises(DataError, match=r"UTF-16 without its mark.*iconv -f utf-16le -t utf-8"):
            made(path, tmp_path / "out")
        return
    assert made(path, tmp_path / "out")[1]["identity"] == plain[1]


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_file_that_is_no_table_is_named_for_what_it_is(tmp_path: Path, start: bytes, what: str) -> None:
    with pytest.raises(DataError, match=what):
        made(write(tmp_path, log__csv=start) / "log.csv", tmp_path / "out")


def test_parquet_and_json_under_other_names(tmp_path: Path, plain: tuple[Path, str]) -> None:
    frame = pl.read_csv(plain[0])
    frame.write_parquet(tmp_path / "log.csv")
    assert made(tmp_path / "log.csv", tmp_path / "out")[1]["identity"] == plain[1]
    (tmp_path / "log.json").write_text(json.dumps(frame.to_dicts(), indent=1))
    assert made(tmp_path / "log.json", tmp_path / "out")[1]["identity"] == plain[1]


def test_ids_that_never_match_are_named(tmp_path: Path) -> None:
    rows = [(user, str(int(item[1:]) + 1), time) for user, item, time in SECONDS]
    items = csv([(f"{item}.0", "T") for item in range(1, 13)], "item_id,title")
    folder = write(tmp_path / "raw", log__csv=csv(rows), items__csv=items)
    _, manifest = made([folder / "log.csv", folder / "items.csv"], tmp_path / "out")
    note = next(note for note in manifest["notes"] if note.startswith("warning: no item of the log"))
    assert "'12' and '12.0'" in note or "'1' and '1.0'" in note or ".0'" in note


def test_one_item_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([(user, "i0", time) for user, _, time in SECONDS])) / "log.csv"
    with pytest.raises(DataError, match="with one item; nothing can be ranked"):
        made(path, tmp_path / "out")


def test_a_filter_that_dropped_nothing_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv(SECONDS)) / "log.csv"
    _, manifest = made(path, tmp_path / "out", since=1.5e9, drop_empty=True)
    assert "'2017-07-14 02:40:00 <= time' dropped nothing" in manifest["notes"]
    assert "'rows with an empty cell dropped' dropped nothing" in manifest["notes"]


def test_an_error_names_arguments_in_python_and_options_to_the_command_line() -> None:
    told = DataError("each user's --drop-empty; `sracl data info --json`; '--x': --set dataset.split=given")
    assert str(told) == "each user's drop_empty; `sracl data info --json`; '--x': dataset.split=given"
    with in_flags():
        assert f"{told}".startswith("each user's --drop-empty; `sracl")
