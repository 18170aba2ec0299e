"""The service over HTTP: questions to one model, which is changed while it answers."""

import hmac
import re
import threading
import time
from collections import Counter as Counts
from collections.abc import Callable, Collection
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sracl_core.rules import LONGEST_TEXT, SOME_WORD
from sracl_core.service.answering import MOST, Asked
from sracl_core.service.desk import Desk
from sracl_core.service.refusals import REFUSALS, refuse, said_once, unread
from sracl_core.service.reloading import Source

LISTS = "/recommend"
MOST_BYTES = 1 << 20
LOOK_SECONDS = 1.0
Text = Annotated[str, Query(min_length=1, max_length=LONGEST_TEXT, json_schema_extra=SOME_WORD)]
Count = Annotated[int, Query(ge=1, le=MOST)]


class Measures:
    """What Prometheus reads."""

    def __init__(self, desk: Desk) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("sracl_requests", "Requests.", ["path", "status"], registry=self.registry)
        self.seconds = Histogram(
            "sracl_request_seconds",
            "Seconds from request to answer.",
            ["path"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
            registry=self.registry,
        )
        self.reloads = Counter(
            "sracl_model_reloads", "Newer models taken up.", ["ok"], registry=self.registry
        )
        waiting = Gauge("sracl_waiting", "Questions that wait or are answered.", registry=self.registry)
        waiting.set_function(lambda: desk.waiting)
        # Finding a metric's child takes longer than to count with it; there is one a path and status.
        self._request, self._second = cache(self.requests.labels), cache(self.seconds.labels)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._request(path, str(status)).inc()
        self._second(path).observe(seconds)


def service(
    source: Source, *, token: str | None = None, queue: int = 64, hosts: Collection[str] = ()
) -> ASGIApp:
    """The application. Raises InputError where the model cannot be opened.

    token: what "Authorization: Bearer" must say, but for /health. queue: questions that may wait. hosts:
    names by which it may be asked, any where there are none: a page that a browser shows can give this
    machine's address a name of its own, and would read the answers as its own.
    """
    desk = Desk(source, queue)
    measures = Measures(desk)
    app = FastAPI(title="sracl", description="Recommendations of one model.", version="1")
    refuse(app)
    _watch(desk, measures)

    def require(authorization: str) -> None:
        if token is not None and not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise PermissionError

    async def allowed(request: Request, authorization: Annotated[str, Header()] = "") -> None:
        require(authorization)
        _refuse_unread(request)

    _describe_lists(app)
    _questions(app, desk, [Depends(allowed)])

    @app.get("/metrics", dependencies=[Depends(allowed)], include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(measures.registry), media_type="text/plain; version=0.0.4")

    return _Gate(_Lists(app, desk, require), measures, frozenset(hosts))


class _Lists:
    """/recommend, which is asked most: all that FastAPI does around a question takes longer than its list."""

    def __init__(self, app: ASGIApp, desk: Desk, require: Callable[[str], None]) -> None:
        self.app = app
        self.desk = desk
        self.require = require

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"], scope["method"]) != (LISTS, "POST"):
            await self.app(scope, receive, send)
            return
        scope["endpoint"] = self
        try:
            text = to_json(await self._found(scope, receive))
        except _TooLong:
            raise
        except Exception as error:
            # The application has an answer to every kind of error.
            scope["error"] = error
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _found(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        self.require(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))
        for name in QueryParams(scope["query_string"]) if scope["query_string"] else ():
            raise unread(name, "; what is asked stands in the body")
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body, more = body + message.get("body", b""), message.get("more_body", False)
        try:
            asked = Asked.model_validate_json(said_once(body), strict=True)
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
        return await self.desk.recommend(asked)


def _describe_lists(app: FastAPI) -> None:
    """What the page of questions says of /recommend; only what `_Lists` could not answer comes here."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}}
    body = {"requestBody": {"required": True, "content": content}}

    @app.post(LISTS, responses=REFUSALS, openapi_extra=body)
    async def recommend(request: Request) -> JSONResponse:
        error: Exception = request.scope["error"]
        raise error

    bare = app.openapi

    def with_asked() -> dict[str, Any]:
        schema = bare()
        asked = Asked.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(asked.pop("$defs", {}), Asked=asked)
        return schema

    app.openapi = with_asked  # type: ignore[method-assign]


def _questions(app: FastAPI, desk: Desk, dependencies: list[Any]) -> None:
    guarded: dict[str, Any] = {"dependencies": dependencies, "responses": REFUSALS}

    @app.get("/neighbors", **guarded)
    async def neighbors(item: Text, k: Count = 10) -> JSONResponse:
        return JSONResponse(await desk.ask(lambda answers: answers.neighbors(item, k)))

    @app.get("/items", **guarded)
    async def items(
        query: Annotated[str, Query(max_length=LONGEST_TEXT)] = "", k: Count = 10
    ) -> JSONResponse:
        return JSONResponse(await desk.ask(lambda answers: answers.items(query, k)))

    @app.get("/similar-text", **guarded)
    async def similar_text(text: Text, k: Count = 10) -> JSONResponse:
        return JSONResponse(await desk.ask(lambda answers: answers.similar_text(text, k), aside=True))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return desk.answers.health()


def _refuse_unread(request: Request) -> None:
    """Raises RequestValidationError for what a question says twice, or what it does not read."""
    read = {field.alias for field in request.scope["route"].dependant.query_params}
    for name, count in Counts(name for name, _ in request.query_params.multi_items()).items():
        if not read:
            return  # whoever gathers measures may add words of its own
        if name not in read:
            raise unread(name, f"; there is {', '.join(sorted(read))}")
        if count > 1:
            raise unread(name, said=f"is given {count} times")


class _Gate:
    """Counts requests, and refuses strange hosts, and bodies that are too long before they are read whole."""

    def __init__(self, app: ASGIApp, measures: Measures, hosts: frozenset[str]) -> None:
        self.app = app
        self.measures = measures
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, read = time.perf_counter(), 500, 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                raise _TooLong
            return message

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            headers = dict(scope["headers"])
            name = headers.get(b"host", b"").decode("latin-1").lower()
            if self.hosts and re.sub(r":\d*$", "", name) not in self.hosts:
                text = {
                    "error": f"this service is not asked as {name!r}; set a token to open it to other names"
                }
                await JSONResponse(text, status_code=403)(scope, receive, noted)
                return
            length = headers.get(b"content-length", b"0")
            if length.isdigit() and int(length) > MOST_BYTES:
                raise _TooLong
            await self.app(scope, counted, noted)
        except _TooLong:
            text = {"error": f"the body is longer than {MOST_BYTES >> 10} KiB"}
            await JSONResponse(text, status_code=413)(scope, receive, noted)
        finally:
            path = scope["path"] if "endpoint" in scope else "other"
            self.measures.answered(path, status, time.perf_counter() - began)


class _TooLong(Exception):
    pass


def _watch(desk: Desk, measures: Measures) -> None:
    """Look for a newer model every second, in a thread that ends with the process."""

    def look() -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                if desk.reload():
                    measures.reloads.labels("yes").inc()
            except Exception:
                # What cannot be opened is not taken up; the old model goes on, and the count tells.
                measures.reloads.labels("no").inc()

    threading.Thread(target=look, name="reload", daemon=True).start()
