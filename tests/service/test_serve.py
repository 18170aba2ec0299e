"""The service answers as the run does, refuses what it must, and takes up a newer model while it answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from sracl_core.explorer import Explorer
from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import read_json, write_json
from sracl_core.rules import Rules
from sracl_core.service.answering import Answers, Asked
from sracl_core.service.desk import LISTS_AT_ONCE, Busy, Desk
from sracl_core.service.exporting import export_run
from sracl_core.service.http import MOST_BYTES, service
from sracl_core.service.reloading import Source
from tests.trained import ROOT

TOKEN = "sesame"


class Server:
    """A real `sracl serve` in a process of its own."""

    def __init__(self, what: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sracl_core.cli.main", "serve", str(what), "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert "listening on http://127.0.0.1:" in line, line + self.process.stderr.read()
        self.base = line.split()[2]

    def ask(self, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        """(status, answer): JSON where it is."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(self.base + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        return status, json.loads(text) if text.startswith("{") else text


@pytest.fixture(scope="module")
def export(loaded: LoadedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("serve") / "live"
    export_run(loaded, out)
    return out


@pytest.fixture(scope="module")
def server(export: Path) -> Iterator[Server]:
    running = Server(export, SRACL_TOKEN=TOKEN)
    yield running
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(60)


def test_it_answers_as_the_run_does(loaded: LoadedRun, server: Server) -> None:
    explorer = Explorer(loaded)
    history = [item.item for item in explorer.history(loaded.dataset.users.ids[0]).items]
    status, found = server.ask("/recommend", {"history": history, "k": 5, "rules": {"at_most": "1:category"}})
    assert status == 200
    assert found["source"] == "history"
    expected = explorer.recommend(history=history, k=20).items
    assert found["items"][0]["item"] == expected[0].item
    assert found["items"][0]["score"] == pytest.approx(expected[0].score, abs=1e-4)
    status, found = server.ask(f"/neighbors?item={history[0]}&k=3")
    near = explorer.neighbors_of_item(history[0], k=3)
    assert (status, [one["item"] for one in found["neighbors"]]) == (200, [n.item for n in near.neighbors])
    status, found = server.ask("/items?query=tea&k=2")
    assert (status, found["total"]) == (200, explorer.items("tea").total)
    assert server.ask("/health", token="")[1]["ok"] is True
    status, found = server.ask("/metrics")
    assert 'sracl_requests_total{path="/recommend",status="200"}' in found


def test_what_a_list_is_asked_with_is_described(server: Server) -> None:
    status, found = server.ask("/openapi.json")
    assert status == 200
    asked = found["paths"]["/recommend"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert asked == {"$ref": "#/components/schemas/Asked"}
    schemas = found["components"]["schemas"]
    assert set(schemas["Asked"]["properties"]) == {"user", "history", "k", "rules", "more", "more_weight"}
    assert "only" in schemas["Rules"]["properties"]


HISTORY = {"history": ["x"]}


@pytest.mark.parametrize(
    "body",
    [
        HISTORY,
        {},
        {"user": "x"},
        {"user": None, "history": []},
        {"user": "x", "history": []},
        *({**HISTORY, "k": k} for k in (1, 5.0, 5.5, 0, True, "5", None)),
        *({**HISTORY, "more_weight": weight} for weight in (0.5, 1, 1.5)),
        *({**HISTORY, "more": text} for text in ("", " ", "x" * 1001)),
        *(
            {**HISTORY, "rules": rules}
            for rules in (
                {"min_popularity": 2.0},
                {"min_popularity": -1},
                {"only": ["brand=nobody's"]},
                {"only": ["brand=A > B", "a=b=c"]},
                *({"without": [one]} for one in ("", "brand", "=x", " = x", "brand=", "brand= ")),
                *({"at_most": most} for most in ("2:brand", "02:brand", "0:brand", "brand", "2:", "²:brand")),
                {"at_most": "9" * 10 + ":brand"},
                {"not_like_from": 0.4},
                {"not_like_from": 0.5},
                {"not_like": " "},
                {"onyl": []},
            )
        ),
    ],
)
def test_what_fits_the_schema_is_answered_and_nothing_else(server: Server, body: dict[str, Any]) -> None:
    schema = server.ask("/openapi.json")[1]
    wanted = {"$ref": "#/components/schemas/Asked", "components": schema["components"]}
    fits = Draft202012Validator(wanted).is_valid(body)
    status, said = server.ask("/recommend", body)
    assert status in ((200, 404) if fits else (400, 422)), said


def test_rules_that_leave_too_little_and_a_history_that_nobody_knows(server: Server, export: Path) -> None:
    known = (read_json(export / "items.json") or {})["ids"][:2]
    status, found = server.ask(
        "/recommend",
        {
            "history": known,
            "k": 5,
            "rules": {
                "exclude_seen": "yes",
                "at_most": "1:title",
                "only": [f"item_id={name}" for name in known],
            },
        },
    )
    assert (status, found["items"]) == (200, [])
    assert "0 of 5 items: the rules and the history leave no more" in found["notes"]
    status, found = server.ask("/recommend", {"history": ["nowhere"], "k": 3})
    assert (status, found["source"], len(found["items"])) == (200, "popular", 3)
    counts = [item["score"] for item in found["items"]]
    assert counts == sorted(counts, reverse=True)
    assert found["notes"] == ["1 item of the history is not known: nowhere"]


@pytest.mark.parametrize(
    ("path", "body", "token", "status", "expected"),
    [
        ("/recommend", {"history": ["x"]}, "wrong", 401, "token"),
        ("/recommend", {}, TOKEN, 400, "either a user or a history"),
        ("/recommend", {"user": "x"}, TOKEN, 404, "an export knows no users"),
        ("/recommend", {"history": ["x"], "rules": {"only": ["brnd=x"]}}, TOKEN, 404, "did you mean 'brand'"),
        ("/recommend", {"history": ["x"], "rules": {"only": ["brand=x"]}}, TOKEN, 404, "no item has brand"),
        ("/recommend", {"history": ["x"], "rules": {"only": ["brand"]}}, TOKEN, 400, "not COLUMN=VALUE"),
        (
            "/recommend",
            {"history": ["x"], "rules": {"at_most": "9" * 9999 + ":brand"}},
            TOKEN,
            400,
            "give N:",
        ),
        ("/recommend", {"history": ["x"], "rules": {"not_like": "x" * 1001}}, TOKEN, 422, "at most 1000"),
        ("/recommend", {"history": ["x"], "k": 3.5}, TOKEN, 422, "k: Input should be a valid integer"),
        ("/recommend", {"history": ["x"], "k": True}, TOKEN, 422, "k: Input should be a valid integer"),
        ("/recommend", {"history": ["x"], "k": 10**6}, TOKEN, 422, "less than or equal to 1000"),
        ("/recommend", {"history": ["x"] * 10_001}, TOKEN, 422, "at most 10000"),
        ("/recommend", {"history": ["x"], "rules": {"onyl": []}}, TOKEN, 422, "onyl"),
        ("/recommend", {"history": ["x"], "more_weight": True}, TOKEN, 422, "more_weight"),
        ("/recommend", b"{", TOKEN, 422, "JSON"),
        (
            "/recommend",
            b'{"history": ["x"], "k": 1, "rules": {"only": [], "only": []}, "k": 2}',
            TOKEN,
            422,
            "body: 'only' stands in an object twice; keep one",
        ),
        ("/recommend", b"\xc9", TOKEN, 422, '{"error": "Invalid JSON'),
        ("/recommend", b"[" * 10_000_000, TOKEN, 413, "longer than 1024 KiB"),
        ("/recommend", {"history": ["x"], "more_weight": 0.7}, TOKEN, 400, "how far a text"),
        (
            "/recommend",
            {"history": ["x"], "rules": {"at_most": "2"}},
            TOKEN,
            400,
            """{"error": "at_most is '2'; give N:COLUMN""",
        ),
        (
            "/recommend?k=3",
            {"history": ["x"]},
            TOKEN,
            422,
            "k: Extra inputs are not permitted; what is asked",
        ),
        ("/recommend", None, TOKEN, 405, "nothing answers GET /recommend; /docs tells what does"),
        (
            "/recomend",
            {"history": ["x"]},
            TOKEN,
            404,
            "nothing answers POST /recomend; /docs tells what does",
        ),
        ("/neighbors?item=nothing", None, TOKEN, 404, "there is no item 'nothing'"),
        ("/neighbors?item=a&item=b", None, TOKEN, 422, "item: is given 2 times"),
        (
            "/items?query=a&limit=3",
            None,
            TOKEN,
            422,
            "limit: Extra inputs are not permitted; there is k, query",
        ),
        (
            "/neighbors?item=a&k=0",
            None,
            TOKEN,
            422,
            '{"error": "k: Input should be greater than or equal to 1',
        ),
        ("/nowhere", None, TOKEN, 404, "nothing answers GET /nowhere"),
    ],
)
def test_what_cannot_be_answered_says_why(
    server: Server, path: str, body: Any, token: str, status: int, expected: str
) -> None:
    try:
        found, said = server.ask(path, body, token)
    except (BrokenPipeError, ConnectionResetError, urllib.error.URLError):
        # The body was refused by its length while it was still being sent.
        assert isinstance(body, bytes)
        assert len(body) > MOST_BYTES
        return
    assert (found, expected in json.dumps(said)) == (status, True), said


def test_a_newer_model_is_taken_up(loaded: LoadedRun, server: Server, export: Path) -> None:
    write_json(
        export / "export.json", {**(read_json(export / "export.json") or {}), "run": "newer"}, seal=True
    )
    end = time.monotonic() + 60
    while server.ask("/health")[1]["model"] != "newer":
        assert time.monotonic() < end
        time.sleep(0.1)
    (export / "export.json.new").write_text("{")
    (export / "export.json.new").replace(export / "export.json")
    while 'sracl_model_reloads_total{ok="no"}' not in server.ask("/metrics")[1]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert server.ask("/health")[1]["model"] == "newer"


@pytest.mark.parametrize("kind", ["questions", "lists"])
def test_too_many_that_wait_are_refused(loaded: LoadedRun, kind: str) -> None:
    desk = Desk(Source(loaded.run.path), most=3)
    wanted = Asked(history=[loaded.dataset.items.ids[4]], k=1)

    async def rush() -> list[Any]:
        ask = (lambda: desk.recommend(wanted)) if kind == "lists" else (lambda: desk.ask(Answers.health))
        return await asyncio.gather(*(ask() for _ in range(8)), return_exceptions=True)

    found = asyncio.run(rush())
    assert all(one["model"] == loaded.run.name for one in found[:3])
    assert all(isinstance(one, Busy) for one in found[3:])
    assert desk.waiting == 0


@pytest.mark.parametrize("exported", [False, True])
def test_questions_that_come_at_once_are_answered_as_if_alone(
    loaded: LoadedRun, tmp_path: Path, exported: bool
) -> None:
    """More than fit in one go: histories of many lengths, such as nobody knows, and such as are refused."""
    if exported:
        export_run(loaded, tmp_path / "live")
    desk = Desk(Source(tmp_path / "live" if exported else loaded.run.path), most=100)
    ids, rng = loaded.dataset.items.ids, np.random.default_rng(1)
    questions = [
        Asked(history=[ids[row] for row in rng.integers(0, len(ids), 1 + place % 30)], k=1 + place % 9)
        for place in range(LISTS_AT_ONCE + 5)
    ]
    questions[2] = Asked(history=["nobody knows this"])
    questions[5] = Asked(history=[ids[0]], rules=Rules(only=["nonsense=1"]))
    questions[7] = Asked()
    alone = [desk.answers.lists([asked])[0] for asked in questions]
    calls: list[int] = []
    scores = desk.answers.model.scores

    def counted(histories: Any) -> Any:
        calls.append(len(histories))
        return scores(histories)

    desk.answers.model = replace(desk.answers.model, scores=counted)

    async def rush() -> list[Any]:
        return await asyncio.gather(*map(desk.recommend, questions), return_exceptions=True)

    for one, expected in zip(asyncio.run(rush()), alone, strict=True):
        if isinstance(expected, Exception):
            assert (type(one), str(one)) == (type(expected), str(expected))
        else:
            assert [item["item"] for item in one["items"]] == [item["item"] for item in expected["items"]]
            mine, theirs = ([item["score"] for item in found["items"]] for found in (one, expected))
            assert mine == pytest.approx(theirs, abs=1e-4)
            assert (one["source"], one["notes"]) == (expected["source"], expected["notes"])
    assert calls == [LISTS_AT_ONCE - 2, 5]
    assert desk.waiting == 0

    def broken(histories: Any) -> Any:
        raise MemoryError("no room")

    desk.answers.model = replace(desk.answers.model, scores=broken)
    assert all(isinstance(one, MemoryError) for place, one in enumerate(asyncio.run(rush())) if place > 7)


def test_what_breaks_one_answer_breaks_no_other(loaded: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    client = TestClient(service(Source(loaded.run.path)), raise_server_exceptions=False)
    question = {"history": [loaded.dataset.items.ids[4]]}
    with monkeypatch.context() as broken:
        broken.setattr(Answers, "lists", lambda *given: 1 / 0)
        assert client.post("/recommend", json=question).status_code == 500
    answer = client.post("/recommend", json=question)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    said = client.get("/metrics").text
    assert all(f'{{path="/recommend",status="{status}"}} 1.0' in said for status in (200, 500))


def test_nobody_waits_for_a_text_that_somebody_else_asks_for(loaded: LoadedRun) -> None:
    desk, read = Desk(Source(loaded.run.path), most=9), threading.Event()
    item = loaded.dataset.items.ids[4]

    def slowly(texts: Sequence[str]) -> Any:
        assert read.wait(60)
        return desk.answers.model.catalogue.vectors()[[4] * len(texts)]

    catalogue = replace(desk.answers.model.catalogue, encode=slowly)
    desk.answers.model = replace(desk.answers.model, catalogue=catalogue)

    async def both() -> Any:
        text = asyncio.create_task(desk.ask(lambda answers: answers.similar_text("tea", 1), aside=True))
        steered = asyncio.create_task(desk.recommend(Asked(history=[item], k=1, more="tea", more_weight=1)))
        others = await desk.recommend(Asked(history=[item], k=1)), await desk.ask(Answers.health)
        assert not text.done()
        read.set()
        return *others, await text, await steered

    *others, found, steered = asyncio.run(both())
    assert [one["model"] for one in others] == [loaded.run.name] * 2
    assert found["items"][0]["item"] == item
    assert len(steered["items"]) == 1


def test_who_leaves_while_waiting_keeps_nobody_from_an_answer(loaded: LoadedRun) -> None:
    desk = Desk(Source(loaded.run.path), most=9)
    wanted = Asked(history=[loaded.dataset.items.ids[4]], k=1)

    async def leave() -> Any:
        tasks = [asyncio.create_task(desk.recommend(wanted)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(leave())
    assert [isinstance(one, asyncio.CancelledError) for one in found] == [False, True, False]
    assert desk.waiting == 0


def test_a_run_is_served_with_its_users(loaded: LoadedRun) -> None:
    answers = Desk(Source(loaded.run.path), most=1).answers
    user = loaded.dataset.users.ids[3]
    found = answers.recommend(Asked(user=user, k=6))
    expected = Explorer(loaded).recommend(user, until="test", k=6).items
    assert [item["item"] for item in found["items"]] == [item.item for item in expected]


def test_no_stranger_without_a_token(loaded: LoadedRun, capsys: pytest.CaptureFixture[str]) -> None:
    from sracl_core.cli.main import run

    assert run(["serve", str(loaded.run.path), "--host", "0.0.0.0"]) == 2
    assert "set SRACL_TOKEN to a secret" in capsys.readouterr().err


def test_it_is_asked_by_its_own_name_alone(loaded: LoadedRun) -> None:
    from starlette.testclient import TestClient

    app = service(Source(loaded.run.path), hosts={"127.0.0.1"})
    for host, status in (("127.0.0.1:8765", 200), ("127.0.0.1", 200), ("evil.example:8765", 403), ("", 403)):
        answer = TestClient(app).get("/health", headers={"host": host})
        assert answer.status_code == status, host
    assert answer.json()["error"].startswith("this service is not asked as ''; set a token")
