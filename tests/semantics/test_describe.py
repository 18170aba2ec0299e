"""Item texts from attributes."""

from __future__ import annotations

import polars as pl
import pytest

from sracl_core.semantics.describe import DESCRIPTION_CHARACTERS, describe_table


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


def test_a_table_of_ids_alone_is_all_fallback() -> None:
    assert describe_table(pl.DataFrame({"item_id": ["a", "b"]})).fallback_count == 2
