"""A real HTTP server on loopback that speaks chat completions, and misbehaves on request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

Act = Callable[[int, dict[str, Any]], Any]
"""(number of the request from 0, its body) -> None for an answer, or what `Stub._act` understands."""


def item_json(prompt: str) -> str:
    """A good answer, which tells prompts apart."""
    mark = hashlib.sha256(prompt.encode()).hexdigest()[:12]
    return json.dumps({"summary": f"Thing {mark}.", "audience": "Everybody."})


class Stub:
    """Listens on a free port in a thread of its own while it is entered.

    paid: how often each first prompt got an answer. bodies, headers: of every request, in order.
    """

    def __init__(self, act: Act | None = None, delay: float = 0.0, models: tuple[str, ...] = ("m",)) -> None:
        self.act, self.delay, self.models = act, delay, models
        self.paid: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.most_at_once = self._now = 0
        self._ready = threading.Event()

    def __enter__(self) -> Stub:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def _models(self, request: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "stub"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        number = len(self.bodies)
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.times.append(asyncio.get_running_loop().time())
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await asyncio.sleep(self.delay)
            return await self._act(self.act(number, body) if self.act else None, request, body)
        finally:
            self._now -= 1

    async def _act(self, act: Any, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """An int is a status; (status, headers, error) more of one, in FastAPI's form with a "detail";
        any other text is the message of a good answer."""
        prompt = body["messages"][0]["content"]
        if act == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if act == "hang":
            await asyncio.sleep(30)
        if act == "garbage":
            return web.Response(text='{"choices": [', content_type="application/json")
        if isinstance(act, int):
            act = (act, {}, {"message": f"status {act}"})
        if isinstance(act, tuple):
            status, headers, error = act
            body = error if "detail" in error else {"error": error}
            return web.json_response(body, status=status, headers=headers)
        self.paid[prompt] += 1
        text = item_json(prompt) if act is None else act
        return web.json_response(
            {
                "id": "stub",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
                ],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        )
