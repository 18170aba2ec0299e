"""Any bytes give rows or one clear error with the file's name: no traceback, no hang."""

from __future__ import annotations

import gzip
import io
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sracl_core.data.readers import READERS, detect, read_source
from sracl_core.data.reading.base import ReadOptions
from sracl_core.errors import DataError


def parquet() -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"user_id": ["u"] * 5, "item_id": range(5), "timestamp": [0.5] * 5}).write_parquet(out)
    return out.getvalue()


PARQUET = parquet()
INTERACTIONS = {
    "log.csv": ("table", b'user_id,item_id,timestamp\nu,"a, b",5\n'),
    "log.tsv": ("table", b"user_id\titem_id\ttimestamp\nu\ta\t5\n"),
    "log.jsonl": ("table", b'{"user_id": "u", "item_id": 7, "timestamp": 1.5}\n'),
    "log.parquet": ("table", PARQUET),
    "reviews.json": ("amazon2014", b'{"reviewerID": "A", "asin": "B", "unixReviewTime": 5}\n'),
    "All.jsonl": ("amazon2023", b'{"user_id": "A", "parent_asin": "B", "timestamp": 5}\n'),
    "review.json": ("yelp", b'{"user_id": "A", "business_id": "B", "date": "2019-01-01 10:00:00"}\n'),
    "ratings.csv": ("movielens", b"userId,movieId,rating,timestamp\n1,2,3,4\n"),
    "ratings.dat": ("movielens", b"1::2::3::4\n"),
    "u.data": ("movielens", b"1\t2\t3\t4\n"),
    "x.inter": ("recbole", b"user_id:token\titem_id:token\ttimestamp:float\nu\ta\t5\n"),
    "x.txt": ("sequences", b"1 2\n1 3 4\n"),
}
ITEMS = {
    "items.csv": ("table", "log.csv", b"item_id,title\na,T\n"),
    "meta_X.json": ("amazon2014", "reviews.json", b"{'asin': 'B', 'title': 'T'}\n"),
    "meta_All.jsonl": ("amazon2023", "All.jsonl", b'{"parent_asin": "B", "title": "T"}\n'),
    "business.json": ("yelp", "review.json", b'{"business_id": "B", "name": "T"}\n'),
    "movies.csv": ("movielens", "ratings.csv", b"movieId,title,genres\n2,T,A|B\n"),
    "movies.dat": ("movielens", "ratings.dat", b"2::T::A|B\n"),
    "u.item": ("movielens", "u.data", b"2|T (1995)|01-Jan-1995||url|0|1|0|1\n"),
    "x.item": ("recbole", "x.inter", b"item_id:token\ttitle:token_seq\na\tT\n"),
}
# Whole lines broken in places reach deeper than random bytes do.
PIECES = (
    b'\n|\r\n|,|\t|::|"|\'|{|}|\\ud83d|\xff|\x00|nan|1e999|null|-1| |\xef\xbb\xbf|\xc3\xa9|{"a": 1}\n|None'
).split(b"|")
# What is wrong with a file as a whole; anything else is wrong at a line.
WHOLE_FILE = (
    "is empty",
    "holds (?:no |XML|HTML|an? )",
    "cut or damaged",
    "has no (?:plain )?\\w+ column",
    "has no column",
    r"parquet cannot be read",
    r"cannot be read: parquet",
)
PATIENT = [HealthCheck.too_slow]  # a machine with other work may take its time
pieces = st.sampled_from([*PIECES, b"|", b"[" * 300, b"9" * 30])


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    content = good * draw(st.integers(0, 3))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        drop = draw(st.integers(0, 4))
        content = content[:at] + draw(st.one_of(pieces, st.binary(max_size=8))) + content[at + drop :]
    return content


def test_a_name_that_utf8_has_not_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"user_id": "u", "\\ud83ditem_id": 7, "timestamp": 1.5}\n')
    rows_or_one_error("table", [path], "log.jsonl", tmp_path)


def rows_or_one_error(name: str, files: list[Path], damaged_name: str, folder: Path) -> None:
    try:
        raw = read_source(name, files, ReadOptions(with_ratings=False), folder / "scratch")
    except DataError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert damaged_name in message
        assert "\n" not in message
        assert len(message) < 600
        assert re.search(r" (line|row) \d+|" + "|".join(WHOLE_FILE), message), message
        return
    frame = raw.interactions
    assert frame.columns == ["user_id", "item_id", "timestamp"]
    assert frame.height > 0
    assert frame.null_count().sum_horizontal().item() == 0
    assert raw.items is None or raw.items["item_id"].is_unique().all()


@pytest.mark.parametrize("file", INTERACTIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=PATIENT)
@given(data=st.data())
def test_interactions(file: str, data: st.DataObject) -> None:
    name, good = INTERACTIONS[file]
    content = data.draw(damaged(good))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes(content)
        rows_or_one_error(name, [path], file, Path(folder))


@pytest.mark.parametrize("file", ITEMS)
@settings(max_examples=60, deadline=None, suppress_health_check=PATIENT)
@given(data=st.data())
def test_items(file: str, data: st.DataObject) -> None:
    name, beside, good = ITEMS[file]
    content = data.draw(damaged(good))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / beside, Path(folder) / file]
        paths[0].write_bytes(INTERACTIONS[beside][1])
        paths[1].write_bytes(content)
        rows_or_one_error(name, paths, file, Path(folder))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@settings(max_examples=60, deadline=None, suppress_health_check=PATIENT)
@given(data=st.data())
def test_compressed(ending: str, data: st.DataObject) -> None:
    good = INTERACTIONS["log.csv"][1]
    whole = gzip.compress(good) if ending == ".gz" else zstandard.compress(good)
    content = data.draw(damaged(whole))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"log.csv{ending}"
        path.write_bytes(content)
        rows_or_one_error("table", [path], path.name, Path(folder))


@pytest.mark.parametrize("file", INTERACTIONS)
@settings(max_examples=20, deadline=None, suppress_health_check=PATIENT)
@given(data=st.data())
def test_finding_the_form(file: str, data: st.DataObject) -> None:
    content = data.draw(damaged(INTERACTIONS[file][1]))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file).write_bytes(content)
        try:
            found, message = detect([Path(folder)])[0], ""
        except DataError as error:
            found, message = None, str(error)
        assert found in READERS or "no data of a known form" in message


def test_every_reader_is_fuzzed() -> None:
    assert {name for name, _ in INTERACTIONS.values()} == set(READERS)
