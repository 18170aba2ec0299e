"""Item texts from attributes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sracl_core.data.dataset import load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.semantics.template import DESCRIPTION_CHARACTERS, describe_table, template_texts


def one(**attributes: object) -> str:
    return describe_table(
        pl.DataFrame({"item_id": ["B01"], **{k: [v] for k, v in attributes.items()}})
    ).texts[0]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"title": "Rose soap"}, "Rose soap."),
        ({"title": "Really?"}, "Really?"),
        ({"title": "Rose soap", "brand": "Acme"}, "Rose soap, by Acme."),
        ({"title": "ACME rose soap", "brand": "Acme"}, "ACME rose soap."),
        ({"title": None, "brand": "Acme"}, "An item by Acme."),
        ({"title": "Heat", "genres": "Action|Crime"}, "Heat. Category: Action, Crime."),
        ({"title": "Comb", "categories": [["Hair", "Combs"], ["Hair"]]}, "Comb. Category: Hair, Combs."),
        ({"title": "Comb", "price": 3.5}, "Comb. Price: 3.50."),
        ({"title": "Comb", "price": "$3"}, "Comb. Price: $3."),
        ({"title": "Comb", "price": float("nan")}, "Comb."),
        ({"title": "Comb", "price": 0.0}, "Comb."),
        ({"title": "Tom &amp; Co <b>comb</b>\n x"}, "Tom & Co comb x."),
        ({"title": "Comb", "hair_type": "curly"}, "Comb. Hair type: curly."),
        ({"title": "Comb", "url": "http://a.b", "rank": 7, "asin": "B9", "photo": "https://c"}, "Comb."),
        ({"title": "Comb", "description": "Fine teeth"}, "Comb. Fine teeth."),
        ({"title": "Comb", "description": ["Fine", "teeth."]}, "Comb. Fine teeth."),
        ({"description": "Only this"}, "Only this."),
    ],
)
def test_attributes_become_a_sentence(attributes: dict[str, object], expected: str) -> None:
    assert one(**attributes) == expected


def test_a_long_description_is_cut_between_words() -> None:
    text = one(title="Comb", description="word " * 500)
    assert len(text) <= len("Comb. ") + DESCRIPTION_CHARACTERS + 1
    assert text.endswith("word.")


def test_an_item_without_text_is_described_by_its_id_and_counted() -> None:
    table = pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["Soap", None, " NaN "]})
    texts = describe_table(table)
    assert texts.texts == ["Soap.", "b", "c"]
    assert texts.fallback_count == 2


def test_what_a_csv_says_in_numbers_or_after_the_fact_is_left_out(tmp_path: Path) -> None:
    """A prepared dataset holds every attribute as text, numbers too."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "interactions.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\nu,c,3\n")
    (raw / "items.csv").write_text(
        "item_id,title,color,weight,Rating_number,stars,price\n"
        "a,Comb,red,12,999,4.1 of 5,3.50\nb,Soap,2,0.5,1,3.0 of 5,\nc,Oil,,,7,2.0 of 5,\n"
    )
    prepare(raw, tmp_path / "out", PrepareOptions(k_core=1))
    texts = template_texts(load_dataset(tmp_path / "out")).texts
    assert texts == ["Comb. Price: 3.50. Color: red.", "Soap. Color: 2.", "Oil."]


def test_a_table_of_ids_alone_is_all_fallback() -> None:
    assert describe_table(pl.DataFrame({"item_id": ["a", "b"]})).fallback_count == 2
