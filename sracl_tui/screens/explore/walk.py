"""The walk from user to user: whom the explorer is asked about, what is known, and the line that says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual import work
from textual.message import Message

from sracl_tui.content import Content, TextualContent, hints, in_parts
from sracl_tui.screens.explore.list_view import ranks
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.screens.explore.questions import Answers, Question, Ranks, answers_to
from sracl_tui.screens.explore.view import spent
from sracl_tui.view_models import count, short_name
from sracl_tui.widgets.plain import Static

NO_RUN = "No run to explore yet. F2 sets up and starts one; F3 shows how it is going."
SEARCHES = {"exact": "exact search", "cells": "search by cells", "hnsw": "HNSW search"}


class Walk(Static):
    """Holds the explorer; where one is on the left, then the run's facts, or that it loads or has ended.

    turned: hears that the explorer, what it is asked or what it said is another now.
    question: what was asked last of the user that is shown. answers: what is known of it, None while that
    is nothing. trail: the users one came by, the present one last.
    """

    class Awaited(Message):
        """The explorer can be asked, or has ended, and nobody was asked about yet."""

    class Answered(Message):
        """More is known; with `top` it is about another user, or by another text."""

        def __init__(self, top: bool) -> None:
            self.top = top
            super().__init__()

    class Whole(Message):
        """All that was asked is known."""

    class Refused(Message):
        """There is no answer, and why; what was known stays."""

        def __init__(self, why: str) -> None:
            self.why = why
            super().__init__()

    def __init__(self, turned: Callable[[], None]) -> None:
        super().__init__(id="trail")
        self._turned = turned
        self.client: QueryClient | None = None
        self.question = Question()
        self.answers: Answers | None = None
        self.trail: list[str] = []
        self._answered = Question()
        self._pending = False

    @property
    def alive(self) -> bool:
        """Whether the explorer can be asked."""
        return self.client is not None and self.client.state == "ready"

    def open(self, run: Path) -> None:
        """Start an explorer for `run` in place of the one that there is, and ask it about the same user."""
        if self.client is not None:
            self._close(self.client)
        self.answers, self._answered, self._pending = None, Question(), False
        self.question = replace(self.question, run=short_name(run.name))
        self.client = QueryClient(run, self.draw)
        self.client.start()
        if self.question.user is None:
            self._await(self.client)
        else:
            self._load(self.question, self.trail)

    def ask(self, question: Question, trail: list[str] | None = None) -> None:
        """Ask `question`; a new user becomes the walk's own once the explorer knows it."""
        if question.user == self.question.user:
            self.question = question
        if question.user is not None:
            self._load(question, trail or self.trail)
        self.draw()

    def back(self) -> None:
        """To the user before."""
        if len(self.trail) > 1:
            self.ask(replace(self.question, user=self.trail[-2]), self.trail[:-1])

    def step_to(self, user: str | None) -> None:
        """One step on, to a neighbor or to a buyer of an item; None stays."""
        if user is not None:
            self.ask(replace(self.question, user=user), [*self.trail, user])

    @work(group="answers", exclusive=True, exit_on_error=False)
    async def _await(self, client: QueryClient) -> None:
        with contextlib.suppress(QueryError):
            await client.ask("info")
        self.post_message(self.Awaited())

    @work(group="answers", exclusive=True, exit_on_error=False)
    async def _load(self, question: Question, trail: list[str]) -> None:
        if self.client is None:
            return
        walked = question.user != self.question.user
        steered = (question.text, question.weight) != (self._answered.text, self._answered.weight)
        before, top = self._list_walked_from(trail) if walked else None, walked or steered
        # What is shown of a user stays until all of the new answers are there.
        whole = self.answers is not None and question.user == self.question.user
        self._pending = True
        self.draw()
        try:
            async for answers in answers_to(self.client, question, before):
                if not whole or answers.recommended is not None:
                    self.question, self.trail = question, trail
                    self._take(answers, top)
                    top = top and answers.recommended is None
            self.post_message(self.Whole())
        except QueryError as error:
            self._pending = False
            if self.answers is None and self.alive:
                self.question = replace(self.question, user=None)
            self.post_message(self.Refused(str(error)))
            self.draw()

    def _list_walked_from(self, trail: list[str]) -> Ranks | None:
        """The list of the user before on the walk, who is the one that is shown."""
        user, known = self.question.user, self.answers
        if user is None or len(trail) < 2 or trail[-2] != user or known is None or known.recommended is None:
            return None
        return Ranks(user, ranks(known.recommended))

    def _take(self, answers: Answers, top: bool) -> None:
        self.answers, self._pending = answers, answers.recommended is None
        if not self._pending:
            self._answered = self.question
        self.post_message(self.Answered(top))
        self.draw()

    @work(group="client", exit_on_error=False)
    async def _close(self, client: QueryClient) -> None:
        await client.close()

    async def on_unmount(self) -> None:
        """End the explorer with the screen."""
        if self.client is not None:
            await self.client.close()

    def draw(self) -> None:
        """Say how far things are."""
        self._turned()
        if not self.is_mounted:
            return
        client = self.client
        self.set_class(client is not None and client.state == "dead", "-dead")
        if client is None:
            self.update(Content.styled(NO_RUN, "$muted"))
            return
        name = short_name(client.run.name)
        if client.state == "dead":
            ended = ("✗ the explorer has ended: ", "bold $error")
            sign = ("! ", "bold $warning") if client.no_model else ended
            self.update(Content.assemble(sign, f"{client.problem}  ", hints(client.remedy)))
        elif client.state == "ready":
            self.update(self._facts(name, client))
        else:
            self.update(
                Content.assemble(("▸ loading ", "bold $primary"), f"the model of {name}, some seconds…")
            )

    def _facts(self, name: str, client: QueryClient) -> TextualContent:
        facts, answered = client.facts, self._answered
        asked = self.question if self._pending else answered
        told = [name, count(facts.get("users"), "user"), count(facts.get("items"), "item")]
        told.append(SEARCHES.get(str(facts.get("search")), "no neighbor search"))
        if self._pending:
            told.insert(0, "asking…")
        elif self.answers is not None:
            told.insert(0, f"answered in {spent(self.answers.milliseconds)}")
        if asked.text and asked != answered:
            told.insert(0, f"steering by “{asked.text}”…")
        elif answered.text:
            told.insert(0, f"steered {answered.weight:.1f} by “{answered.text}”")
        walk = "  ›  ".join(self.trail) if len(self.trail) > 1 else ""
        said = Content.assemble((walk + "   " if walk else "", "bold"), (" · ".join(told), "$muted"))
        return in_parts(said)
