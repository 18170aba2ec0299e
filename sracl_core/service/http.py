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
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from sracl_core.errors import InputError, SraclError, UnknownIdError
from sracl_core.plain import plain
from sracl_core.rules import LONGEST_TEXT, SOME_WORD
from sracl_core.service.answering import MOST, Asked, fault
from sracl_core.service.desk import Busy, Desk
from sracl_core.service.reloading import Source

MOST_BYTES = 1 << 20
LOOK_SECONDS = 1.0
Text = Annotated[str, Query(min_length=1, max_length=LONGEST_TEXT, json_schema_extra=SOME_WORD)]
Count = Annotated[int, Query(ge=1, le=MOST)]
REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"description": said, "content": {"application/json": {"example": {"error": "..."}}}}
    for code, said in (
        (400, "the question cannot be answered"),
        (401, "the token is missing or wrong"),
        (403, "it is asked by a name that is not its own"),
        (404, "there is no such item or user"),
        (413, "the body is too long"),
        (422, "the question is not of its form"),
        (429, "too many questions wait"),
    )
}


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
) -> FastAPI:
    """The application. Raises InputError where the model cannot be opened.

    token: what "Authorization: Bearer" must say, but for /health. queue: questions that may wait. hosts:
    names by which it may be asked, any where there are none: a page that a browser shows can give this
    machine's address a name of its own, and would read the answers as its own.
    """
    desk = Desk(source, queue)
    measures = Measures(desk)
    app = FastAPI(title="sracl", description="Recommendations of one model.", version="1")
    app.state.desk = desk
    app.add_middleware(_Gate, measures=measures, hosts=frozenset(hosts))
    _refuse(app)
    _watch(desk, measures)

    def require(authorization: str) -> None:
        if token is not None and not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise PermissionError

    async def allowed(request: Request, authorization: Annotated[str, Header()] = "") -> None:
        require(authorization)
        _refuse_unread(request)

    _lists(app, desk, require)
    _questions(app, desk, [Depends(allowed)])

    @app.get("/metrics", dependencies=[Depends(allowed)], include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(measures.registry), media_type="text/plain; version=0.0.4")

    return app


def _lists(app: FastAPI, desk: Desk, require: Callable[[str], None]) -> None:
    """/recommend, which is asked most: FastAPI's own way of reading its body takes longer than the list."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}}
    body = {"requestBody": {"required": True, "content": content}}

    @app.post("/recommend", responses=REFUSALS, openapi_extra=body)
    async def recommend(request: Request) -> JSONResponse:
        require(request.headers.get("authorization", ""))
        for name in request.query_params:
            raise _unread(name, "; what is asked stands in the body")
        try:
            asked = Asked.model_validate_json(await request.body(), strict=True)
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
        return JSONResponse(await desk.recommend(asked))

    # The route above describes it; this one, which is met first, answers without what FastAPI does around it.
    app.router.routes.insert(0, Route("/recommend", recommend, methods=["POST"]))
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
        return JSONResponse(await desk.ask(lambda answers: answers.similar_text(text, k), [text]))

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
            raise _unread(name, f"; there is {', '.join(sorted(read))}")
        if count > 1:
            raise _unread(name, said=f"is given {count} times")


def _unread(
    name: str, more: str = "", said: str = "Extra inputs are not permitted"
) -> RequestValidationError:
    return RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name), "msg": said + more}])


def _refuse(app: FastAPI) -> None:
    """Every error is one line, under "error"."""

    def said(code: int, text: str, **headers: str) -> JSONResponse:
        return JSONResponse({"error": text}, status_code=code, headers=headers or None)

    @app.exception_handler(SraclError)
    async def wrong(request: Request, error: SraclError) -> JSONResponse:
        known = 404 if isinstance(error, UnknownIdError) else 400
        return said(known if isinstance(error, InputError) else 500, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        return said(422, fault(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def nowhere(request: Request, error: HTTPException) -> JSONResponse:
        asked = f"{request.method} {plain(request.url.path[:100])}"
        text = f"nothing answers {asked}; /docs tells what does" if error.status_code in (404, 405) else ""
        return said(error.status_code, text or str(error.detail), **(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return said(400, "the body did not come whole")  # nobody reads it; the count of requests has it

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> JSONResponse:
        return said(429, "too many questions wait; ask again in a moment", **{"Retry-After": "1"})

    @app.exception_handler(PermissionError)
    async def unknown(request: Request, error: PermissionError) -> JSONResponse:
        return said(401, "the token is missing or wrong", **{"WWW-Authenticate": "Bearer"})


class _Gate:
    """Counts requests, and refuses strange hosts, and bodies that are too long before they are read whole."""

    def __init__(self, app: Any, measures: Measures, hosts: frozenset[str]) -> None:
        self.app = app
        self.measures = measures
        self.hosts = hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, read = time.perf_counter(), 500, 0

        async def counted() -> Any:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                raise _TooLong
            return message

        async def noted(message: Any) -> None:
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
