"""The ways in which people's programs write tables: each is the same log, or is refused for what it is."""

from __future__ import annotations

import bz2
import csv as stdlib_csv
import gzip
import json
import lzma
import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.reading import dialect
from sracl_core.data.reading.dialect import quotes_are_regular
from sracl_core.data.reading.tabular import open_table
from sracl_core.errors import DataError
from tests.data.test_forms import ROWS, SECONDS, csv, made, plain, write

__all__ = ["plain"]
TEXT = csv(SECONDS)
HEAD = "user_id,item_id,timestamp"
NOTED = f"{HEAD},note"


def noted(cell: str, mark: str = ",") -> str:
    return csv([(*row, cell) for row in SECONDS], NOTED, mark)


def around(before: str, after: str, header: str = HEAD, mark: str = ",") -> str:
    return csv([tuple(f"{before}{cell}{after}" for cell in row) for row in SECONDS], header, mark)


def between_single(cells: list[str]) -> str:
    rows = [(*row, cell) for row, cell in zip(SECONDS, cells, strict=True)]
    return "".join(",".join(f"'{cell}'" for cell in row) + "\n" for row in [NOTED.split(","), *rows])


WRITTEN: dict[str, str | bytes] = {
    "Excel's line of the separator": "sep=;\n" + csv(SECONDS, mark=";"),
    "the same with a mark and returns": ("\ufeffsep=;\n" + csv(SECONDS, mark=";")).replace("\n", "\r\n"),
    "the same of a tab": '"sep=\t"\n' + csv(SECONDS, mark="\t"),
    "a separator behind every row": csv([(*row, "") for row in SECONDS], f"{HEAD},"),
    "two columns without a name": csv([(1, *row, 2) for row in SECONDS], f",{HEAD},"),
    "blanks behind separators": csv(SECONDS, mark=", "),
    "quotes behind those": around('"', '"', '"user_id","item_id","timestamp"', ", "),
    "single quotes": around("'", "'", "'user_id','item_id','timestamp'"),
    "Excel's text": csv([(f'="{user}"', f'="{item}"', time) for user, item, time in SECONDS]),
    "two returns a line": csv(
        [(user, time, item) for user, item, time in SECONDS], "user_id,timestamp,item_id"
    ).replace("\n", "\r\r\n"),
    "files joined with their marks": "\ufeff" + csv(SECONDS[:80]) + "\ufeff" + csv(SECONDS[80:], ""),
    "UTF-32": TEXT.encode("utf-32"),
    "commas inside names and cells": noted("a, b, c, d, e", ";").replace(";note\n", ";note (a, b, c, d)\n"),
    "Hive's separator": csv(SECONDS, mark="\x01"),
    "carets": csv(SECONDS, mark="^"),
    "columns one below the other": "".join(
        f"{user:<12}{item:<10}{time}\n" for user, item, time in [tuple(HEAD.split(",")), *SECONDS]
    ),
    "a blank line above": "  \n" + TEXT,
    "names with marks that nobody sees": csv(SECONDS, "\u00a0user_id,item_id\u200b, timestamp"),
    "inches": noted('12" disc'),
    "inches and returns": noted('12" disc').replace("\n", "\r\n"),
    "quotes behind a backslash": noted(r'"say \"a, b\" now"'),
    "apostrophes between single quotes": between_single(
        ["It's tea, 'n' more" if at in (100, 110) else "tea" for at in range(len(SECONDS))]
    ),
    "inches and commas between quotes": noted('"a 12" disc, ""or"" two"'),
    "quotes that are doubled, and lines in cells": noted('"two\nlines, ""q"""'),
    "a quoted word before others, with tabs": noted('"Weird Al" Yankovic', "\t"),
    "decimal commas": csv([(user, item, f"{time},0") for user, item, time in SECONDS], mark=";"),
    "commas between thousands": csv([(user, item, f'"{time:,}"') for user, item, time in SECONDS]),
    "JSON under another name": "\n".join(
        json.dumps(dict(zip(HEAD.split(","), row, strict=True))) for row in SECONDS
    ),
    "headers of files that were joined": csv(SECONDS[:50])
    + "\ufeff"
    + csv(SECONDS[50:90])
    + csv(SECONDS[90:]),
    "several streams": bz2.compress(TEXT[:700].encode()) + bz2.compress(TEXT[700:].encode()),
    "streams with zeros between": lzma.compress(TEXT[:700].encode())
    + b"\0\0\0\0"
    + lzma.compress(TEXT[700:].encode()),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_every_way_of_writing_is_the_same_log(tmp_path: Path, plain: tuple[Path, str], way: str) -> None:
    content = WRITTEN[way]
    ending = {"several streams": "log__csv__bz2", "streams with zeros between": "log__csv__xz"}.get(
        way, "log__csv"
    )
    folder = write(tmp_path / "raw", **{ending: content})
    _, manifest = made(next(folder.iterdir()), tmp_path / "out")
    assert manifest["identity"] == plain[1]
    told = {
        "headers of files": "rows left out that repeat the names of the columns.*: 2",
        "quotes behind": "quotes in it follow a backslash",
        "a quoted word": "quotes in it enclose no cells",
        "apostrophes": "quotes inside its cells are not doubled",
        "inches and commas": "quotes inside its cells are not doubled",
    }
    for start, note in told.items():
        if way.startswith(start) and way != "quotes behind those":
            assert any(re.search(note, line) for line in manifest["notes"]), manifest["notes"]


RATED = f"{HEAD},rating"
REFUSED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "a quote that never ends": (
        {"log.csv": noted("x") + 'u01,i01,5,"open\n' + csv(SECONDS, "")},
        "line 162 is not CSV",
    ),
    "an apostrophe before a separator between single quotes": (
        {
            "log.csv": between_single(
                ["rock ','n' roll" if at == 100 else "tea" for at in range(len(SECONDS))]
            )
        },
        "line 102 is not CSV",
    ),
    "a quoted word before others": ({"log.csv": noted('"Weird Al" Yankovic')}, "line 2 is not CSV"),
    "a comma that could be either": (
        {"log.csv": csv([(*row, '"1,234"') for row in SECONDS], RATED)},
        "rating '1,234' is not a number",
    ),
    "more behind a stream": ({"log.csv.xz": lzma.compress(TEXT.encode()) + b"more"}, "cut or damaged"),
    "a stream that is broken": (
        {"log.csv.bz2": bz2.compress(TEXT[:700].encode()) + b"BZX9" + bz2.compress(TEXT[700:].encode())[4:]},
        "cut or damaged",
    ),
    "packed twice": ({"log.csv.gz": gzip.compress(gzip.compress(TEXT.encode()))}, "is compressed twice"),
    "an R object": ({"log.csv.gz": gzip.compress(b"X\n\0\0\0\3\0")}, "holds an R object"),
    "a 7-Zip archive": ({"log.csv": b"7z\xbc\xaf\x27\x1c" + bytes(range(256))}, "7-Zip archive"),
    "a NumPy array": ({"log.csv": b"\x93NUMPY\x01" + bytes(range(256))}, "NumPy array"),
    "bytes of a form unknown": (
        {"log.csv": b"abc\x01\x02\x03\xff" * 90},
        "is no text, but bytes of another form",
    ),
    "records as users": (
        {"log.jsonl": "\n".join(json.dumps({"user": {"id": u}, "item": i, "ts": t}) for u, i, t in SECONDS)},
        "column 'user' holds records",
    ),
    "lists as users": (
        {"log.jsonl": "\n".join(json.dumps({"user": [u], "item": i, "ts": t}) for u, i, t in SECONDS)},
        "column 'user' holds records",
    ),
    "two arrays": (
        {"log.json": 2 * json.dumps([dict(zip(HEAD.split(","), row, strict=True)) for row in SECONDS])},
        "line 1 ends the array, and more stands behind it",
    ),
    "columns of a data frame": (
        {
            "log.json": json.dumps(
                {
                    name: dict(enumerate(cells))
                    for name, cells in zip(HEAD.split(","), zip(*SECONDS, strict=True), strict=True)
                }
            )
        },
        "is one object that holds whole columns.*orient='records'",
    ),
    "a record in a later row": (
        {
            "log.jsonl": "\n".join(
                json.dumps({"user": u, "item": {"id": i} if at > 80 else i, "ts": t})
                for at, (u, i, t) in enumerate(SECONDS)
            )
        },
        "line 82: column 'item' holds records",
    ),
    "a list in a later row": (
        {
            "log.jsonl": "\n".join(
                json.dumps({"user": u, "item": [i, i] if at > 80 else i, "ts": t})
                for at, (u, i, t) in enumerate(SECONDS)
            )
        },
        "column 'item' holds lists of items",
    ),
    "all of a row in one record": (
        {
            "log.jsonl": "\n".join(
                json.dumps({"key": u, "value": {"user_id": u, "item_id": i, "ts": t}}) for u, i, t in SECONDS
            )
        },
        "no user column, and 'value' holds records; write what they hold as columns of their own",
    ),
    "columns and data apart": (
        {"log.json": json.dumps({"columns": HEAD.split(","), "data": SECONDS})},
        "is one object that holds whole columns",
    ),
    "rows under users": (
        {"log.json": json.dumps({u: [{"item_id": i, "timestamp": t}] for u, i, t in SECONDS})},
        "whose 'u00', 'u01' and so on hold rows each",
    ),
    "arrays of a database": (
        {"log.csv": csv([(u, f'"{{{i},{i}}}"', t) for u, i, t in SECONDS])},
        "holds lists of items",
    ),
    "ids as Excel shows long numbers": (
        {"log.csv": csv([(u, f"{1.2e12 + int(i[1:]):.2E}", t) for u, i, t in SECONDS])},
        r"line 2: the item id '1\.20E\+12' was rounded",
    ),
    "an id as R writes a round number": (
        {"log.csv": csv([("1e+05" if u == "u03" else u[1:], i, t) for u, i, t in SECONDS])},
        r"the user id '1e\+05' was rounded",
    ),
    "times as Excel shows long numbers": (
        {"log.csv": csv([(u, i, f"{t:.4E}") for u, i, t in SECONDS])},
        r"line 2: the time '1\.57\d\dE\+09' was rounded",
    ),
    "objects over several lines": (
        {"log.jsonl": '{\n"user_id": "a"\n}\n'},
        "is not JSON .* one object a line",
    ),
    "words for nothing": (
        {"log.csv": csv([("(not set)", *row[1:]) if row[0] == "u03" else row for row in SECONDS])},
        r"the user id is empty or NaN \('\(not set\)'\), as in 8 of 160 rows",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_refused(tmp_path: Path, case: str) -> None:
    files, message = REFUSED[case]
    for name, content in files.items():
        write(tmp_path, **{name.replace(".", "__"): content})
        rating = {"min_rating": 1.0} if "rating" in message else {}
        with pytest.raises(DataError, match=message):
            made(tmp_path / name, tmp_path / "out", **rating)


def basket(mark: str, names: list[str]) -> str:
    return csv(
        [(u, f'"{mark.join(names[at % 5 :][: 1 + at % 3])}"', t) for at, (u, _, t) in enumerate(SECONDS)]
    )


PIECES = [f"i{at}" for at in range(7)]
FOODS = ["milk", "bread", "tea", "oat", "rye", "egg", "ham"]
TOLD: dict[str, tuple[str, str]] = {
    "numbers in baskets": (basket(" ", PIECES), "ids of items look like lists of items"),
    "words in baskets": (basket(",", FOODS), "ids of items look like lists of items"),
    "names of people": (
        csv([(u, f'"Poe{i}, {FOODS[int(i[1:]) % 3]}"', t) for u, i, t in SECONDS]),
        "",
    ),
    "titles": (csv([(u, f"{FOODS[int(i[1:]) % 5]} {FOODS[int(i[1:]) % 4]}", t) for u, i, t in SECONDS]), ""),
    "things that came back": (
        csv([(*row, -1 if at % 9 == 0 else 2) for at, row in enumerate(SECONDS)], f"{HEAD},Quantity"),
        "amounts below 0.*--rating-col Quantity --min-rating 1 leaves those out",
    ),
    "a time that never comes": (
        csv([*((u, i, f"{t:%Y-%m-%d}") for u, i, t in ROWS), ("u01", "i01", "9999-12-31")]),
        "1 of 161 times are of 2100 or later",
    ),
    "zones of some": (
        csv([(u, i, f"{t:%Y-%m-%dT%H:%M:%S}" + "+02:00" * (t.second % 2)) for u, i, t in ROWS]),
        "those without are read as UTC",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_is_likely_meant_otherwise_is_told(tmp_path: Path, case: str) -> None:
    content, note = TOLD[case]
    _, manifest = made(write(tmp_path, log__csv=content) / "log.csv", tmp_path / "out")
    told = [line for line in manifest["notes"] if "have a text" not in line and "no item has" not in line]
    assert any(re.search(note, line) for line in told) if note else not told, told


def test_items_may_say_who_made_them(tmp_path: Path, plain: tuple[Path, str]) -> None:
    items = csv([(f"i{at:02}", f"T{at}", f"u0{at % 3}") for at in range(12)], "item_id,title,user_id")
    folder = write(tmp_path / "raw", my_log__csv=TEXT, made__csv=items)
    _, manifest = made(folder, tmp_path / "out")
    assert [taken["part"] for taken in manifest["source"]["taken"]] == ["log", "items"]
    assert manifest["counts"]["interactions"] == 160


def test_texts_that_say_nothing_are_told(tmp_path: Path) -> None:
    titles = ["Thé vert".encode().decode("cp1252"), "Caf\ufffd", *["Product"] * 10]
    items = pl.DataFrame(
        {"item_id": [f"i{at:02}" for at in range(12)], "title": titles, "vector": [[0.5]] * 12}
    )
    folder = write(tmp_path / "raw", log__csv=TEXT)
    items.write_parquet(folder / "items.parquet")
    _, manifest = made([folder / "log.csv", folder / "items.parquet"], tmp_path / "out")
    assert manifest["source"]["taken"][1]["unread"] == ["vector"]
    told = "\n".join(manifest["notes"])
    assert "10 of 12 items have the very text of another" in told
    assert "2 cells of 'title' were read in a wrong encoding" in told


def test_numbers_of_a_database_keep_their_fractions(tmp_path: Path) -> None:
    ratings = [Decimal(at % 5) + Decimal("0.5") for at in range(160)]
    times = [Decimal(time) + Decimal(at % 4) / 4 for at, (*_, time) in enumerate(SECONDS)]
    frame = pl.DataFrame(SECONDS, schema=HEAD.split(","), orient="row").with_columns(
        rating=pl.Series(ratings, dtype=pl.Decimal(4, 1)), timestamp=pl.Series(times, dtype=pl.Decimal(20, 3))
    )
    frame.write_parquet(tmp_path / "log.parquet")
    dataset, manifest = made(tmp_path / "log.parquet", tmp_path / "out", min_rating=2.5)
    kept = sum(rating >= Decimal("2.5") for rating in ratings)
    assert manifest["funnel"][1]["interactions"] == kept == 96
    assert set(np.unique(dataset.timestamps % 1)) == {0.0, 0.25, 0.5, 0.75}
    comma = csv(
        [(*row, str(rating).replace(".", ",")) for row, rating in zip(SECONDS, ratings, strict=True)],
        RATED,
        ";",
    )
    path = write(tmp_path, log__csv=comma) / "log.csv"
    assert made(path, tmp_path / "out", min_rating=2.5)[1]["funnel"][1]["interactions"] == 96


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            pl.Series([2.0**53 + 2 * at for at in range(20)]),
            "row 1: the user ids are fractional numbers of so many",
        ),
        (
            pl.Series([2.0**24 + 2 * at for at in range(20)], dtype=pl.Float32),
            "fractional numbers of so many",
        ),
        (pl.Series([bytes([200, 100 + at]) for at in range(20)]), ""),
        (pl.Series([2**100 + at for at in range(20)], dtype=pl.Int128), ""),
    ],
    ids=["float", "small float", "bytes", "large"],
)
def test_ids_of_odd_kinds(tmp_path: Path, ids: pl.Series, message: str) -> None:
    frame = pl.DataFrame(SECONDS, schema=HEAD.split(","), orient="row")
    frame = frame.with_columns(ids.gather([int(user[1:]) for user in frame["user_id"]]).alias("user_id"))
    try:
        frame.write_parquet(tmp_path / "log.parquet")
    except pl.exceptions.ComputeError as error:
        pytest.skip(f"this polars cannot write it: {error}")
    if message:
        with pytest.raises(DataError, match=message):
            made(tmp_path / "log.parquet", tmp_path / "out")
        return
    dataset, _ = made(tmp_path / "log.parquet", tmp_path / "out")
    first = ids[0].hex() if isinstance(ids[0], bytes) else str(ids[0])
    assert (dataset.n_users, first in list(dataset.users.ids)) == (20, True)


def test_parts_with_times_of_several_kinds_are_one_log(tmp_path: Path, plain: tuple[Path, str]) -> None:
    frame = pl.DataFrame(SECONDS, schema=HEAD.split(","), orient="row")
    times = pl.from_epoch("timestamp", time_unit="s")
    kinds = [times.cast(pl.Datetime("ns", "UTC")), times.dt.convert_time_zone("Europe/Berlin"), times]
    write(tmp_path / "raw")
    for at, kind in enumerate(kinds):
        frame[at::3].with_columns(kind).write_parquet(tmp_path / "raw" / f"{at}.parquet")
    assert made(tmp_path / "raw", tmp_path / "out")[1]["identity"] == plain[1]


def test_a_mongo_export_is_read(tmp_path: Path, plain: tuple[Path, str]) -> None:
    rows = [
        {
            "user_id": {"$oid": user},
            "item_id": item,
            "timestamp": {"$date": {"$numberLong": str(time * 1000)}},
        }
        for user, item, time in SECONDS
    ]
    path = write(tmp_path, log__jsonl="\n".join(map(json.dumps, rows))) / "log.jsonl"
    assert made(path, tmp_path / "out")[1]["identity"] == plain[1]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(*2 * [st.text("a\",'\n\té", min_size=1, max_size=5)]), min_size=1, max_size=6),
    quoting=st.sampled_from([stdlib_csv.QUOTE_MINIMAL, stdlib_csv.QUOTE_ALL]),
    quote=st.sampled_from("\"'"),
)
def test_what_csv_wrote_is_regular_and_read_as_it_was(
    rows: list[tuple[str, ...]], quoting: Any, quote: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            names = ("user_id", "item_id")
            writer = stdlib_csv.writer(file, quoting=quoting, quotechar=quote, lineterminator="\n")
            writer.writerows([names, *rows])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dialect, "BLOCK", 7)
            assert quotes_are_regular(path, ",", quote)
        if quote == "'":
            return  # whether they enclose cells is seen from the first lines
        table = open_table(path, Path(folder) / "scratch", ",", header=True)
        assert table.select({name: name for name in names}).frame.rows() == rows
