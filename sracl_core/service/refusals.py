"""What a service says of a question that it does not answer: one line, under "error"."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sracl_core.errors import InputError, SraclError, UnknownIdError
from sracl_core.json_values import RepeatedNameError, loads_once
from sracl_core.plain import plain
from sracl_core.service.answering import fault
from sracl_core.service.desk import Busy

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


def unread(name: str, more: str = "", said: str = "Extra inputs are not permitted") -> RequestValidationError:
    """What a question says, and nobody reads."""
    return RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name), "msg": said + more}])


def said_once(body: bytes) -> bytes:
    """`body`; raises RequestValidationError where an object in it says a name twice."""
    try:
        loads_once(body.decode(errors="replace"))
    except RepeatedNameError as error:
        raise RequestValidationError([{"type": "repeated", "loc": ("body",), "msg": str(error)}]) from error
    except (ValueError, RecursionError):
        pass  # who reads it says what is wrong
    return body


def refuse(app: FastAPI) -> None:
    """Give `app` an answer to every kind of error."""

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
