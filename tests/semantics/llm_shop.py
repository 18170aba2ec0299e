"""A small dataset with as many users and items as a test of `sracl describe` asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sracl_core.data.dataset import Dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.semantics.llm.answers_db import Answer, LlmCache
from sracl_core.semantics.llm.open_questions import plan_job
from sracl_core.semantics.llm.session import DescribeTask, make_task
from sracl_core.settings.models import RunConfig


def make_shop(folder: Path, users: int, items: int = 40, length: int = 6) -> Path:
    """Every user buys `length` items, no two the same ones in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    rows = ["user_id,item_id,timestamp"]
    for user in range(users):
        bought = rng.choice(items, length, replace=False)
        rows += [f"u{user:04d},i{item:03d},{at}" for at, item in enumerate(bought)]
    (folder / "interactions.csv").write_text("\n".join(rows))
    named = [f"i{item:03d},Thing number {item},Brand {item % 5}" for item in range(items)]
    (folder / "items.csv").write_text("\n".join(["item_id,title,brand", *named]))
    out = folder / "prepared"
    prepare([folder / "interactions.csv", folder / "items.csv"], out, PrepareOptions(name="shop", k_core=1))
    return out


def describe(
    dataset: Dataset, cache: LlmCache, what: str, limit: int | None, **settings: str
) -> DescribeTask:
    """What `sracl describe` leaves behind: rows 0, 1, 2 ... written, failed, plain, in turn."""
    config = RunConfig.model_validate({"describe": {"model": "m", **settings}})
    task = make_task(config, what, dataset, leave_one_out(dataset.sequences).train, limit=limit)  # type: ignore[arg-type]
    plan = plan_job(task.job, task.subjects, cache, limit, None, record=True)
    for row, key in zip(plan.rows, plan.keys, strict=True):
        form = ("json", "failed", "plain")[row % 3]
        cache.store(key, task.job.model, Answer(form, "" if form == "failed" else f"Text of row {row}."))
    return task
