"""A second run's recommendations for the same question, beside the first one's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import work
from textual.message import Message

from sracl_tui.screens.explore.answer_panel import AnswerPanel
from sracl_tui.screens.explore.list_view import ranks
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.screens.explore.questions import Answers, Question, ids, ranks_of
from sracl_tui.view_models import RunLine, short_name
from sracl_tui.widgets.plain import entitle


@dataclass(frozen=True)
class First:
    """What the first run was asked, by whom it is answered, and what is known of it."""

    question: Question
    client: QueryClient | None
    answers: Answers | None


class SecondPanel(AnswerPanel):
    """Has an explorer of its own. `found` is its latest answer, None while there is none.

    there: ranks that this run gives to the first one's items; here: ranks that the first gives to these.
    """

    class Changed(Message):
        """`run` or `found` is another one now."""

    def __init__(self) -> None:
        super().__init__("Second run", "second")
        self.found: Mapping[str, Any] | None = None
        self.there: Mapping[str, int] = {}
        self.here: Mapping[str, int] = {}
        self._client: QueryClient | None = None

    @property
    def name_of_run(self) -> str:
        """As a person reads it."""
        return "" if self.run is None else short_name(self.run.name)

    @property
    def run(self) -> Path | None:
        """The run that is compared with."""
        return None if self._client is None else self._client.run

    def as_json(self) -> dict[str, Any]:
        """For an export; empty without a second run's answer."""
        return {} if self.found is None else {"second_run": str(self.run), "second": self.found}

    def toggle(self, others: Sequence[RunLine], first: Callable[[], First]) -> None:
        """Let a person choose among `others`, or end the comparison that there is."""
        from sracl_tui.screens.explore.pick_run import PickRunScreen

        if self.run is not None:
            self.leave()
        elif not others:
            self.notify("there is no other run of this data to compare with")
        else:
            self.app.push_screen(
                PickRunScreen(others), lambda path: None if path is None else self.open(path, first())
            )

    def open(self, run: Path, first: First) -> None:
        """Compare with `run`, whose explorer is started."""
        self.leave()
        self._client = QueryClient(run, self._tell_state)
        entitle(self, f"→ {short_name(run.name)}")
        self._client.start()
        self.ask(first)

    def leave(self) -> None:
        """End the comparison."""
        client, self._client = self._client, None
        self.found = None
        if client is not None:
            self._close(client)
        self.post_message(self.Changed())

    @work(group="second", exclusive=True, exit_on_error=False)
    async def ask(self, first: First) -> None:
        """Ask the second run what the first was asked, and each for the ranks of the other's items."""
        if self._client is None:
            return
        try:
            if first.question.user is None:
                await self._client.ask("info")
                self.say("Choose a user; both runs then say what they would show.")
                return
            await self._compare(self._client, first)
        except QueryError as error:
            self.found = None
            if self._client is not None and self._client.state == "ready":
                self.say(str(error))
        self.post_message(self.Changed())

    async def _compare(self, client: QueryClient, first: First) -> None:
        found, _ = await client.ask("recommend", **first.question.arguments())
        there, here = ranks(found), {}
        if first.answers is not None and first.answers.recommended is not None and first.client is not None:
            listed = first.answers.recommended
            held = [item["item"] for item in first.answers.missed]
            here = ranks(listed) | {item["item"]: item["rank"] for item in first.answers.missed}
            asked = [item for item in (*ids(listed), *held) if item not in there]
            there |= await ranks_of(client, first.question, asked)
            only = [item for item in ids(found) if item not in here]
            here |= await ranks_of(first.client, first.question, only)
        self.found, self.there, self.here = found, there, here

    def _tell_state(self) -> None:
        client = self._client
        if client is None or not self.is_mounted:
            return
        if client.state == "loading":
            self.say(f"loading the model of {short_name(client.run.name)}…")
        elif client.state == "dead":
            self.found = None
            self.say(f"✗ its explorer has ended: {client.problem}. F5 starts it again.")
            self.post_message(self.Changed())

    @work(group="close", exit_on_error=False)
    async def _close(self, client: QueryClient) -> None:
        await client.close()

    async def on_unmount(self) -> None:
        """End the explorer with the screen."""
        if self._client is not None:
            await self._client.close()
