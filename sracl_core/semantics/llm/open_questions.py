"""Which questions of a describing job are open.

Memory grows with the number of subjects (some 100 bytes each), not with their texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sracl_core.progress import Progress
from sracl_core.semantics.llm.answers_db import Job, LlmCache
from sracl_core.semantics.llm.prompt_inputs import Subjects
from sracl_core.semantics.llm.tokens import TokenCounter

CHUNK = 256
T = TypeVar("T")


@dataclass
class Plan:
    """The open questions of a job.

    wanted: distinct questions. done: of these, answered before. failed: failed before (open again), with
    the time that is kept of each.
    rows, keys: a subject and the hash of each open question. input_tokens: of the open ones.
    """

    wanted: int = 0
    done: int = 0
    failed: dict[bytes, float] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    input_tokens: int = 0


def question_key(job: Job, prompt: str) -> bytes:
    """The hash of model, parameters and prompt: what decides an answer, and nothing else."""
    content = json.dumps([job.model, job.parameters, prompt])
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def plan_job(
    job: Job,
    subjects: Subjects,
    cache: LlmCache,
    limit: int | None,
    counter: TokenCounter | None,
    *,
    record: bool,
    progress: Progress | None = None,
) -> Plan:
    """Find the open questions of the first `limit` subjects.

    record: note the job and its subjects in the cache, by which training finds the texts.
    counter: counts the tokens of open questions; None leaves them at 0, which is faster.
    """
    count = len(subjects) if limit is None else min(limit, len(subjects))
    plan, seen = Plan(), set[bytes]()
    if record:
        cache.begin(job)
    for rows in chunks(range(count), CHUNK):
        prompts = [subjects.prompt(row) for row in rows]
        keys = [question_key(job, prompt) for prompt in prompts]
        if record:
            cache.want(job.id, ((subjects.subject(row), key) for row, key in zip(rows, keys, strict=True)))
        answered, failed = cache.answered(keys)
        plan.failed |= failed
        for row, key, prompt in zip(rows, keys, prompts, strict=True):
            if key in seen:
                continue
            seen.add(key)
            plan.wanted += 1
            if key not in answered:
                plan.rows.append(row)
                plan.keys.append(key)
                plan.input_tokens += counter.count(prompt) if counter else 0
            else:
                plan.done += 1
        if progress is not None:
            progress("prompts", rows[-1] + 1, count)
    return plan


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`values` in pieces of `size`, the last one shorter."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
