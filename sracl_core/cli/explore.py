"""`sracl explore`: the process that the dashboard asks; docs/explore-protocol.md is its contract."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from pydantic import ConfigDict, ValidationError, validate_call

from sracl_core.cli import asking, output
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption
from sracl_core.errors import InputError, SraclError, in_flags, nearest
from sracl_core.json_values import RepeatedNameError, jsonable, loads_once, without_non_finite
from sracl_core.plain import plain_json

if TYPE_CHECKING:
    from sracl_core.explorer import Explorer

PROTOCOL = 2
LONGEST = 1 << 24
"""Bytes of a request at most: a history of a million items."""

Operations = dict[str, Callable[..., Any]]


def explore(
    run: RunArgument,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="Requests on stdin, answers on stdout, one object a line.")
    ] = False,
    dataset: asking.MovedOption = None,
    encoder: asking.EncoderOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
) -> None:
    """Answer questions about a run, one JSON object a line.

    For people there is the dashboard (`sracl-tui RUN`); this is what it asks, and what any other
    program may ask. The operations are described in docs/explore-protocol.md.
    """
    if not json_lines:
        raise InputError(
            "explore speaks JSON lines only: add --json-lines, or open `sracl-tui` to look around"
        )
    began = time.monotonic()
    # Answers alone go to stdout, whatever a library may print.
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        # Lines, not bars: a person who types questions sees both.
        progress = output.PlainProgress(asking.PATIENCE)
        explorer = asking.open_explorer(run, runs_dir, dataset, encoder, progress)
        warm_up(explorer)
        # What is loaded stays: the collector need not go through all of it while somebody waits.
        gc.freeze()
        ready = {"ready": True, "protocol": PROTOCOL, **explorer.info()}
        answers.buffer.write(_line({**ready, "seconds": round(time.monotonic() - began, 3)}))
        answers.buffer.flush()
        with in_flags(False):  # who asks has names of JSON, no options
            serve(explorer, sys.stdin.buffer, answers.buffer)
    finally:
        sys.stdout = answers


def warm_up(explorer: Explorer) -> None:
    """Load what the first questions need, so that the first is as fast as the second."""
    loaded = explorer.loaded
    longest = loaded.dataset.users.ids[int(loaded.dataset.sequences.lengths.argmax())]
    explorer.history(longest)
    explorer.recommend(user=longest, until="test", k=1, why=True)
    explorer.users("a", 1)
    explorer.items("a", 1)


def serve(explorer: Explorer, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every line of `requests` that is not blank, in order and with one line each, until they end."""
    operations = operations_of(explorer)
    for line in _lines(requests):
        if line.strip():
            answers.write(reply(operations, line))
            answers.flush()


def _lines(requests: BinaryIO) -> Iterator[bytes]:
    """The lines as they come; of one that is too long, the beginning."""
    while line := requests.readline(LONGEST + 1):
        rest = line
        while len(rest) > LONGEST and not rest.endswith(b"\n"):
            rest = requests.readline(LONGEST + 1)
        yield line


def operations_of(explorer: Explorer) -> Operations:
    """The operations by name; their keyword arguments are those of the protocol, their types enforced."""

    def info() -> dict[str, Any]:
        return {"protocol": PROTOCOL, **explorer.info()}

    def encode_text(text: str) -> dict[str, Any]:
        vector = explorer.encode_text(text)
        return {"dimension": len(vector), "vector": vector.tolist()}

    operations: Operations = {
        "info": info,
        "metrics": explorer.metrics,
        "users": explorer.users,
        "next_user": explorer.next_user,
        "items": explorer.items,
        "history": explorer.history,
        "recommend": explorer.recommend,
        "why": explorer.why,
        "neighbors_of_user": explorer.neighbors_of_user,
        "neighbors_of_item": explorer.neighbors_of_item,
        "item": explorer.item,
        "item_map": explorer.item_map,
        "items_at": explorer.items_at,
        "search": explorer.search,
        "encode_text": encode_text,
    }
    typed = validate_call(config=ConfigDict(strict=True))
    return {name: typed(operation) for name, operation in operations.items()}


def reply(operations: Operations, line: bytes) -> bytes:
    """The line that answers one request; whatever goes wrong becomes an answer too."""
    began = time.perf_counter()
    name: Any = None
    try:
        request = _request(line)
        name = request.pop("id", None)
        result = _call(operations, request)
        outcome = {"ok": True, "result": asdict(result) if is_dataclass(result) else result}  # type: ignore[arg-type]
    except Exception as error:
        expected = isinstance(error, SraclError)
        said = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
        outcome = {"ok": False, "error": said, "kind": type(error).__name__}
    spent = {"ms": round((time.perf_counter() - began) * 1e3, 3)}
    try:
        return _line({"id": name, **outcome, **spent})
    except RecursionError:
        refused = {"ok": False, "error": "the id is nested too deeply to be repeated", "kind": "InputError"}
        return _line({"id": None, **refused, **spent})


def _request(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise InputError(f"the request is longer than {LONGEST >> 20} MiB")
    try:
        request = loads_once(line.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"the request is no UTF-8: {error.reason} at byte {error.start}") from error
    except RepeatedNameError as error:
        raise InputError(f"the request: {error}") from error
    except RecursionError as error:
        raise InputError("the request is nested too deeply") from error
    except ValueError as error:
        raise InputError(f"the request is no JSON: {error}") from error
    if not isinstance(request, dict):
        raise InputError("a request is a JSON object with an op")
    return request


def _call(operations: Operations, request: dict[str, Any]) -> Any:
    op = request.pop("op", None)
    if not isinstance(op, str) or op not in operations:
        raise InputError(f"there is no operation {_short(op)}{nearest(str(op)[:60], operations)}")
    try:
        return operations[op](**request)
    except ValidationError as error:
        raise InputError(f"operation '{op}': {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in problem["loc"])[:60]
    match problem["type"]:
        case "missing_argument":
            return f"the argument '{name}' is missing"
        case "unexpected_keyword_argument":
            return f"there is no argument '{name}'"
        case _:
            rule = problem["msg"][:1].lower() + problem["msg"][1:]
            return f"{name} is {_short(problem['input'])}: {rule}"


def _short(value: Any) -> str:
    try:
        shown = repr(value)
    except RecursionError:
        return "nested too deeply"
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _line(value: dict[str, Any]) -> bytes:
    # Half a surrogate pair is no UTF-8, and a terminal obeys other characters: escapes stand for both.
    text = json.dumps(without_non_finite(value)[0], default=jsonable, ensure_ascii=False)
    return plain_json(text).encode() + b"\n"
