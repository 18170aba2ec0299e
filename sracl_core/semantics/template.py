"""Item texts from item attributes, without a language model."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from sracl_core.data.dataset import Dataset
    from sracl_core.data.prefixes import Prefixes

DESCRIPTION_CHARACTERS = 500
"""As much of a description as the paper's prompts read; encoders stop at 256 tokens anyway."""

_SHORT_VALUE = 80
_TITLES = ("title", "name")
_BRANDS = ("brand", "store", "manufacturer", "artist", "author")
_CATEGORIES = ("categories", "category", "genres", "genre", "kind")
_DESCRIPTIONS = ("description", "features", "summary")
AFTERWARDS = {"average_rating", "rating_number", "rating_count", "review_count", "stars", "popularity"}
"""Columns of statistics that were taken after the held-out interactions happened."""
LINKS = re.compile(r"(^|_)(id|asin|url|image|imagehref|im|imurl|link|parent_asin|sku|upc)s?$", re.IGNORECASE)
_NOTHING = {"", "nan", "none", "null", "n/a", "na", "-", "unknown", "(no genres listed)"}
_TAG = re.compile(r"<[^<>]{1,200}>")
_SPACE = re.compile(r"\s+")
_SEPARATOR = re.compile(r"\s*(?:\||;|>)\s*")


@dataclass(frozen=True)
class ItemTexts:
    """One text for each item.

    texts: N strings, row i belongs to item index i + 1.
    fallback_count: how many items had no attribute to speak of, and are described by their id.
    """

    texts: list[str]
    fallback_count: int


def template_texts(dataset: Dataset) -> ItemTexts:
    """Describe every item of `dataset` in a sentence made of its attributes."""
    return describe_table(dataset.item_table())


def describe_table(table: pl.DataFrame, like: pl.DataFrame | None = None) -> ItemTexts:
    """Describe every row of an item table (`item_id`, and any attributes).

    Title, brand, categories, price and description are known under their usual names; any other
    short text column is added as "column: value". Numbers and links say nothing to a sentence
    encoder and are left out, and so are statistics that know the held-out interactions. An item with
    nothing to say is described by its id alone: a sentence that all such items share would make them
    each other's nearest neighbors. Which column plays which part is seen from `like`, where given: a table
    whose texts these shall stand beside, and whose columns they have.

    >>> import polars as pl
    >>> table = pl.DataFrame({"item_id": ["a", "b"], "title": ["Rose soap", None], "brand": ["Acme", ""]})
    >>> describe_table(table)
    ItemTexts(texts=['Rose soap, by Acme.', 'b'], fallback_count=1)
    """
    layout = _Layout.of(table if like is None else like)
    texts: list[str] = []
    fallback_count = 0
    for row in table.iter_rows(named=True):
        text = _sentence(row, layout)
        if not text:
            text = str(row["item_id"])
            fallback_count += 1
        texts.append(text)
    return ItemTexts(texts, fallback_count)


@dataclass(frozen=True)
class _Layout:
    """Which column plays which part."""

    title: str | None
    brand: str | None
    categories: str | None
    price: str | None
    descriptions: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def of(cls, table: pl.DataFrame) -> _Layout:
        import polars as pl

        by_lower = {column.lower(): column for column in reversed(table.columns)}

        def first(names: Sequence[str]) -> str | None:
            return next((by_lower[name] for name in names if name in by_lower), None)

        title, brand, categories = first(_TITLES), first(_BRANDS), first(_CATEGORIES)
        price = by_lower.get("price")
        descriptions = tuple(by_lower[name] for name in _DESCRIPTIONS if name in by_lower)
        taken = {"item_id", title, brand, categories, price, *descriptions}
        others = tuple(
            column
            for column, kind in table.schema.items()
            if column not in taken
            and isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.List)
            and not LINKS.search(column)
            and column.lower() not in AFTERWARDS
            and not _all_numbers(table[column])
        )
        return cls(title, brand, categories, price, descriptions, others)


def _all_numbers(column: pl.Series) -> bool:
    """Whether every text of a column is a number: tables read from text files hold them as text."""
    import polars as pl

    if column.dtype == pl.List:
        return False
    numbers = column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return numbers.null_count() == column.null_count() < len(column)


def _sentence(row: dict[str, Any], layout: _Layout) -> str:
    head = _clean(row.get(layout.title or ""))
    brand = _clean(row.get(layout.brand or ""))
    if brand and brand.casefold() not in head.casefold():
        head = f"{head}, by {brand}" if head else f"An item by {brand}"
    parts = [head]
    categories = _listed(row.get(layout.categories or ""), split=True)
    if categories:
        parts.append(f"Category: {categories}")
    price = _price(row.get(layout.price or ""))
    if price:
        parts.append(f"Price: {price}")
    for column in layout.others:
        value = _listed(row[column])
        if value and len(value) <= _SHORT_VALUE and "://" not in value:
            parts.append(f"{column.replace('_', ' ').strip().capitalize()}: {value}")
    for column in layout.descriptions:
        described = _shortened(_listed(row[column], glue=" "))
        if described:
            parts.append(described)
            break
    return " ".join(_stopped(part) for part in parts if part)


def _clean(value: Any) -> str:
    """`value` as plain words: entities resolved, markup gone, blanks collapsed, "nan" as nothing."""
    if value is None:
        return ""
    text = _TAG.sub(" ", html.unescape(str(value)))
    text = _SPACE.sub(" ", text).strip()
    return "" if text.casefold() in _NOTHING else text


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _listed(value: Any, *, split: bool = False, glue: str = ", ") -> str:
    """The words in a text or (nested) list, each once, in order."""
    words = (_clean(leaf) for leaf in _leaves(value))
    if split:
        words = (piece for word in words for piece in _SEPARATOR.split(word))
    return glue.join(dict.fromkeys(word for word in words if word))


def _price(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.2f}" if math.isfinite(value) and value > 0 else ""
    return _clean(value)


def _shortened(text: str) -> str:
    if len(text) <= DESCRIPTION_CHARACTERS:
        return text
    cut = text[:DESCRIPTION_CHARACTERS].rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:")


def _stopped(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def prefix_titles(prefixes: Prefixes, titles: Sequence[str]) -> list[str]:
    """One text for each prefix: its titles, the latest first, since encoders cut a text's end.

    titles: N + 1 strings by item index, as `Dataset.titles` gives them.

    >>> import numpy as np
    >>> from sracl_core.data.prefixes import Prefixes
    >>> values, one = np.array([1, 2, 1], dtype=np.int32), np.array([0])
    >>> prefix_titles(Prefixes(values, one.astype(np.int32), one, one + 2), ["", "Rose soap", "Comb"])
    ['Comb; Rose soap']
    """
    values = prefixes.values
    return [
        "; ".join(titles[item] for item in values[start:end][::-1].tolist())
        for start, end in zip(prefixes.starts.tolist(), prefixes.ends.tolist(), strict=True)
    ]
