"""The questions of the service as tools of the Model Context Protocol, so that an assistant can ask a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from sracl_core.errors import SraclError
from sracl_core.rules import Rules
from sracl_core.service.answering import MOST, Answers, Asked
from sracl_core.service.reloading import Source

Answer = TypeVar("Answer")
Count = Annotated[int, Field(ge=1, le=MOST)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
INSTRUCTIONS = (
    "Recommendations of one model. Items are named by id; `items` finds ids by title and `similar_text` by "
    "meaning. `recommend` takes a history of ids, oldest first, or a user of the run's dataset."
)


class Model:
    """One model, which is changed for a newer one between two questions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.answers = Answers(source.open())

    def ask(self, question: Callable[[Answers], Answer]) -> Answer:
        """What `question` says; a question that cannot be answered is told as ToolError, in one line."""
        if self.source.changed():
            try:
                self.answers = Answers(self.source.open())
            except SraclError as error:
                print(f"the newer model cannot be opened, the old one answers: {error}", file=sys.stderr)
        try:
            return question(self.answers)
        except SraclError as error:
            raise ToolError(str(error)) from error


def assistant(source: Source) -> MCPServer[Any]:
    """The server. Raises InputError where the model cannot be opened."""
    model = Model(source)
    server: MCPServer[Any] = MCPServer("sracl", instructions=INSTRUCTIONS, log_level="ERROR")

    @server.tool()
    def recommend(
        history: Annotated[list[str] | None, Field(max_length=MOST)] = None,
        user: Annotated[str | None, Field(max_length=1000)] = None,
        k: Count = 10,
        rules: Rules | None = None,
        more: Annotated[str | None, Field(max_length=1000)] = None,
        more_weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5,
    ) -> dict[str, Any]:
        """Recommend k items for a history of item ids, oldest first, or a user; `more` steers by meaning."""
        asked = Asked(
            history=history, user=user, k=k, rules=rules or Rules(), more=more, more_weight=more_weight
        )
        return model.ask(lambda answers: answers.recommend(asked))

    @server.tool()
    def neighbors(item: Text, k: Count = 10) -> dict[str, Any]:
        """The items whose texts are nearest to one item's."""
        return model.ask(lambda answers: answers.neighbors(item, k))

    @server.tool()
    def items(query: Annotated[str, Field(max_length=1000)] = "", k: Count = 10) -> dict[str, Any]:
        """Items whose id or title contains what is asked for, and how many do."""
        return model.ask(lambda answers: answers.items(query, k))

    @server.tool()
    def similar_text(text: Text, k: Count = 10) -> dict[str, Any]:
        """Items by meaning."""
        return model.ask(lambda answers: answers.similar_text(text, k))

    @server.tool()
    def health() -> dict[str, Any]:
        """Which model answers, and how many items it knows."""
        return model.ask(lambda answers: answers.health())

    return server
