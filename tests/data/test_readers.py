"""Every reader against a fixture in its format's true shape, the odd lines included."""
# ruff: noqa: E501  (fixtures keep the lines of their formats whole)

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.readers import READERS, detect
from sracl_core.data.reading.base import ReadOptions
from sracl_core.errors import DataError

KEEP_ALL = PrepareOptions(k_core=1)
REVIEWS_2014 = [
    {
        "reviewerID": user,
        "asin": item,
        "reviewerName": 'Sue "S"',
        "helpful": [0, 0],
        "reviewText": "fine\n",
        "overall": stars,
        "summary": "\ud83d",
        "unixReviewTime": time,
        "reviewTime": "01 1, 2014",
    }
    for user, item, stars, time in [("A1", "B1", 5.0, 30), ("A1", "B2", 4.0, 10), ("A1", "B3", 3.0, 20)]
]
TIMELESS = {"reviewerID": "A1", "asin": "B4", "overall": 5.0}
META_2014 = r"""{'asin': 'B1', 'title': "Burt's Bees &amp; Co", 'price': 9.5, 'salesRank': {'Beauty': 12}, 'categories': [['Beauty', 'Hair'], ['Gifts']], 'brand': 'Burt'}
{'asin': 'B2', 'price': None, 'description': 'it\'s \ud83d odd', 'categories': [[]]}
{'asin': 'B9', 'title': __import__('os').system('touch pwned')}
{'asin': 'B3', 'title': '', 'brand': 'None'}
"""


def lines(records: list[dict[str, object]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def prepared(tmp_path: Path, files: dict[str, str | bytes], options: PrepareOptions = KEEP_ALL) -> Dataset:
    raw = tmp_path / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (raw / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    prepare(raw, tmp_path / "out", options)
    return load_dataset(tmp_path / "out")


def form_of(dataset: Dataset) -> str:
    return str(dataset.manifest["source"]["format"])


def test_amazon_2014(tmp_path: Path) -> None:
    files = {"reviews_X_5.json": lines([*REVIEWS_2014, TIMELESS]), "meta_X.json": META_2014}
    dataset = prepared(tmp_path, files)
    assert form_of(dataset) == "amazon2014"
    assert dataset.items.ids == ["B1", "B2", "B3"]
    assert dataset.titles() == ["", "Burt's Bees & Co", "B2", "B3"]
    whole, odd, _ = dataset.item_table().to_dicts()
    assert (whole["categories"], whole["sales_rank"], whole["price"]) == (
        "Beauty > Hair; Gifts",
        "Beauty: 12",
        "9.5",
    )
    assert (odd["description"], odd["price"], odd["categories"]) == ("it's \ufffd odd", None, None)
    assert dataset.manifest["notes"] == [
        "reviews_X_5.json: 1 reviews without a time left out",
        "1 of 3 items have no text; their ids stand for it",
        "warning: 1 cells of 'description' were read in a wrong encoding by the program that wrote them "
        "('it's \ufffd odd'); write them anew from their source as UTF-8",
    ]


def test_amazon_2014_never_evaluates(tmp_path: Path) -> None:
    evil = META_2014.replace("'B9'", "'B3'")
    with pytest.raises(DataError, match=r"meta_X\.json line 3 is neither JSON nor a Python dictionary"):
        prepared(tmp_path, {"reviews_X_5.json": lines(REVIEWS_2014), "meta_X.json": evil})


def test_amazon_2018(tmp_path: Path) -> None:
    meta = [
        {
            "asin": "B1",
            "title": "Soap",
            "category": ["Beauty", "Hair"],
            "description": ["One.", "Two."],
            "rank": "5 in X",
        }
    ]
    dataset = prepared(tmp_path, {"X_5.json": lines(REVIEWS_2014), "meta_X.json": lines(meta * 2)})
    soap = dataset.item_table().to_dicts()[0]
    assert (soap["title"], soap["categories"], soap["description"]) == ("Soap", "Beauty > Hair", "One. Two.")
    assert dataset.manifest["counts"]["items_without_row"] == 2


def test_amazon_2023(tmp_path: Path) -> None:
    reviews = [
        {
            "rating": 5.0,
            "title": "x",
            "asin": f"V{t}",
            "parent_asin": f"P{t}",
            "user_id": "U",
            "timestamp": 1588687728923 + t * 1000,
        }
        for t in range(3)
    ]
    meta = [
        {
            "parent_asin": "P0",
            "title": "T &lt;3",
            "store": "S",
            "categories": ["A", "B"],
            "price": None,
            "description": [],
            "features": ["f1", "f2"],
        }
    ]
    dataset = prepared(tmp_path, {"All_Beauty.jsonl": lines(reviews), "meta_All_Beauty.jsonl": lines(meta)})
    assert form_of(dataset) == "amazon2023"
    assert dataset.timestamps.tolist()[0] == 1588687728.923
    row = dataset.item_table().to_dicts()[0]
    assert (row["title"], row["brand"], row["description"], row["price"]) == ("T <3", "S", "f1 f2", None)


def test_yelp(tmp_path: Path) -> None:
    reviews = [
        {
            "review_id": "r",
            "user_id": "u",
            "business_id": f"b{year}",
            "stars": 4.0,
            "date": f"{year}-01-01 00:00:00",
        }
        for year in (2018, 2019, 2020, 2021)
    ]
    business = [
        {"business_id": "b2019", "name": "Café", "city": "Tempe", "state": "AZ", "categories": "Bars, Food"}
    ]
    files = {
        "yelp_academic_dataset_review.json": lines(reviews),
        "yelp_academic_dataset_business.json": lines(business),
    }
    dataset = prepared(tmp_path, files, PrepareOptions(k_core=1, since=1546300800.0, min_rating=4))
    assert form_of(dataset) == "yelp"
    assert dataset.timestamps.tolist() == [1546300800, 1577836800, 1609459200]
    assert dataset.titles() == ["", "Café", "b2020", "b2021"]


MOVIES = {
    "csv": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.0,5\n1,20,3.5,6\n1,30,2,7\n",
        "movies.csv": 'movieId,title,genres\n10,"American President, The (1995)",Comedy|Drama\n20,Été (1995),(no genres listed)\n',
    },
    "dat": {
        "ratings.dat": "1::10::4::5\n1::20::3::6\n1::30::2::7\n",
        "movies.dat": "10::American President, The (1995)::Comedy|Drama\r\n20::Été (1995)::\n".encode(
            "latin-1"
        ),
    },
    "100k": {
        "u.data": "1\t10\t4\t5\n1\t20\t3\t6\n1\t30\t2\t7\n",
        "u.item": (
            "10|American President, The (1995)|01-Jan-1995||url|0|0|0|0|0|1|0|0|1|0|0|0|0|0|0|0|0|0|0\n"
            "20|Été (1995)|01-Jan-1995||url|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        ).encode("latin-1"),
    },
}


@pytest.mark.parametrize("form", MOVIES)
def test_movielens(tmp_path: Path, form: str) -> None:
    dataset = prepared(tmp_path, MOVIES[form], PrepareOptions(k_core=1, min_rating=2))
    assert form_of(dataset) == "movielens"
    assert dataset.titles() == ["", "American President, The (1995)", "Été (1995)", "30"]
    assert dataset.item_table()["genres"].to_list() == ["Comedy, Drama", None, None]
    assert dataset.timestamps.tolist() == [5, 6, 7]


def test_recbole(tmp_path: Path) -> None:
    files = {
        "x.inter": 'user_id:token\titem_id:token\trating:float\ttimestamp:float\nu\ta\t5.0\t1.0\nu\t"b\t4\t2\nu\tc\t1\t3\n',
        "x.item": 'item_id:token\tmovie_title:token_seq\tgenre:token_seq\na\tThe "A" Team\tAction War\n"b\t\tDrama\n',
    }
    dataset = prepared(tmp_path, files, PrepareOptions(k_core=1, min_rating=1))
    assert form_of(dataset) == "recbole"
    assert dataset.titles() == ["", '"b', 'The "A" Team', "c"]
    assert dataset.item_table().columns == ["item_id", "title", "genre"]


@pytest.mark.parametrize("content", ["1 1\n1 2\n1 1\n2 3\n2 1\n2 2\n", "1 1 2 1\r\n\n2 3 1 2"])
def test_sequences(tmp_path: Path, content: str) -> None:
    dataset = prepared(tmp_path, {"Beauty.txt": content})
    assert form_of(dataset) == "sequences"
    assert [dataset.sequences.of(user).tolist() for user in (0, 1)] == [[1, 2, 1], [3, 1, 2]]


WHOLE = {
    "amazon2014": {"reviews_X_5.json": lines(REVIEWS_2014), "meta_X.json": "{'asin': 'B1', 'title': 'T'}\n"},
    "amazon2023": {
        "X.jsonl": lines([{"user_id": "u", "parent_asin": f"p{t}", "timestamp": t * 1000} for t in range(3)]),
        "meta_X.jsonl": lines([{"parent_asin": "p0", "title": "T"}]),
    },
    "yelp": {
        "review.json": lines(
            [
                {
                    "review_id": "r",
                    "user_id": "u",
                    "business_id": f"b{day}",
                    "date": f"2020-01-0{day} 00:00:00",
                }
                for day in (1, 2, 3)
            ]
        ),
        "business.json": lines([{"business_id": "b1", "name": "T"}]),
    },
    "movielens csv": MOVIES["csv"],
    "movielens dat": {
        "ratings.dat": MOVIES["dat"]["ratings.dat"],
        "movies.dat": "10::Caf\u00e9::Drama\n20::T::\n",
    },
    "recbole": {
        "x.inter": "user_id:token\titem_id:token\ttimestamp:float\nu\ta\t1\nu\tb\t2\nu\tc\t3\n",
        "x.item": "item_id:token\ttitle:token_seq\na\tT\n",
    },
    "sequences": {"x.txt": "1 1\n1 2\n1 3\n"},
    "table": {
        "interactions.csv": "user_id,item_id,timestamp\nu,a,1\nu,b,2\nu,c,3\n",
        "items.csv": "item_id,title\na,T\n",
    },
}


@pytest.mark.parametrize("form", WHOLE)
def test_every_form_with_crlf_a_bom_and_compressed_is_the_same(tmp_path: Path, form: str) -> None:
    plain = {name: text.encode() for name, text in WHOLE[form].items()}
    expected = prepared(tmp_path / "plain", plain)
    assert form_of(expected) == form.split()[0]
    variants = {
        "windows": {name: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n") for name, text in plain.items()},
        "gzip": {f"{name}.gz": gzip.compress(text) for name, text in plain.items()},
        "zstd": {f"{name}.zst": zstandard.compress(text) for name, text in plain.items()},
        "no end of line": {name: text.rstrip(b"\n") for name, text in plain.items()},
    }
    for variant, files in variants.items():
        assert prepared(tmp_path / variant, files).identity == expected.identity, variant


def test_headers_in_capitals(tmp_path: Path) -> None:
    for form in ("movielens csv", "recbole", "table"):
        small = prepared(tmp_path / form / "a", WHOLE[form])
        capitals = {}
        for name, text in WHOLE[form].items():
            header, _, rows = text.partition("\n")
            capitals[name] = f"{header.upper()}\n{rows}"
        assert prepared(tmp_path / form / "b", capitals).identity == small.identity, form


def test_a_line_without_item_or_time_is_named_in_every_form(tmp_path: Path) -> None:
    bad = {
        "recbole": ("x.inter", "u\t\t4\n", "line 5: the item id is empty"),
        "movielens csv": ("ratings.csv", "1,40,3,\n", "line 5: the timestamp is missing"),
        "movielens dat": (
            "ratings.dat",
            f"1::40::3::{'x' * 700}\n",
            "line 4: timestamp 'x{60}…' is not a number",
        ),
        "amazon2014": (
            "reviews_X_5.json",
            '{"reviewerID": "A", "unixReviewTime": 3}\n',
            "line 4: the item id",
        ),
        "amazon2023": ("X.jsonl", '{"user_id": "u", "timestamp": 3}\n', "line 4: the item id"),
        "yelp": (
            "review.json",
            '{"user_id": "u", "business_id": "b", "date": "x"}\n',
            "line 4: the time 'x' is no date of",
        ),
        "sequences": ("x.txt", "7\n", "line 4 has a user and no item"),
    }
    for form, (name, line, message) in bad.items():
        files = {**WHOLE[form], name: WHOLE[form][name] + line}
        with pytest.raises(DataError, match=f"{name} {message}"):
            prepared(tmp_path / form, files)


def test_yelp_by_the_flags_of_the_paper(tmp_path: Path) -> None:
    """5-core of 2019 on, from the command line."""
    rows = [
        {
            "review_id": "r",
            "user_id": f"u{user}",
            "business_id": f"b{shop}",
            "stars": 1.0,
            "date": f"{day} 12:00:00",
        }
        for user in range(6)
        for shop in range(6)
        for day in ("2018-12-31", "2019-01-01")
    ]
    (tmp_path / "yelp").mkdir()
    (tmp_path / "yelp" / "yelp_academic_dataset_review.json").write_text(lines(rows))
    words = ["yelp", "--raw-dir", str(tmp_path), "--since", "2019-01-01", "--until", "2020-01-01"]
    command = [sys.executable, "-m", "sracl_core.cli.main", "data", "prepare", *words, "--json"]
    (tmp_path / "yelp" / "yelp_academic_dataset_business.json").write_text('{"business_id": "b0"}\n')
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "o")], capture_output=True, text=True, check=True
    )
    manifest = json.loads(done.stdout)
    assert [step["interactions"] for step in manifest["funnel"]] == [72, 36, 36, 36]
    assert (manifest["filters"]["since"], manifest["filters"]["until"]) == (1546300800, 1577836800)
    assert manifest["licence"].startswith("Yelp")


def test_named_columns_and_texts(tmp_path: Path) -> None:
    log, items = tmp_path / "log.csv", tmp_path / "things.csv"
    log.write_text("who,what,when_\nu,a,1\nu,b,2\nu,c,3\n")
    items.write_text("what,label,note,other\na,A,n,o\n")
    reading = ReadOptions(
        user_col="who", item_col="what", time_col="when_", title_col="label", text_cols=("note",)
    )
    manifest = prepare([log, items], tmp_path / "out", PrepareOptions(k_core=1, read=reading))
    assert load_dataset(tmp_path / "out").item_table().columns == ["item_id", "title", "note"]
    assert manifest["source"]["taken"] == [
        {
            "file": "log.csv",
            "part": "log",
            "columns": {"user": "who", "item": "what", "time": "when_"},
            "texts": [],
            "unread": [],
        },
        {
            "file": "things.csv",
            "part": "items",
            "columns": {"item": "what", "title": "label"},
            "texts": ["note"],
            "unread": ["other"],
        },
    ]
    with pytest.raises(DataError, match=r"no column 'lable'; did you mean 'label'\?; correct title_col"):
        prepare(
            [log, items],
            tmp_path / "out",
            PrepareOptions(
                read=ReadOptions(user_col="who", item_col="what", time_col="when_", title_col="lable")
            ),
        )
    with pytest.raises(DataError, match=r"no file has a column 'whom'.*; correct user_col"):
        prepare(
            [log, items],
            tmp_path / "out",
            PrepareOptions(read=replace(reading, user_col=("who", "whom"), title_col=("label",))),
        )


def test_column_options_are_never_ignored(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="user_col is for tables"):
        prepared(tmp_path, MOVIES["csv"], PrepareOptions(read=ReadOptions(user_col="userId")))
    options = PrepareOptions(k_core=1, read=ReadOptions(format="table", user_col="userId"))
    prepare(tmp_path / "raw" / "ratings.csv", tmp_path / "out", options)


def test_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no format 'movielense'; did you mean 'movielens'"):
        detect([tmp_path], "movielense")


def test_every_reader_says_what_it_is() -> None:
    for name, reader in READERS.items():
        assert name == reader.name
        assert reader.about
        assert reader.sign
