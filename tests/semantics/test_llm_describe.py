"""`sracl describe` as a person runs it, against a server that misbehaves."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from sracl_core.cli.main import run
from sracl_core.semantics.llm.answers_db import LlmCache
from sracl_core.semantics.llm.endpoint import api_key
from tests.forked import started as start
from tests.semantics.llm_shop import make_shop
from tests.semantics.llm_stub import Stub

KEY = "sk-very-secret-1234567890"
PRICES = ("--set", "describe.price_input=1000", "--set", "describe.price_output=1000")
"""With the stub's 100 and 20 tokens, a call costs 0.12."""


@pytest.fixture(scope="session")
def shop500(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop500"), users=500)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of one's own, with a key in the environment."""
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SRACL_LLM_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def command(shop: Path, stub: Stub | None, *more: str, what: str = "users") -> list[str]:
    url = ("--base-url", stub.url) if stub else ()
    return ["describe", str(shop), "--what", what, "--model", "m", *url, *more]


def wait_until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def the_job() -> dict[str, Any]:
    cache = LlmCache(read_only=True)
    [job] = cache.jobs()
    cache.close()
    return job


def test_every_call_is_accounted_for_whatever_the_server_does(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    bad = [429, 500, "cut", "garbage", (429, {"Retry-After": "0.05"}, {"message": f"slow down {KEY}"})]

    def act(number: int, body: dict[str, Any]) -> Any:
        return chance.choice(bad) if chance.random() < 0.15 else None

    monkeypatch.setattr("sracl_core.semantics.llm.client.LONGEST_BACKOFF", 0.01)
    with Stub(act, delay=0.005) as stub:
        assert run(command(shop500, stub, "--concurrency", "16", "--json", *PRICES)) == 0
        out, err = capfd.readouterr()
        summary = json.loads(out)
        assert KEY not in out + err
        assert 1 < stub.most_at_once <= 16
        assert set(stub.paid.values()) == {1}
        assert summary["written"] == summary["texts"] == len(stub.paid) > 490
        assert summary["requests"] == len(stub.bodies)
        assert summary["retried"] == len(stub.bodies) - len(stub.paid) > 20
        assert summary["money"] == pytest.approx(0.12 * len(stub.paid))
        asked = len(stub.bodies)
        assert run(command(shop500, stub, "--json", *PRICES)) == 0
        assert json.loads(capfd.readouterr().out)["requests"] == 0
        assert len(stub.bodies) == asked
    job = the_job()
    assert (job["done"], job["failed"], job["calls"]) == (summary["texts"], 0, summary["texts"])
    assert run(["describe", "status"]) == 0
    out, err = capfd.readouterr()
    assert "users-generic" in out
    assert str(home / "cache" / "llm.sqlite") in err
    assert "Thing" not in out
    assert run(["describe", "status", "--texts", "2"]) == 0
    assert capfd.readouterr().out.count("Thing") == 2


def test_after_a_kill_exactly_the_missing_ones_are_asked(home: Path, shop500: Path) -> None:
    argv = command(shop500, None, "--concurrency", "8", "--json")
    with Stub(delay=0.02) as stub:
        killed = start(*argv, "--base-url", stub.url)
        wait_until(lambda: sum(stub.paid.values()) >= 200)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        stored = the_job()["done"]
        time.sleep(0.1)
        before = dict(stub.paid)
        assert len(before) - 8 <= stored <= len(before)
        stub.delay = 0.0
        stub.bodies.clear()
        again = start(*argv, "--base-url", stub.url)
        ended = again.wait(120)
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert told["requests"] == len(stub.bodies) == told["texts"] - stored
        lost = {prompt for prompt, times in stub.paid.items() if times > 1}
        assert lost <= set(before)
        assert len(lost) <= 8


def test_two_processes_share_one_job(home: Path, shop500: Path) -> None:
    with Stub(delay=0.02) as stub:
        argv = command(shop500, stub, "--concurrency", "8", "--json")
        both = [start(*argv), start(*argv)]
        done = [process.wait(120) for process in both]
        assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
        ended = [json.loads(each.stdout) for each in done]
        assert set(stub.paid.values()) == {1}
        assert sum(each["written"] for each in ended) == len(stub.paid) == ended[0]["texts"]


def test_sigterm_waits_for_the_calls_in_flight(home: Path, shop500: Path) -> None:
    with Stub(delay=0.3) as stub:
        process = start(*command(shop500, stub, "--concurrency", "4"))
        wait_until(lambda: sum(stub.paid.values()) >= 4)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
        assert ended.returncode == 143, ended.stderr
        assert "start again to go on" in ended.stderr
        assert the_job()["done"] == sum(stub.paid.values()) < 30


def test_sigterm_does_not_wait_for_a_pause_that_the_server_asks_for(home: Path, shop500: Path) -> None:
    with Stub(lambda number, body: (429, {"Retry-After": "600"}, {"message": "slow"})) as stub:
        process = start(*command(shop500, stub, "--concurrency", "4"))
        wait_until(lambda: len(stub.bodies) >= 4)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
        assert ended.returncode == 143, ended.stderr
        assert "start again to go on" in ended.stderr
        assert the_job()["failed"] == 0


def test_the_budget_covers_all_starts_and_is_not_exceeded(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Stub() as stub:
        argv = command(shop500, stub, "--concurrency", "4", *PRICES, "--set", "describe.max_output_tokens=20")
        assert run([*argv, "--budget", "1.2"]) == 0
        spent = the_job()["money"]
        assert 0.9 < spent <= 1.2
        assert "larger --budget" in capfd.readouterr().err
        assert run([*argv, "--budget", "2.4"]) == 0
        assert spent < the_job()["money"] <= 2.4


def test_failed_ones_are_counted_and_asked_again_by_the_next_start(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def act(number: int, body: dict[str, Any]) -> Any:
        return 400 if number in (3, 4) else None

    with Stub(act) as stub:
        argv = command(shop500, stub, "--limit", "20", "--json", what="items")
        assert run(argv) == 0
        out, err = capfd.readouterr()
        assert (json.loads(out)["failed"], json.loads(out)["written"]) == (2, 18)
        assert "2 of 20 failed (last: the server refused the request (400" in err
        assert run(argv) == 0
        assert json.loads(capfd.readouterr().out)["requests"] == 2
    assert (the_job()["done"], the_job()["wanted"], the_job()["subjects"]) == (20, 20, 40)


@pytest.mark.parametrize(
    ("answer", "limit", "asked", "said"),
    [
        (400, "5", 5, "none of 5 questions got a text (last: the server refused the request (400"),
        (
            "",
            "5",
            10,
            "none of 5 questions got a text (last: the model answered with nothing, twice; one that",
        ),
        ("", "30", 40, "20 questions in a row got no text (the model answered with nothing, twice; one that"),
    ],
)
def test_a_start_without_any_text_has_failed(
    home: Path,
    shop500: Path,
    capfd: pytest.CaptureFixture[str],
    answer: Any,
    limit: str,
    asked: int,
    said: str,
) -> None:
    with Stub(lambda number, body: answer) as stub:
        argv = command(shop500, stub, "--limit", limit, "--concurrency", "1", "-q", what="items")
        assert run(argv) == 1
        assert len(stub.bodies) == asked
        [line] = capfd.readouterr().err.strip().splitlines()
        assert line.startswith(f"error: {said}")
        stub.act = None
        assert run(argv) == 0


def test_a_dead_server_ends_the_job_and_keeps_what_came(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sracl_core.semantics.llm.client.LONGEST_BACKOFF", 0.01)
    with Stub(lambda number, body: "cut" if number >= 50 else None) as stub:
        argv = command(shop500, stub, "--concurrency", "4", "--set", "describe.retries=1")
        assert run(argv) == 1
    assert "questions in a row got no text" in capfd.readouterr().err
    assert the_job()["done"] == 50


def test_a_dry_run_counts_and_touches_nothing(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["describe", str(shop500), "--what", "users", "--dry-run", "--json", *PRICES]) == 0
    estimate = json.loads(capfd.readouterr().out)
    assert 490 < estimate["calls"] == estimate["texts"] <= 500
    assert len(estimate["examples"]) == 3
    assert estimate["money"] == pytest.approx((estimate["input_tokens"] + estimate["output_tokens"]) / 1000)
    assert "estimate" in estimate["tokens_counted_by"]
    assert list(home.iterdir()) == []
    argv = ["describe", str(shop500), "--what", "users", "--scope", "prefix", "--dry-run"]
    assert run(argv) == 0
    assert "example prompt 3 of 3" in capfd.readouterr().out


def test_another_prompt_is_said_and_the_old_texts_stay(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = home / "mine.j2"
    mine.write_text("What is {{ title }}?")
    with Stub() as stub:
        argv = command(shop500, stub, "--limit", "5", what="items")
        assert run(argv) == 0
        assert run([*argv, "--prompt", str(mine)]) == 0
        assert "5 texts in the cache were written with prompt items-generic-" in capfd.readouterr().err
        assert stub.bodies[-1]["messages"][0]["content"].startswith("What is Thing number")
    cache = LlmCache(read_only=True)
    assert [job["done"] for job in cache.jobs()] == [5, 5]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--model", "m"], "no endpoint is given"),
        (["--model", "m", "--base-url", "nonsense"], "no URL"),
        (["--base-url", "URL"], "no model is given: use --model NAME; the server offers llama, qwen"),
        (["--model", "lama", "--base-url", "URL"], "it offers llama, qwen"),
        (["--model", "m", "--base-url", "URL", "--budget", "0"], "budget 0 allows no call"),
        (["--model", "m", "--base-url", "URL", "--budget", "1"], "--budget needs prices"),
        (["--model", "m", "--base-url", "URL", "--prompt", "bad.j2"], "no field 'nonsense'"),
        (["--model", "m", "--base-url", "URL", "--prompt", "same.j2"], "same for all items"),
        (["--model", "m", "--base-url", "URL", "--prompt", "none.j2"], "none.j2 cannot be read"),
        (["--model", "m", "--base-url", "URL", "--scope", "prefix"], "--scope is for --what users"),
        (["--model", "m", "--base-url", "URL", "--limit", "0"], "--limit"),
        (["--model", "m", "--base-url", "URL", "--set", "describe.domain=cars"], "describe.domain"),
        (["--model", "m", "--base-url", "URL", "--budget", "nan"], "budget nan allows no call"),
        (["--model", "m", "--base-url", "URL", "--concurrency", "0"], "describe.concurrency"),
    ],
)
def test_bad_input_is_one_clear_line(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    (home / "bad.j2").write_text("{{ nonsense }}")
    (home / "same.j2").write_text("Describe a {{ domain.thing }}.")
    with Stub(lambda number, body: 404, models=("llama", "qwen")) as stub:
        argv = [stub.url if word == "URL" else word for word in more]
        assert run(["describe", str(shop500), "--what", "items", *argv]) == 2
    *before, err = capfd.readouterr().err.strip().splitlines()
    assert before in ([], [f"asking {stub.url} (from --base-url)"])
    assert err.startswith("error: ")
    assert said in err


@pytest.mark.parametrize(
    ("place", "sent"),
    [("sracl.yaml", False), ("mine.yaml", False), ("environment", True), ("--set", True), ("own", True)],
)
def test_a_file_that_lies_about_does_not_say_who_gets_the_openai_key(
    home: Path,
    shop500: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    sent: bool,
) -> None:
    monkeypatch.delenv("SRACL_LLM_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda *args, **kwargs: str(home))
    words = command(shop500, None, "--limit", "1")
    with Stub() as stub:
        match place:
            case "environment":
                monkeypatch.setenv("SRACL_DESCRIBE__BASE_URL", stub.url)
            case "--set":
                words += ["--set", f"describe.base_url={stub.url}"]
            case _:
                path = home / ("config.yaml" if place == "own" else place)
                path.write_text(f"describe:\n  base_url: {stub.url}\n")
                words += ["--config", place] if place == "mine.yaml" else []
        assert run(words) == 0
        told = capfd.readouterr().err.splitlines()
        assert told[0].startswith(f"asking {stub.url} (from ")
        assert {headers["authorization"] for headers in stub.headers} == {
            "Bearer sk-openai" if sent else "Bearer none"
        }
        assert ("OPENAI_API_KEY is not sent there" in told[1]) != sent
        if not sent:
            advised = told[1].rpartition("give ")[2].split()
            assert run([*command(shop500, None, "--limit", "2"), *advised]) == 0
            assert stub.headers[-1]["authorization"] == "Bearer sk-openai"


def test_the_openai_key_goes_to_openai_whoever_names_it() -> None:
    environment = {"OPENAI_API_KEY": "sk-openai"}
    for url in ("https://api.openai.com/v1", "https://API.openai.com:443/v1"):
        assert api_key(url, False, environment) == "sk-openai"
    for url in (
        "http://api.openai.com/v1",
        "https://api.openai.com.evil.example/v1",
        "https://evil.example/api.openai.com",
        "https://api.openai.com:8443/v1",
    ):
        assert api_key(url, False, environment) == ""
        assert api_key(url, True, environment) == "sk-openai"


@pytest.mark.parametrize(
    ("answer", "key", "code", "said"),
    [
        (401, KEY, 2, "refuses the key in SRACL_LLM_API_KEY"),
        (401, "", 2, "refuses a request without a key"),
        (None, f"{KEY}\x07", 2, "SRACL_LLM_API_KEY holds characters that no key has"),
        (None, f"{KEY}\r\n", 0, ""),
        ((429, {}, {"message": "quota", "code": "insufficient_quota"}), KEY, 1, "no credit left"),
    ],
)
def test_a_wrong_key_is_one_clear_line_that_does_not_repeat_it(
    home: Path,
    shop500: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    key: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("SRACL_LLM_API_KEY", key)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    act = (401, {}, {"message": f"Incorrect API key: '{key}'"}) if answer == 401 else answer
    with Stub(lambda number, body: act) as stub:
        assert run(command(shop500, stub, "--limit", "2", "--quiet", "--json")) == code
        assert {headers["authorization"] for headers in stub.headers} <= {f"Bearer {KEY}", "Bearer none"}
    err = capfd.readouterr().err.strip()
    assert said in err
    assert err.count("\n") == 0
    assert KEY not in err


def test_asked_to_stop_with_the_last_questions_in_the_queue(home: Path, shop500: Path) -> None:
    with Stub(delay=0.5) as stub:
        process = start(*command(shop500, stub, "--concurrency", "4", "--limit", "8"))
        wait_until(lambda: len(stub.bodies) >= 4)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
        assert (ended.returncode, len(stub.bodies)) == (143, 4), ended.stderr


def test_an_unwritable_cache_is_one_clear_line_before_anything_is_paid(
    home: Path, shop500: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("SRACL_CACHE_DIR", str(home / "file" / "cache"))
    with Stub() as stub:
        assert run(command(shop500, stub)) == 1
        assert stub.bodies == []
    assert "SRACL_CACHE_DIR" in capfd.readouterr().err
