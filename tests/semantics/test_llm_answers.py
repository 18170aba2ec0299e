from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sracl_core.semantics.llm.answers import item_answer, plain_answer
from sracl_core.semantics.llm.tokens import Prices, token_counter

GOOD = '{"summary": "A soap.", "audience": "Everybody."}'


@pytest.mark.parametrize(
    "raw",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure, here it is: {GOOD} I hope it helps {{}}.",
        f'<think>perhaps {{"summary": "no", "audience": "no"}}</think>{GOOD}',
        '{"note": 1} ' + GOOD,
        '{"summary": "A\n soap.", "audience": " Everybody. ", "more": [1]}',
    ],
)
def test_json_is_found_wherever_it_stands(raw: str) -> None:
    assert item_answer(raw) == "A soap. Everybody."


@pytest.mark.parametrize(
    "raw",
    ["", "A soap.", '{"summary": "A soap."}', '{"summary": "", "audience": "x"}', GOOD[:-3], "[" * 9999],
)
def test_what_is_no_answer_is_none(raw: str) -> None:
    assert item_answer(raw) is None


@given(before=st.text(st.characters(exclude_characters="{<")), summary=st.text(), audience=st.text())
def test_any_two_texts_come_back(before: str, summary: str, audience: str) -> None:
    found = item_answer(before + json.dumps({"summary": summary, "audience": audience}))
    if summary.split() and audience.split():
        assert found == " ".join([*summary.split(), *audience.split()])
    else:
        assert found is None


def test_plain_answers_lose_thoughts_and_fences() -> None:
    assert plain_answer("<think>hm\n</think>\n```text\nLikes  soap.\n```") == "Likes soap."
    assert plain_answer("<think>cut off before the en") == ""
    # A model that is held to JSON may go on with blanks without end, and time grew with their cube.
    assert plain_answer('{"summary": "A soap' + " \n" * 50_000 + '", "audience') == 'A soap ", "audience'


def test_tokens_are_counted_by_the_named_tokenizer_or_estimated_openly(tmp_path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    counter = token_counter("m", str(tmp_path))
    assert counter.exact
    assert counter.count("a b a") - counter.count("a") == 2
    guess = token_counter("no-such-model-anywhere")
    assert not guess.exact
    assert "estimate" in guess.how


def test_prices_are_for_a_million_tokens() -> None:
    assert Prices(0.5, 2.0).cost(1_000_000, 500_000) == 1.5
    assert Prices(0.5, None).cost(1, 1) is None
