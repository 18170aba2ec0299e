"""`sracl explore --json-lines` against whatever may stand on a line: one answer each, and none ends it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sracl_core.cli import explore
from sracl_core.explorer import Explorer
from tests.reliability.figures import SEED, note, tried
from tests.trained import Shop

USER, ITEM = "amber-badger", "tea-003"
REQUESTS: list[dict[str, Any]] = [
    {"op": "info"},
    {"op": "metrics"},
    {"op": "users", "prefix": "am", "limit": 3},
    {"op": "items", "prefix": "tea", "limit": 3},
    {"op": "history", "user": USER},
    {"op": "recommend", "user": USER, "k": 3, "until": "test", "rules": {"exclude_seen": "no"}, "why": False},
    {"op": "recommend", "history": [ITEM, "tea-004"], "k": 2, "text": None, "text_weight": 0.0},
    {"op": "why", "user": USER, "item": ITEM},
    {"op": "neighbors_of_user", "user": USER, "k": 2, "distinct": False},
    {"op": "neighbors_of_item", "item": ITEM, "k": 2},
    {"op": "users", "order": "rank", "reverse": True, "masked": False, "limit": 2},
    {"op": "next_user", "after": USER, "kind": "miss", "k": 5, "order": "random", "seed": 3},
    {"op": "item", "item": ITEM, "k": 2},
    {"op": "item_map", "columns": 9, "rows": 4, "space": "model", "window": [-1.0, 1.0, -1.0, 1.0]},
    {"op": "items_at", "x": 0.5, "y": -1.0, "width": 2.0, "height": 1.0, "k": 2, "color": "brand"},
]
ODD: list[Any] = [
    None, True, False, 0, -1, 2.5, 10**30, 1e300, float("nan"), float("inf"), "", " ", "x", "\ud800",
    "a\udfffb", "\x00\x1b[2J", "\u2028é🍵", "0" * 5000, [], {}, [[]], ["tea-003", 3], [None], {"a": {}},
    ["\ud800"],
]  # fmt: skip


@pytest.fixture(scope="module")
def explorer(shop: Shop) -> Iterator[Explorer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
        yield Explorer.open(shop.run)


def ask(explorer: Explorer, *lines: bytes) -> list[dict[str, Any]]:
    """The answers to `lines`, which are as many."""
    answers = io.BytesIO()
    explore.serve(explorer, io.BytesIO(b"\n".join(lines) + b"\n"), answers)
    text = answers.getvalue().decode()
    assert text.endswith("\n")
    found = [json.loads(line, parse_constant=_refused) for line in text[:-1].split("\n")]
    assert len(found) == len(lines)
    return found


def _refused(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def fuzzed(count: int, seed: int = 7) -> Iterator[bytes]:
    """Requests with odd arguments and ids, and lines whose bytes were changed, cut, doubled or made up."""
    rng = np.random.default_rng(seed)
    while count:
        request = {"id": ODD[rng.integers(len(ODD))], **REQUESTS[rng.integers(len(REQUESTS))]}
        for _ in range(int(rng.integers(3))):
            name = list(request)[rng.integers(len(request))]
            request[name] = ODD[rng.integers(len(ODD))]
        line = json.dumps(request, ensure_ascii=bool(rng.integers(2))).encode("utf-8", "surrogatepass")
        place = int(rng.integers(len(line)))
        match rng.integers(6):
            case 0:
                line = line[:place] + bytes(rng.integers(256, size=3, dtype=np.uint8)) + line[place + 1 :]
            case 1:
                line = line[:place]
            case 2:
                line += line[place:]
            case 3:
                line = bytes(rng.integers(256, size=place, dtype=np.uint8))
        line = line.replace(b"\n", b"\r")
        if line.strip():
            count -= 1
            yield line


def test_thousands_of_odd_lines_get_one_answer_each(explorer: Explorer) -> None:
    lines = list(fuzzed(tried("LINES") or 3000, SEED or 7))
    answers = ask(explorer, *lines)
    unexpected = [
        (line[:200], answer["error"])
        for line, answer in zip(lines, answers, strict=True)
        if not answer["ok"] and "unexpected" in answer["error"]
    ]
    assert not unexpected
    right = sum(answer["ok"] for answer in answers)
    assert 0.07 < right / len(lines) < 0.67, "both kinds of answers are tried"
    note("lines of rubbish", "explore", {"answered": right, "refused": len(lines) - right, "ended by one": 0})
    right = json.dumps({"id": 1, **REQUESTS[5]}).encode()
    assert ask(explorer, right)[0]["result"]["items"] == ask(explorer, b"\xff", right)[1]["result"]["items"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\xff\xfe", "no UTF-8"),
        (b'{"op": "history", "user": "caf\xe9"}', "no UTF-8"),
        (b'{"id": ' + b"[" * 700 + b"]" * 700 + b', "op": "info"}', "the id is nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"id": ' + b"9" * 5000 + b"}", "no JSON"),
        (b'{"id": 1, "op": "users", "prefix": ["a"]}', "prefix is ['a']: input should be a valid string"),
        (b'{"id": 1, "op": "recommend", "user": "amber-badger", "k": true}', "k is True: "),
        (b'{"id": 1, "op": "recommend", "history": ["tea-003", 4]}', "history.1 is 4: "),
        (b'{"id": 1, "op": "recommend", "usr": "amber-badger"}', "there is no argument 'usr'"),
        (b'{"id": 1, "op": "why", "user": "amber-badger"}', "the argument 'item' is missing"),
        (b'{"id": 1, "op": "users", "limit": -1}', "limit is -1"),
        (b'{"id": 1, "op": "info", "id": 2}', "the request: 'id' stands in an object twice; keep one"),
        (b'{"id": 1, "op": ["info"]}', "there is no operation ['info']"),
    ],
)
def test_what_cannot_be_answered_is_said(explorer: Explorer, line: bytes, expected: str) -> None:
    (answer,) = ask(explorer, line)
    assert (answer["ok"], answer["kind"]) == (False, "InputError")
    assert expected in answer["error"]


@pytest.mark.parametrize("name", [None, 7, "é", "\ud800", [1, {"a": []}], "\u2028"])
def test_an_id_comes_back_unchanged(explorer: Explorer, name: Any) -> None:
    (answer,) = ask(explorer, json.dumps({"id": name, "op": "info"}).encode())
    assert (answer["id"], answer["ok"]) == (name, True)


def test_a_line_without_end_is_read_over(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "LONGEST", 1 << 20)
    long, short = ask(explorer, b"[" * (5 << 20), b'{"id": 2, "op": "info"}')
    assert "longer than 1 MiB" in long["error"]
    assert (short["id"], short["ok"]) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_the_process_speaks_utf8_whatever_the_terminal_does(shop: Shop, encoding: str) -> None:
    lines = (
        '{"id": "é", "op": "info"}',
        '{"id": "\\ud800", "op": "history", "user": "\\udcff"}',
        '{"op": "recommend", "history": ["tea-004"], "rules": {"not_like_from": 0.2}}',
    )
    done = shop.sracl(
        "explore", "shared", "--json-lines", stdin="\n".join(lines), PYTHONIOENCODING=encoding, PYTHONUTF8="0"
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("id") for answer in answers] == [None, "é", "\ud800", None]
    assert answers[-1]["error"].startswith("not_like_from says what is near to not_like;")  # no option
