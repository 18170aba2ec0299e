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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 240.0
KEYS = {"F3": 114}


@pytest.fixture
def page(frozen: Path) -> Iterator[str]:
    """The address of a served dashboard."""
    pytest.importorskip("textual_serve", reason="the extra `web` is not installed")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sracl_tui.launcher", "--web", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        assert f"http://localhost:{port}" in server.stderr.readline()
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(30)


async def test_only_pages_of_this_machine_are_answered(page: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(page) as answer:
            assert answer.status == 200
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        async with session.get(page, headers={"Host": "rebound.example"}) as answer:
            assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(page + "/ws", headers={"Origin": "http://elsewhere.example"})


def test_a_taken_port_is_an_error_of_one_line(page: str) -> None:
    port = page.rpartition(":")[2]
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
        await tab.click(600, 500)
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

    async def click(self, x: int, y: int) -> None:
        """Into the page, which gives it the keyboard."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def until_drawn(self, *words: str) -> None:
        """Wait until the dashboard has sent all of `words` to the page."""
        async with asyncio.timeout(SECONDS):
            while not all(word in self.drawn for word in words):
                await self._listen()

    def foreign(self, page: str) -> list[str]:
        """Requests to others that were not refused before they were sent."""
        own = page.removeprefix("http")
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
