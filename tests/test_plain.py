"""Foreign text on its way to a terminal, a pipe, a JSON reader."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sracl_core import plain as module
from sracl_core.plain import plain, plain_json, plain_lines

CLI = Path(module.__file__).parent / "cli"
DOORS = {"output.py", "main.py", "describe_display.py"}
"""They print what went through `plain`, or numbers of their own."""
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
obeyed = st.text(st.sampled_from("\x00\x07\x1b\x9b\x9d\x7f\x85\r\n\t\u2028\u202e\u2066\ud800a["), max_size=30)


JOINER = "\u200d"
DIRECTED = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_harmless(text: str) -> bool:
    """What a terminal draws and nothing else, in words of its own beside the module's lists."""
    return not any(
        character < " " or "\x7f" <= character < "\xa0" or "\ud800" <= character < "\ue000"
        for character in text
    ) and not set(text) & set(DIRECTED)


@given(any_text | obeyed)
def test_a_line_is_harmless_as_long_and_says_the_same(text: str) -> None:
    cleaned = plain(text)
    assert is_harmless(cleaned)
    assert len(cleaned.splitlines()) <= 1
    assert len(cleaned) == len(text)
    assert plain(cleaned) == cleaned
    kept = [pair for pair in zip(text, cleaned, strict=True) if is_harmless(pair[0]) and pair[0] != JOINER]
    assert all(before == after for before, after in kept)
    cleaned.encode()


def test_a_joiner_joins_pictures_alone() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525"
    assert plain(family) == plain_lines(family) == family
    for text in ("width\u200djoin", "a\u200d\U0001f469", "\u200d", "\u0915\u094d\u200d\u0937"):
        assert plain(text) == plain_lines(text) == text.replace(JOINER, "\u200c")


@given(any_text | obeyed)
def test_lines_keep_only_newline_and_tab(text: str) -> None:
    cleaned = plain_lines(text)
    assert is_harmless(cleaned.replace("\n", "").replace("\t", ""))
    assert cleaned.count("\n") == text.count("\n")


@given(st.dictionaries(any_text, any_text | obeyed))
def test_escaped_json_holds_the_same_values(value: dict[str, str]) -> None:
    written = plain_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert is_harmless(written.replace("\n", ""))
    assert json.loads(written) == value


def test_commands_print_through_the_one_door() -> None:
    found = [
        f"{path.name}:{node.lineno}"
        for path in CLI.glob("*.py")
        if path.name not in DOORS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert not found, "print what others wrote with output.tell, tell_lines or say"
