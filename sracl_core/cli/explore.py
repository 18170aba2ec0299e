"""`sracl explore`: the process that the dashboard asks; docs/explore-protocol.md is its contract."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sracl_core.cli import asking
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption
from sracl_core.errors import InputError, SraclError, nearest
from sracl_core.runs.files import plain, without_non_finite

if TYPE_CHECKING:
    from sracl_core.explorer import Explorer

PROTOCOL = 1


def explore(
    run: RunArgument,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="Requests on stdin, answers on stdout, one object a line.")
    ] = False,
    dataset: asking.MovedOption = None,
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
        explorer = asking.open_explorer(run, runs_dir, dataset)
        warm_up(explorer)
        ready = {"ready": True, "protocol": PROTOCOL, **explorer.info()}
        _write(answers, {**ready, "seconds": round(time.monotonic() - began, 3)})
        serve(explorer, sys.stdin, answers)
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


def serve(explorer: Explorer, requests: Iterable[str], answers: TextIO) -> None:
    """Answer every line of `requests`, in order, until they end."""
    operations = operations_of(explorer)
    for line in requests:
        if line.strip():
            _write(answers, answer(operations, line))


def operations_of(explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """The operations by name; their keyword arguments are those of the protocol."""
    return {
        "info": lambda: {"protocol": PROTOCOL, **explorer.info()},
        "metrics": explorer.metrics,
        "users": explorer.users,
        "items": explorer.items,
        "history": explorer.history,
        "recommend": explorer.recommend,
        "why": explorer.why,
        "neighbors_of_user": explorer.neighbors_of_user,
        "neighbors_of_item": explorer.neighbors_of_item,
        "search": explorer.search,
        "encode_text": lambda text: _vector(explorer, text),
    }


def answer(operations: dict[str, Callable[..., Any]], line: str) -> dict[str, Any]:
    """The answer to one request; whatever goes wrong becomes an answer too."""
    began = time.perf_counter()
    name: Any = None
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise InputError("a request is a JSON object with an op")
        name = request.pop("id", None)
        result = _call(operations, request)
        outcome = {"ok": True, "result": asdict(result) if is_dataclass(result) else result}  # type: ignore[arg-type]
    except json.JSONDecodeError as error:
        outcome = {"ok": False, "error": f"the request is no JSON: {error}", "kind": "InputError"}
    except SraclError as error:
        outcome = {"ok": False, "error": str(error), "kind": type(error).__name__}
    except Exception as error:
        outcome = {
            "ok": False,
            "error": f"unexpected {type(error).__name__}: {error}",
            "kind": type(error).__name__,
        }
    return {"id": name, **outcome, "ms": round((time.perf_counter() - began) * 1e3, 3)}


def _call(operations: dict[str, Callable[..., Any]], request: dict[str, Any]) -> Any:
    op = request.pop("op", None)
    if not isinstance(op, str) or op not in operations:
        raise InputError(f"there is no operation '{op}'{nearest(str(op), operations)}")
    try:
        return operations[op](**request)
    except TypeError as error:
        # Only a call that never began is the asker's mistake.
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            reason = str(error).rpartition(")")[2].strip()
            raise InputError(f"operation '{op}': {reason or error}") from error
        raise


def _vector(explorer: Explorer, text: str) -> Any:
    vector = explorer.encode_text(text)
    return {"dimension": len(vector), "vector": vector.tolist()}


def _write(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(without_non_finite(value)[0], default=plain, ensure_ascii=False) + "\n")
    answers.flush()
