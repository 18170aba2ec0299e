"""From settings to a describing job: what `sracl describe` does, without the printing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.data.dataset import Dataset
from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.errors import ConfigError, DataError, Interrupted
from sracl_core.interrupts import ECHO_SECONDS, heard
from sracl_core.progress import Progress
from sracl_core.semantics.llm.answers_db import Job, LlmCache
from sracl_core.semantics.llm.budget import Budget
from sracl_core.semantics.llm.client import ChatClient
from sracl_core.semantics.llm.endpoint import Endpoint, api_key, check_endpoint
from sracl_core.semantics.llm.job import Outcome, Spend, run_job
from sracl_core.semantics.llm.open_questions import plan_job
from sracl_core.semantics.llm.prompt_inputs import (
    ItemSubjects,
    PrefixSubjects,
    Subjects,
    UserSubjects,
    train_fingerprint,
)
from sracl_core.semantics.llm.prompts import Prompt, What, guess_domain, load_prompt
from sracl_core.semantics.llm.rate_limit import RateLimit
from sracl_core.semantics.llm.tokens import Prices, token_counter
from sracl_core.settings.models import RunConfig
from sracl_core.settings.stages import DescribeConfig

ANSWER_TOKENS = {"items": 190, "users": 135}
"""An answer of the length that the prompts ask for: 120 and 100 words, and JSON's marks."""


@dataclass(frozen=True)
class DescribeTask:
    """A job and everything it takes to do it."""

    settings: DescribeConfig
    job: Job
    subjects: Subjects
    limit: int | None
    budget: float | None
    prices: Prices
    other_scope: int | None
    address_given: bool = True
    """Whether the user named the endpoint themself; see `endpoint.api_key`."""

    @property
    def key(self) -> str:
        """What the endpoint is asked with."""
        return api_key(self.settings.base_url, self.address_given)


def make_task(
    config: RunConfig,
    what: What,
    dataset: Dataset,
    train: Sequences,
    prompt_file: Path | None = None,
    limit: int | None = None,
    budget: float | None = None,
) -> DescribeTask:
    """The job that the settings describe, on the train part of a dataset.

    Raises ConfigError where the prompt or the budget cannot be used, DataError where nothing is there.
    """
    settings = config.describe
    prices = Prices(settings.price_input, settings.price_output)
    _check_budget(budget, prices)
    domain = guess_domain(dataset.name) if settings.domain == "auto" else settings.domain
    prompt = load_prompt(what, domain, prompt_file)
    subjects, other = _subjects(config, what, dataset, train, prompt)
    if not len(subjects):
        raise DataError(f"{dataset.folder} has no {what} with a training prefix; nothing to describe")
    job = Job(
        dataset=dataset.identity,
        train=train_fingerprint(train),
        what=what,
        scope=settings.scope if what == "users" else "item",
        model=settings.model,
        prompt_version=prompt.version,
        parameters=json.dumps([settings.temperature, settings.max_output_tokens, settings.structured]),
        name=dataset.name,
        subjects=len(subjects),
    )
    return DescribeTask(settings, job, subjects, limit, budget, prices, other)


def _check_budget(budget: float | None, prices: Prices) -> None:
    if budget is None:
        return
    if not budget > 0:
        raise ConfigError(
            f"--budget {budget:g} allows no call; give more than 0, or leave it away for no limit"
        )
    if not prices.known:
        raise ConfigError(
            "--budget needs prices: --set describe.price_input=... and --set describe.price_output=..., "
            "each for a million tokens"
        )


def _subjects(
    config: RunConfig, what: What, dataset: Dataset, train: Sequences, prompt: Prompt
) -> tuple[Subjects, int | None]:
    """What to describe, and for users how many calls the other scope would take."""
    settings = config.describe
    if what == "items":
        return ItemSubjects(dataset, train, prompt, settings.contexts, settings.seed), None
    users = UserSubjects(dataset, train, prompt, config.model.max_length)
    prefixes = PrefixSubjects(dataset, training_prefixes(train, config.model.max_length), prompt)
    return (users, len(prefixes)) if settings.scope == "user" else (prefixes, len(users))


def check_task(task: DescribeTask) -> None:
    """Raise ConfigError unless there is an endpoint and a model to ask."""
    check_endpoint(task.settings.base_url)
    if not task.settings.model:
        offered = asyncio.run(_offered(task))
        listed = f"; the server offers {', '.join(offered[:12])}" if offered else ""
        raise ConfigError(f"no model is given: use --model NAME{listed}")


async def _offered(task: DescribeTask) -> list[str]:
    async with ChatClient(_endpoint(task.settings), key=task.key) as client:
        return await client.models() or []


def estimate_task(task: DescribeTask, progress: Progress | None = None) -> dict[str, Any]:
    """What the task would take, and three of its prompts; touches nothing."""
    counter = token_counter(task.settings.model or "the model", task.settings.tokenizer)
    cache = LlmCache(read_only=True)
    try:
        plan = plan_job(task.job, task.subjects, cache, task.limit, counter, record=False, progress=progress)
    finally:
        cache.close()
    output = len(plan.rows) * min(ANSWER_TOKENS[task.job.what], task.settings.max_output_tokens)
    last = min(len(task.subjects), task.limit or len(task.subjects)) - 1
    facts: dict[str, Any] = {
        "dataset": task.job.name,
        "what": task.job.what,
        "scope": task.job.scope,
        "model": task.job.model or "not given",
        "prompt_version": task.job.prompt_version,
        "texts": plan.wanted,
        "already_answered": plan.done,
        "failed_before": len(plan.failed),
        "calls": len(plan.rows),
        "input_tokens": plan.input_tokens,
        "output_tokens": output,
        "tokens_counted_by": counter.how,
        "output_tokens_are": f"assumed, {ANSWER_TOKENS[task.job.what]} an answer; at most "
        f"{task.settings.max_output_tokens}",
        "money": task.prices.cost(plan.input_tokens, output),
    }
    if not task.prices.known:
        facts["money_needs"] = "describe.price_input and describe.price_output, for a million tokens"
    if task.other_scope is not None:
        name = "prefix" if task.job.scope == "user" else "user"
        facts[f"calls_with_scope_{name}"] = f"{task.other_scope:,} at most"
    facts["examples"] = [task.subjects.prompt(row) for row in sorted({0, last // 2, last})]
    return facts


def run_task(task: DescribeTask, cache: LlmCache, report: Callable[[Spend], None]) -> Outcome:
    """Ask for everything that is open. SIGINT, SIGTERM and SIGHUP stop it after the calls in flight, a
    second one at once (raises Interrupted). Raises as `run_job` does."""
    came: list[int] = []
    try:
        outcome = asyncio.run(_run(task, cache, report, came))
    except asyncio.CancelledError:
        raise Interrupted(
            "stopped at once; the calls in flight are lost, all other answers are kept", came[-1]
        ) from None
    outcome.signal = came[0] if came else 0
    return outcome


async def _run(
    task: DescribeTask, cache: LlmCache, report: Callable[[Spend], None], came: list[int]
) -> Outcome:
    settings, stop = task.settings, asyncio.Event()
    plan = plan_job(task.job, task.subjects, cache, task.limit, None, record=True)
    spent = next((job["money"] or 0.0 for job in cache.jobs(id=task.job.id)), 0.0)
    limit = RateLimit(settings.requests_per_minute, settings.tokens_per_minute, stop)
    _on_signals(stop, came)
    async with ChatClient(_endpoint(settings), limit, task.key) as client:
        outcome = await run_job(
            task.job,
            plan,
            task.subjects,
            cache,
            client,
            concurrency=settings.concurrency,
            prices=task.prices,
            budget=Budget(task.budget, spent),
            report=report,
            stop=stop,
        )
    outcome.wanted, outcome.done_before = plan.wanted, plan.done
    return outcome


def _on_signals(stop: asyncio.Event, came: list[int]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    last = 0.0

    def caught(number: int) -> None:
        nonlocal last
        if came and loop.time() - last < ECHO_SECONDS:
            return
        last = loop.time()
        came.append(number)
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in heard():
        # Not on this platform: Ctrl-C then interrupts as ever.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, caught, number)


def _endpoint(settings: DescribeConfig) -> Endpoint:
    return Endpoint(
        settings.base_url,
        settings.model,
        settings.temperature,
        settings.max_output_tokens,
        settings.structured,
        settings.timeout_seconds,
        settings.retries,
    )
