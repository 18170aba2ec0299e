"""The page of `sracl-tui --web`, in headless Chromium where there is one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

pytest.importorskip("textual_serve", reason="the extra `web` is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 240.0
KEYS = {"F3": 114}


@pytest.fixture
def page(frozen: Path) -> Iterator[str]:
    """The address of a served dashboard, as it is printed."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sracl_tui.launcher", "--web", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        address = server.stderr.readline().split()[0]
        assert address.startswith(f"http://localhost:{port}/?token=")
        yield address
    finally:
        server.terminate()
        server.wait(30)


@contextlib.asynccontextmanager
async def _served(sessions: int = 8) -> AsyncIterator[tuple[str, str]]:
    """Address and token of a server in this process, whose dashboards say nothing and end when asked to."""
    from aiohttp.test_utils import TestServer, unused_port

    from sracl_tui.web import LocalServer

    server = LocalServer("echo __GANGLION__; head -c 1 >/dev/null", unused_port(), sessions)
    async with TestServer(await server._make_app(), host="localhost", port=server.port):
        yield server.public_url, server.token


async def test_whoever_has_the_address_gets_a_dashboard(page: str) -> None:
    own = page.partition("/?")[0]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar()) as session:
        await session.get(page)
        drawn = b""
        async with (
            asyncio.timeout(SECONDS),
            session.ws_connect(f"{own}/ws", headers={"Origin": own}) as opened,
        ):
            while b"Datasets" not in drawn:
                drawn += await opened.receive_bytes()
    for address in {one.address for some in psutil.net_if_addrs().values() for one in some}:
        if "." in address and not address.startswith("127."):  # what other machines would ask
            with (
                pytest.raises((ConnectionError, TimeoutError)),
                socket.create_connection((address, urlsplit(page).port or 0), 10),
            ):
                pass


def test_a_token_is_of_one_start_and_dashboards_are_eight() -> None:
    from sracl_tui.web import SESSIONS, LocalServer

    first, second = (LocalServer("true", 8000).token for _ in range(2))
    assert first != second
    assert len(first) >= 32
    assert SESSIONS == 8


async def test_the_address_opens_the_page_and_its_cookie_the_rest() -> None:
    async with _served() as (own, token), aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar()) as session:
        async with session.get(f"{own}/?token={token}") as answer:
            assert answer.status == 200
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert "SameSite=Strict" in answer.headers["Set-Cookie"]
            assert "HttpOnly" in answer.headers["Set-Cookie"]
        async with session.get(f"{own}/static/js/textual.js") as answer:
            assert answer.status == 200
        async with session.ws_connect(f"{own}/ws", headers={"Origin": own}) as opened:
            assert not opened.closed


@pytest.mark.parametrize(
    "path",
    ["/", "/?token=", "/?token=wrong", "/?token=%ff%00", "/static/", "/download/1"],
)
async def test_without_the_token_nothing_is_answered(path: str) -> None:
    async with _served() as (own, _), aiohttp.ClientSession() as session:
        async with session.get(own + path, headers={"Cookie": "a=b"}) as answer:
            assert answer.status == 403
            assert "sracl-tui --web" in await answer.text()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{own}/ws", headers={"Origin": own})


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "rebound.example"),
        ("Host", "localhost"),
        ("Host", "localhost:1"),
        ("Host", "[:::1"),
        ("Host", ""),
        ("Origin", "http://elsewhere.example"),
        ("Origin", "http://localhost:3000"),
        ("Origin", "http://localhost"),
        ("Origin", "https://localhost:{port}"),
        ("Origin", "http://127.0.0.1:{port}"),
        ("Origin", "http://localhost:{port}@elsewhere.example"),
        ("Origin", "http://[bad"),
        ("Origin", "null"),
        ("Origin", "file://"),
        ("Origin", ""),
    ],
)
async def test_other_pages_of_this_machine_are_refused(header: str, value: str) -> None:
    async with _served() as (own, token), aiohttp.ClientSession() as session:
        headers = {header: value.format(port=own.rpartition(":")[2])}
        async with session.get(f"{own}/?token={token}", headers=headers) as answer:
            assert answer.status == 403
            assert "Set-Cookie" not in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{own}/ws?token={token}", headers=headers)


@pytest.mark.parametrize("cookie", [b"\xff\xfe=\x80", b"=;=;;", b'sracl-1="\\', b"sracl-{port}=\xc3\xa9"])
async def test_broken_headers_are_refused_and_nothing_is_logged(
    cookie: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with _served() as (own, _):
        port = own.rpartition(":")[2]
        reader, writer = await asyncio.open_connection("localhost", int(port))
        cookie = cookie.replace(b"{port}", port.encode())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost:%s\r\nCookie: %s\r\n\r\n" % (port.encode(), cookie))
        assert (await reader.readline()).split()[1] == b"403"
        writer.close()
    assert not caplog.records


async def test_there_are_only_so_many_dashboards() -> None:
    async with _served(sessions=1) as (own, token), aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{own}/ws?token={token}", headers={"Origin": own}):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await session.ws_connect(f"{own}/ws?token={token}", headers={"Origin": own})
            async with session.get(f"{own}/?token={token}") as answer:
                assert answer.status == 503
        async with asyncio.timeout(SECONDS):
            while (answer := await session.get(f"{own}/?token={token}")).status != 200:
                await asyncio.sleep(0.05)


def test_a_taken_port_is_an_error_of_one_line(page: str) -> None:
    port = str(urlsplit(page).port)
    command = [sys.executable, "-m", "sracl_tui.launcher", "--web", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: port {port} cannot be used")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_the_page_shows_the_dashboard_and_takes_keys(page: str, tmp_path: Path) -> None:
    async with _browser(tmp_path / "profile") as tab:
        await tab.send("Network.enable")
        await tab.send("Page.navigate", url=page)
        await tab.until_drawn("Datasets")
        await tab.press("F3")
        await tab.until_drawn("finished", "sample", "Validation NDCG")
        assert not tab.foreign(page), "the page asks no other host"


class Tab:
    """A page of Chromium through its DevTools protocol; remembers what the dashboard drew."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._requests: list[str] = []
        self._finished: list[str] = []
        self.drawn = ""

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask Chromium, and wait for its answer."""
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(SECONDS):
            while number not in self._answers:
                await self._listen()
        return self._answers.pop(number)

    async def press(self, key: str) -> None:
        """A function key, pressed in the page."""
        for kind in ("rawKeyDown", "keyUp"):
            await self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key]
            )

    async def until_drawn(self, *words: str) -> None:
        """Wait until the dashboard has sent all of `words` to the page."""
        async with asyncio.timeout(SECONDS):
            while not all(word in self.drawn for word in words):
                await self._listen()

    def foreign(self, page: str) -> list[str]:
        """Requests to others that were not refused before they were sent."""
        own = f"://{urlsplit(page).netloc}"
        return [url for url in self._finished if url.startswith(("http", "ws")) and own not in url]

    async def _listen(self) -> None:
        message = json.loads((await self._socket.receive()).data)
        if "id" in message:
            self._answers[message["id"]] = message.get("result", message)
        elif message["method"] == "Network.webSocketFrameReceived":
            frame = message["params"]["response"]
            data = base64.b64decode(frame["payloadData"]) if frame["opcode"] == 2 else b""
            self.drawn += data.decode("utf-8", "replace")
        elif message["method"] == "Network.responseReceived":
            self._finished.append(message["params"]["response"]["url"])


@contextlib.asynccontextmanager
async def _browser(profile: Path) -> Any:
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    command += ["--disable-background-networking", "--window-size=1200,800", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = await _port(profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://localhost:{port}/json/list") as answer:
                pages = [tab for tab in await answer.json() if tab["type"] == "page"]
            address = pages[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as opened:
                yield Tab(opened)
    finally:
        process.terminate()
        process.wait(30)


async def _port(path: Path) -> int:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if path.exists() and (lines := path.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(0.1)
    raise AssertionError(f"Chromium did not start within {SECONDS} s as pid {os.getpid()}'s child")
