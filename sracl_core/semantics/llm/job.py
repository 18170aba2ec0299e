"""Running a describing job: many questions at a time, each answer stored when it arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sracl_core.errors import ServiceError, SraclError
from sracl_core.semantics.llm.answers_db import Answer, Job, LlmCache
from sracl_core.semantics.llm.budget import Budget, BudgetReached
from sracl_core.semantics.llm.client import ChatClient
from sracl_core.semantics.llm.open_questions import CHUNK, Plan, chunks
from sracl_core.semantics.llm.prompt_inputs import Subjects
from sracl_core.semantics.llm.rate_limit import Stopped
from sracl_core.semantics.llm.talk import Talk
from sracl_core.semantics.llm.tokens import Prices

GIVE_UP_AFTER = 20
"""Questions in a row without any text before asking on is taken for useless."""
OTHERS_SECONDS = 0.5
"""How often questions that another process is asking are looked at again."""


@dataclass(frozen=True)
class Spend:
    """How a running job stands: open questions done of all, and what was used since it began."""

    done: int
    total: int
    failed: int
    input_tokens: int
    output_tokens: int
    money: float | None


@dataclass
class Outcome:
    """What a run of a job did.

    wanted, done_before: distinct questions of the job, and those answered before it began.
    calls, retried: requests that went out, and how many of them repeated one that got no answer.
    stopped: "" when it went through, else "budget" or "asked".
    signal: the number of the signal that asked, 0 without one.
    """

    wanted: int = 0
    done_before: int = 0
    forms: dict[str, int] = field(default_factory=dict)
    answered_elsewhere: int = 0
    calls: int = 0
    retried: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float | None = None
    seconds: float = 0.0
    stopped: str = ""
    signal: int = 0
    last_error: str = ""

    @property
    def failed(self) -> int:
        """Questions without an answer."""
        return self.forms.get("failed", 0)

    @property
    def written(self) -> int:
        """Texts that came."""
        return sum(self.forms.values()) - self.failed

    def summary(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "texts": self.wanted,
            "answered_before": self.done_before,
            "answered_elsewhere": self.answered_elsewhere,
            "written": self.written,
            "repaired": self.forms.get("repaired", 0),
            "plain": self.forms.get("plain", 0),
            "failed": self.failed,
            "requests": self.calls,
            "retried": self.retried,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "money": self.money,
            "seconds": round(self.seconds, 2),
        }


async def run_job(
    job: Job,
    plan: Plan,
    subjects: Subjects,
    cache: LlmCache,
    client: ChatClient,
    *,
    concurrency: int,
    prices: Prices,
    budget: Budget,
    report: Callable[[Spend], None],
    stop: asyncio.Event,
) -> Outcome:
    """Ask all open questions of `plan`; each answer is stored when it arrives.

    `stop` ends it after the calls in flight. Raises ConfigError or ServiceError where asking on is
    useless, StorageError where answers cannot be kept; what was stored stays.
    """
    runner = _Runner(job, plan, subjects, cache, client, prices, budget, report, stop)
    began, sent, retried = time.monotonic(), client.sent, client.retried
    try:
        await runner.go(list(zip(plan.rows, plan.keys, strict=True)), concurrency)
    except BaseExceptionGroup as group:
        raise next((each for each in group.exceptions if isinstance(each, SraclError)), group) from None
    finally:
        cache.release()
    outcome = runner.outcome
    outcome.seconds = time.monotonic() - began
    outcome.calls, outcome.retried = client.sent - sent, client.retried - retried
    return outcome


Question = tuple[int, bytes]


class _Runner:
    """The feeder, the workers and what they count."""

    def __init__(
        self,
        job: Job,
        plan: Plan,
        subjects: Subjects,
        cache: LlmCache,
        client: ChatClient,
        prices: Prices,
        budget: Budget,
        report: Callable[[Spend], None],
        stop: asyncio.Event,
    ) -> None:
        self.job, self.plan, self.subjects, self.cache, self.client = job, plan, subjects, cache, client
        self.prices, self.budget, self.report, self.stop = prices, budget, report, stop
        self.total, self.outcome = len(plan.keys), Outcome(money=0.0 if prices.known else None)
        self.in_vain = 0

    async def go(self, questions: Sequence[Question], concurrency: int) -> None:
        queue: asyncio.Queue[Question] = asyncio.Queue(maxsize=concurrency)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work(queue)) for _ in range(min(concurrency, self.total))]
            await self._feed(queue, questions, concurrency)
            await self._drained(queue)
            for worker in workers:
                worker.cancel()

    async def _feed(self, queue: asyncio.Queue[Question], questions: Sequence[Question], many: int) -> None:
        while questions and not self.stop.is_set():
            waiting: list[Question] = []
            for chunk in chunks(questions, max(1, min(CHUNK, many))):
                if self.stop.is_set():
                    return
                mine, others = self.cache.claim([key for _, key in chunk], self.plan.failed)
                reserved, elsewhere = set(mine), set(others)
                for question in chunk:
                    if question[1] in reserved:
                        await queue.put(question)
                    elif question[1] in elsewhere:
                        waiting.append(question)
                    else:
                        self.outcome.answered_elsewhere += 1
                        self._tell()
            questions = waiting
            if waiting:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), OTHERS_SECONDS)

    async def _drained(self, queue: asyncio.Queue[Question]) -> None:
        await queue.join()
        # Looked at last: who asks while the last questions wait in the queue leaves them open, too.
        if self.stop.is_set():
            self.outcome.stopped = self.outcome.stopped or "asked"

    async def _work(self, queue: asyncio.Queue[Question]) -> None:
        while True:
            row, key = await queue.get()
            try:
                if not self.stop.is_set():
                    await self._answer(row, key)
            except BudgetReached:
                self.outcome.stopped = "budget"
                self.stop.set()
            except Stopped:
                pass  # the question stays open
            finally:
                queue.task_done()

    async def _answer(self, row: int, key: bytes) -> None:
        began = time.monotonic()
        prompt, as_json = self.subjects.prompt(row), self.job.what == "items"
        talk = Talk(self.client, self.prices, self.budget, prompt, as_json)
        form, text, raw, error = await talk.hold()
        money = self.prices.cost(talk.input_tokens, talk.output_tokens)
        answer = Answer(
            form,
            self.client.scrub(text),
            self.client.scrub(raw),
            error,
            talk.calls,
            talk.input_tokens,
            talk.output_tokens,
            money,
            time.monotonic() - began,
        )
        self.cache.store(key, self.job.model, answer)
        self._count(answer)

    def _count(self, answer: Answer) -> None:
        out = self.outcome
        out.forms[answer.form] = out.forms.get(answer.form, 0) + 1
        out.input_tokens += answer.input_tokens
        out.output_tokens += answer.output_tokens
        if answer.money is not None and out.money is not None:
            out.money += answer.money
        self._tell()
        self.in_vain = self.in_vain + 1 if answer.form == "failed" else 0
        if answer.error:
            out.last_error = answer.error
        if self.in_vain >= GIVE_UP_AFTER:
            raise ServiceError(
                f"{self.in_vain} questions in a row got no text ({answer.error}); everything that came "
                "before is kept, start again when the server works"
            )

    def _tell(self) -> None:
        out = self.outcome
        done = sum(out.forms.values()) + out.answered_elsewhere
        self.report(Spend(done, self.total, out.failed, out.input_tokens, out.output_tokens, out.money))
