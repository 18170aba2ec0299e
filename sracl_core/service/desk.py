"""Where the questions to a service wait, and how many are answered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sracl_core.service.answering import Answers, Asked
from sracl_core.service.reloading import Source

LISTS_AT_ONCE = 16
Answer = TypeVar("Answer")


class Busy(Exception):
    """More questions wait than may."""


@dataclass
class Desk:
    """Where questions wait for their turn; beyond `most` of them they are refused."""

    source: Source
    most: int

    def __post_init__(self) -> None:
        self.answers = Answers(self.source.open())
        self.waiting = 0
        self._lists: list[tuple[Asked, asyncio.Future[dict[str, Any]]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._aside = ThreadPoolExecutor(1, "texts")

    async def ask(self, question: Callable[[Answers], Answer], aside: bool = False) -> Answer:
        """What `question` says of the present model. Raises Busy.

        aside: a text is read for it. That is done beside the loop, where nobody else waits for it; what
        takes a millisecond loses more to two threads.
        """
        with self._place():
            # Let whoever else has arrived be counted before this one is answered.
            await asyncio.sleep(0)
            if aside:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._aside, question, self.answers)
            return question(self.answers)

    async def recommend(self, asked: Asked) -> dict[str, Any]:
        """A list. All that are waited for at one time are scored together: the items are read once for them.

        Raises Busy, and SraclError for a question that cannot be answered.
        """
        if asked.has_text:
            return await self.ask(lambda answers: answers.recommend(asked), aside=True)
        with self._place():
            mine: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self._lists.append((asked, mine))
            if self._writer is None:
                self._writer = asyncio.create_task(self._write_lists())
            return await mine

    async def _write_lists(self) -> None:
        while self._lists:
            some, self._lists = self._lists[:LISTS_AT_ONCE], self._lists[LISTS_AT_ONCE:]
            found: Sequence[dict[str, Any] | Exception]
            try:
                found = self.answers.lists([asked for asked, _ in some])
            except Exception as error:
                found = [error] * len(some)
            for (_, waits), one in zip(some, found, strict=True):
                if waits.done():  # whoever asked has gone
                    continue
                if isinstance(one, Exception):
                    waits.set_exception(one)
                else:
                    waits.set_result(one)
            await asyncio.sleep(0)
        self._writer = None

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.waiting >= self.most:
            raise Busy
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def reload(self) -> bool:
        """Take up a newer model, if there is one; questions go on being answered by the old one meanwhile."""
        if not self.source.changed():
            return False
        self.answers = Answers(self.source.open())
        return True
