"""The questions of the service as tools of the Model Context Protocol, so that an assistant can ask a run."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent
from mcp_types import Tool as Described
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sracl_core.errors import SraclError, nearest
from sracl_core.json_values import loads_once
from sracl_core.service.answering import MOST, Answers, Asked, fault
from sracl_core.service.reloading import Source

Count = Annotated[int, Field(ge=1, le=MOST)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
INSTRUCTIONS = (
    "Recommendations of one model. Items are named by id; `items` finds ids by title and `similar_text` by "
    "meaning. `recommend` takes a history of ids, oldest first, or a user of the run's dataset."
)


class Health(BaseModel):
    """A question that says nothing; what is not read is refused, here and below."""

    model_config = ConfigDict(extra="forbid")


class Neighbors(Health):
    """A question for an item's neighbors."""

    item: Text
    k: Count = 10


class Items(Health):
    """A question for items by id or title."""

    query: Annotated[str, Field(max_length=1000)] = ""
    k: Count = 10


class SimilarText(Health):
    """A question for items by meaning."""

    text: Text
    k: Count = 10


class Tool(NamedTuple):
    """What a tool is for, what it reads, and who answers."""

    about: str
    form: type[BaseModel]
    answer: Callable[[Answers, Any], dict[str, Any]]


TOOLS = {
    "recommend": Tool(
        "Recommend k items for a history of item ids, oldest first, or a user; `more` steers by meaning.",
        Asked,
        lambda answers, asked: answers.recommend(asked),
    ),
    "neighbors": Tool(
        "The items whose texts are nearest to one item's.",
        Neighbors,
        lambda answers, asked: answers.neighbors(asked.item, asked.k),
    ),
    "items": Tool(
        "Items whose id or title contains what is asked for, and how many do.",
        Items,
        lambda answers, asked: answers.items(asked.query, asked.k),
    ),
    "similar_text": Tool(
        "Items by meaning.", SimilarText, lambda answers, asked: answers.similar_text(asked.text, asked.k)
    ),
    "health": Tool(
        "Which model answers, and how many items it knows.", Health, lambda answers, _: answers.health()
    ),
}


class Model:
    """One model, which is changed for a newer one between two questions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.answers = Answers(source.open())
        self._one = threading.Lock()  # an assistant may ask several things at once

    def ask(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """What the tool called `name` says. Raises SraclError and ValidationError."""
        tool = TOOLS.get(name)
        if tool is None:
            raise SraclError(f"there is no tool '{name[:100]}'{nearest(name[:100], TOOLS)}")
        asked = tool.form.model_validate_json(json.dumps(_unpacked(given)), strict=True)
        with self._one:
            if self.source.changed():
                try:
                    self.answers = Answers(self.source.open())
                except Exception as error:  # whatever lies there now, the old model goes on
                    said = f"the newer model cannot be opened, the old one answers: {_line(error)}"
                    print(said, file=sys.stderr, flush=True)
            return tool.answer(self.answers, asked)


def _unpacked(given: dict[str, Any]) -> dict[str, Any]:
    """Lists and objects as such: some assistants send them as JSON in a string."""
    found = dict(given)
    for name in {"history", "rules"} & found.keys():
        try:
            value = loads_once(found[name]) if isinstance(found[name], str) else None
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list | dict):
            found[name] = value
    return found


def _line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return fault(error.errors(include_url=False, include_context=False)[0])
    said = " ".join(str(error).split())[:300]
    return said if isinstance(error, SraclError) else f"unexpected {type(error).__name__}: {said}"


def _schema(form: type[BaseModel]) -> dict[str, Any]:
    """What assistants read of a form; several take no choice of forms at its top."""
    schema = form.model_json_schema()
    schema.pop("oneOf", None)
    return schema


def assistant(source: Source) -> Server[Any]:
    """The server. Raises InputError where the model cannot be opened."""
    model = Model(source)
    tools = [
        Described(name=name, description=tool.about, input_schema=_schema(tool.form))
        for name, tool in TOOLS.items()
    ]

    async def listed(*_: Any) -> ListToolsResult:
        return ListToolsResult(tools=tools)

    async def called(_: Any, asked: CallToolRequestParams) -> CallToolResult:
        """The answer, or in one line why there is none."""
        try:
            answer = await asyncio.to_thread(model.ask, asked.name, asked.arguments or {})
        except Exception as error:
            return CallToolResult(content=[TextContent(type="text", text=_line(error))], is_error=True)
        text = json.dumps(answer, ensure_ascii=False, indent=2)
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=answer)

    return Server("sracl", instructions=INSTRUCTIONS, on_list_tools=listed, on_call_tool=called)


async def over_stdio(server: Server[Any]) -> None:
    """Answer what comes in on stdin, until it ends."""
    async with stdio_server() as (received, sent):
        await server.run(received, sent, server.create_initialization_options())
