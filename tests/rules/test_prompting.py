from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from sracl_core.retrieval.best import best, standard
from sracl_core.rules.prompting import Prompts

Floats = NDArray[np.float32]
BRANDS = ("Acme", "Birch", "Cairn")


@pytest.fixture
def shop() -> tuple[Floats, dict[str, list[str | None]], dict[str, Floats]]:
    """Vectors of 60 items whose brands are not in their texts' words; columns; vectors of words."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(60, 16))
    brands = [BRANDS[row % 3] if row < 45 else None for row in range(60)]
    kinds = rng.normal(size=(3, 16))
    vectors[:45] += kinds[np.arange(45) % 3]
    words: dict[str, Floats] = {}
    for brand in BRANDS:
        words[brand.lower()] = rng.normal(size=16)
        words[f"more {brand.lower()}"] = words[brand.lower()] + 0.1 * rng.normal(size=16)
    words["by Birch"] = words["birch"] + 0.1 * rng.normal(size=16)
    words["something else"] = -sum(words[brand.lower()] for brand in BRANDS)
    length = {text: (one / np.linalg.norm(one)).astype(np.float32) for text, one in words.items()}
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns: dict[str, list[str | None]] = {"brand": brands, "number": [str(row % 2) for row in range(60)]}
    return vectors.astype(np.float32), columns, length


def reading(words: dict[str, Floats]) -> Callable[[Sequence[str]], Floats]:
    """What gives the vectors of texts."""
    return lambda texts: np.stack([words[text] for text in texts])


def test_a_name_of_the_shop_s_own_brings_what_has_it(
    shop: tuple[Floats, dict[str, list[str | None]], dict[str, Floats]],
) -> None:
    vectors, columns, words = shop
    found = best(Prompts(vectors, reading(words), columns).likeness("by Birch"), 10)
    plain = best(vectors @ words["by Birch"], 10)
    brands = np.array(columns["brand"])
    assert (brands[found] == "Birch").sum() >= 8 > (brands[plain] == "Birch").sum()


@pytest.mark.parametrize("known", [True, False])
def test_of_any_other_prompt_the_head_knows_nothing(
    shop: tuple[Floats, dict[str, list[str | None]], dict[str, Floats]], known: bool
) -> None:
    vectors, columns, words = shop
    prompts = Prompts(vectors, reading(words), columns if known else {})
    expected = standard(vectors @ words["something else"])
    np.testing.assert_array_equal(prompts.likeness("something else"), expected)


def test_the_head_is_the_ridge_regression_it_is_called(
    shop: tuple[Floats, dict[str, list[str | None]], dict[str, Floats]],
) -> None:
    vectors, columns, words = shop
    texts = [text for brand in sorted(BRANDS) for text in (brand.lower(), f"more {brand.lower()}")]
    asked = np.stack([words[text] for text in texts]).astype(np.float64)
    has = [np.array([cell == brand for cell in columns["brand"]]) for brand in sorted(BRANDS) for _ in "12"]
    wanted = np.stack([(one - one.mean()) / one.std() for one in has])
    left, right = (
        rows.T @ rows + 0.3 * np.trace(rows.T @ rows) / 16 * np.eye(16)
        for rows in (asked, vectors.astype(np.float64))
    )
    head = np.linalg.inv(left) @ asked.T @ wanted @ vectors @ np.linalg.inv(right)
    found = Prompts(vectors, reading(words), columns).likeness("birch")
    np.testing.assert_allclose(found, standard(words["birch"] @ head @ vectors.T), atol=1e-3)


def test_all_that_is_learned_from_is_read_at_once(
    shop: tuple[Floats, dict[str, list[str | None]], dict[str, Floats]],
) -> None:
    vectors, columns, words = shop
    calls: list[int] = []

    def read(texts: Sequence[str]) -> Floats:
        calls.append(len(texts))
        return reading(words)(texts)

    prompts = Prompts(vectors, read, columns)
    prompts.likeness("birch"), prompts.likeness("by Birch")
    assert calls == [1, 2 * len(BRANDS), 1]
