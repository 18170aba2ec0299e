"""Every reader against a fixture in its format's true shape, the odd lines included."""
# ruff: noqa: E501  (fixtures keep the lines of their formats whole)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.readers import READERS, detect
from sracl_core.data.readers.base import ReadOptions
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
    raw.mkdir(exist_ok=True)
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
    assert dataset.items.ids == ["B2", "B3", "B1"]
    assert dataset.titles() == ["", "B2", "B3", "Burt's Bees & Co"]
    first, _, last = dataset.item_table().to_dicts()
    assert (last["categories"], last["sales_rank"], last["price"]) == (
        "Beauty > Hair; Gifts",
        "Beauty: 12",
        "9.5",
    )
    assert (first["description"], first["price"], first["categories"]) == ("it's \ufffd odd", None, None)
    assert dataset.manifest["notes"] == ["reviews_X_5.json: 1 reviews without a time left out"]


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
    soap = dataset.item_table().to_dicts()[-1]
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
    assert dataset.titles() == ["", 'The "A" Team', '"b', "c"]
    assert dataset.item_table().columns == ["item_id", "title", "genre"]


@pytest.mark.parametrize("content", ["1 1\n1 2\n1 1\n2 3\n2 1\n2 2\n", "1 1 2 1\r\n\n2 3 1 2"])
def test_sequences(tmp_path: Path, content: str) -> None:
    dataset = prepared(tmp_path, {"Beauty.txt": content})
    assert form_of(dataset) == "sequences"
    assert [dataset.sequences.of(user).tolist() for user in (0, 1)] == [[1, 2, 1], [3, 1, 2]]


def test_named_columns_and_texts(tmp_path: Path) -> None:
    log, items = tmp_path / "log.csv", tmp_path / "things.csv"
    log.write_text("who,what,when_\nu,a,1\nu,b,2\nu,c,3\n")
    items.write_text("what,label,note,other\na,A,n,o\n")
    reading = ReadOptions(
        user_col="who", item_col="what", time_col="when_", title_col="label", text_cols=("note",)
    )
    manifest = prepare([log, items], tmp_path / "out", PrepareOptions(k_core=1, read=reading))
    assert load_dataset(tmp_path / "out").item_table().columns == ["item_id", "title", "note"]
    assert manifest["notes"][0].startswith("log.csv: columns taken as user = 'who'")
    with pytest.raises(DataError, match=r"no column 'lable'; did you mean 'label'\?; correct --title-col"):
        prepare(
            [log, items],
            tmp_path / "out",
            PrepareOptions(
                read=ReadOptions(user_col="who", item_col="what", time_col="when_", title_col="lable")
            ),
        )


def test_column_options_are_never_ignored(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--user-col is for tables"):
        prepared(tmp_path, MOVIES["csv"], PrepareOptions(read=ReadOptions(user_col="userId")))
    options = PrepareOptions(k_core=1, read=ReadOptions(format="table", user_col="userId"))
    prepare(tmp_path / "raw" / "ratings.csv", tmp_path / "out", options)


def test_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no format 'movielense'; did you mean 'movielens'"):
        detect([tmp_path], "movielense")


def test_every_reader_says_what_it_is() -> None:
    for name, reader in READERS.items():
        assert name == reader.NAME
        assert reader.ABOUT
