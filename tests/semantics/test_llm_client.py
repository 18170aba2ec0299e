from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from sracl_core.errors import ConfigError, ServiceError
from sracl_core.semantics.llm.answers import ITEM_SCHEMA
from sracl_core.semantics.llm.budget import Budget, BudgetReached
from sracl_core.semantics.llm.client import CallFailed, ChatClient, Reply, _reply, _Unusable
from sracl_core.semantics.llm.endpoint import Endpoint, check_endpoint
from sracl_core.semantics.llm.rate_limit import RateLimit
from sracl_core.semantics.llm.talk import Talk
from sracl_core.semantics.llm.tokens import Prices
from tests.semantics.llm_stub import Act, Stub, item_json

KEY = "sk-very-secret"


def ask(stub: Stub, key: str = KEY, schema: dict[str, Any] | None = None, **endpoint: Any) -> Reply:
    async def once() -> Reply:
        settings = Endpoint(stub.url, **{"model": "m", "backoff_seconds": 0.01, **endpoint})
        async with ChatClient(settings, key=key) as client:
            return await client.ask([{"role": "user", "content": "hello"}], schema, 10)

    return asyncio.run(once())


def first(times: int, what: Any) -> Act:
    """Misbehave so often, then answer."""
    return lambda number, body: what if number < times else None


@pytest.mark.parametrize("what", [408, 409, 429, 500, 502, 503, "cut", "garbage"])
def test_what_passes_is_asked_again(what: Any) -> None:
    with Stub(first(2, what)) as stub:
        assert ask(stub) == Reply(item_json("hello"), 100, 20)
        assert len(stub.bodies) == 3
        assert len({headers["idempotency-key"] for headers in stub.headers}) == 1


def test_a_timeout_is_asked_again() -> None:
    with Stub(first(1, "hang")) as stub:
        assert ask(stub, timeout_seconds=0.2).text == item_json("hello")


def test_retry_after_is_honored() -> None:
    with Stub(first(1, (429, {"Retry-After": "1"}, {"message": "slow down"}))) as stub:
        ask(stub)
        assert stub.times[1] - stub.times[0] >= 1.0


def test_a_long_pause_is_told_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sracl_core.semantics.llm.client.LONG_PAUSE", 0.3)

    async def ask() -> None:
        async with ChatClient(Endpoint(stub.url, "m"), key=KEY) as client:
            await client.ask([{"role": "user", "content": "hello"}], None, 10)

    with Stub(first(1, (429, {"Retry-After-Ms": "400"}, {"message": "slow down"}))) as stub:
        asyncio.run(ask())
    ours = [record.message for record in caplog.records if record.name == "sracl_core"]
    assert ours == ["the server asks to wait 0 s, and so it is"]

    async def news() -> list[bool]:
        limit = RateLimit()
        return [limit.pause(seconds) for seconds in (1000.0, 1000.0, 900.0, 5000.0)]

    assert asyncio.run(news()) == [True, False, False, True]


ODD = {
    "an error with status 200: out of memory": {"error": {"message": "out of memory"}},
    "an error with status 200: loading": {"error": "loading"},
    "no message in it": {"choices": []},
    "its content is no text": {"choices": [{"message": {"content": 5}}]},
    "it begins with '<html>": b"<html>Sign in</html>",
    "it is empty": b" ",
    "it has 4,194,305 bytes": b" " * ((1 << 22) + 1),
}


@pytest.mark.parametrize("said", ODD)
def test_what_is_no_answer_is_said(said: str) -> None:
    body = ODD[said]
    with pytest.raises(_Unusable) as caught:
        _reply(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
        ({"prompt_tokens": -(10**6), "completion_tokens": 10**30}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": float("nan")}, (None, None)),
        ("none", (None, None)),
        (None, (None, None)),
    ],
)
def test_tokens_that_nobody_can_have_used_are_estimated(usage: Any, counted: tuple[int | None, ...]) -> None:
    """A count below zero gave the budget money back, and one beyond 64 bits ended the job."""
    body = json.dumps({"choices": [{"message": {"content": "A \ud800 soap."}}], "usage": usage}).encode()
    assert _reply(body) == Reply("A \ufffd soap.", *counted)


def test_retries_end() -> None:
    with Stub(lambda number, body: 500) as stub:
        with pytest.raises(CallFailed, match="status 500"):
            ask(stub, retries=2)
        assert len(stub.bodies) == 3


@pytest.mark.parametrize("form", ["message", "detail"])
def test_a_request_that_the_server_refuses_is_not_repeated(form: str) -> None:
    act = first(9, (413, {}, {form: "too long"}))
    with Stub(act) as stub:
        with pytest.raises(CallFailed, match=r"413: .*too long"):
            ask(stub)
        assert len(stub.bodies) == 1


def test_a_refused_key_is_said_without_the_key() -> None:
    act = first(9, (401, {}, {"message": f"Incorrect API key provided: {KEY}"}))
    with Stub(act) as stub:
        with pytest.raises(ConfigError, match="refuses the key in SRACL_LLM_API_KEY") as caught:
            ask(stub)
        assert KEY not in str(caught.value)
        assert stub.headers[0]["authorization"] == f"Bearer {KEY}"
        with pytest.raises(ConfigError, match="refuses a request without a key"):
            ask(stub, key="")


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_model_lists_those_there_are(status: int) -> None:
    with (
        Stub(first(9, status), models=("llama", "qwen")) as stub,
        pytest.raises(ConfigError, match="llama, qwen"),
    ):
        ask(stub, model="lama")


@pytest.mark.parametrize(
    ("status", "said", "name"),
    [
        (400, "This model's maximum context length is 512 tokens", "other"),
        (400, "the model does not like this", "m"),
        (404, "not found", "m"),
    ],
)
def test_a_prompt_that_the_model_refuses_fails_alone(status: int, said: str, name: str) -> None:
    with Stub(first(9, (status, {}, {"message": said}))) as stub, pytest.raises(CallFailed, match=said):
        ask(stub, model=name)


def test_no_credit_and_very_long_waits_end_the_job() -> None:
    act = first(9, (429, {}, {"message": "You exceeded your quota", "code": "insufficient_quota"}))
    with Stub(act) as stub, pytest.raises(ServiceError, match="no credit"):
        ask(stub)
    act = first(9, (429, {"Retry-After": "86400"}, {"message": "tomorrow"}))
    with Stub(act) as stub, pytest.raises(ServiceError, match="86,400 s"):
        ask(stub)


def test_nobody_listening_is_found_out_fast() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"

        async def once() -> None:
            async with ChatClient(Endpoint(url, "m", backoff_seconds=0.01)) as client:
                await client.ask([{"role": "user", "content": "hello"}], None, 10)

        with pytest.raises(ServiceError, match="no server answers"):
            asyncio.run(once())


def test_what_the_server_does_not_know_is_left_away_or_renamed() -> None:
    def strict(number: int, body: dict[str, Any]) -> Any:
        if "response_format" in body:
            return 400, {}, {"message": "response_format is not supported"}
        if "max_tokens" in body:
            return 400, {}, {"message": "Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead."}
        if "temperature" in body:
            return 400, {}, {"message": "'temperature' does not support 0"}
        return None

    with Stub(strict) as stub:
        assert ask(stub, schema=ITEM_SCHEMA).text == item_json("hello")
        assert set(stub.bodies[-1]) == {"model", "messages", "max_completion_tokens"}
        assert len(stub.bodies) == 4


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://host/v1", f"https://user:{KEY}@host/v1", f"https://host/v1?key={KEY}"],
)
def test_an_unusable_endpoint_is_refused_without_repeating_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_endpoint(url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "form", "text", "calls"),
    [
        ([None], "json", "Thing", 1),
        (["A soap.", None], "repaired", "Thing", 2),
        (["A soap.", "Still a soap."], "plain", "A soap.", 2),
        (["", ""], "failed", "", 2),
        (["", None], "repaired", "Thing", 2),
        (["A soap.", 413], "plain", "A soap.", 1),
    ],
)
def test_an_answer_without_json_is_asked_for_once_more(
    answers: list[Any], form: str, text: str, calls: int
) -> None:
    async def hold(stub: Stub) -> tuple[tuple[str, ...], Talk]:
        async with ChatClient(Endpoint(stub.url, "m", backoff_seconds=0.01)) as client:
            talk = Talk(client, Prices(1.0, 1.0), Budget(None), "hello", as_json=True)
            return await talk.hold(), talk

    with Stub(lambda number, body: answers[number]) as stub:
        (found, written, raw, error), talk = asyncio.run(hold(stub))
    assert (found, talk.calls, talk.input_tokens) == (form, calls, 100 * calls)
    assert written.startswith(text)
    assert bool(raw) != bool(error)


def test_requests_are_spaced_by_both_limits() -> None:
    async def times(limit: RateLimit, tokens: int) -> list[float]:
        clock, found = asyncio.get_running_loop().time, []

        async def one() -> None:
            await limit.turn(tokens)
            found.append(clock())

        await asyncio.gather(*(one() for _ in range(4)))
        return found

    for limit in (RateLimit(requests_per_minute=1200), RateLimit(0, tokens_per_minute=60_000)):
        found = asyncio.run(times(limit, 50))
        assert 0.15 <= found[-1] - found[0] < 1.0


def test_after_a_pause_callers_come_back_apart_and_within_the_limit() -> None:
    async def times(limit: RateLimit) -> list[float]:
        clock, found = asyncio.get_running_loop().time, []
        began = clock()

        async def one() -> None:
            await limit.turn(1)
            found.append(clock() - began)

        limit.pause(0.4)
        await asyncio.gather(*(one() for _ in range(20)))
        return found

    for limit, longest in ((RateLimit(), 0.0), (RateLimit(requests_per_minute=6000), 0.15)):
        found = asyncio.run(times(limit))
        assert min(found) >= 0.4
        assert max(found) - min(found) >= max(longest, 0.002)


def test_a_budget_waits_for_calls_in_flight_and_is_never_exceeded() -> None:
    async def spend() -> Budget:
        budget = Budget(1.0)
        most = 0.0

        async def one() -> None:
            nonlocal most
            async with budget.reserve(0.3):
                await asyncio.sleep(0.001)
                budget.spent += 0.1
                most = max(most, budget.spent)

        done = await asyncio.gather(*(one() for _ in range(30)), return_exceptions=True)
        assert {type(each) for each in done if each} == {BudgetReached}
        assert most == budget.spent <= 1.0
        return budget

    # 0.3 must be free before a call may cost it, so the last one starts at 0.7 at most.
    assert asyncio.run(spend()).spent == pytest.approx(0.8)
