"""The text that stands for a user: a language model's where training read such texts, else titles."""

from __future__ import annotations

from pathlib import Path

import pytest

from sracl_core.data.sources import Sources, load_sources
from sracl_core.explorer.profiles import Profiles
from sracl_core.semantics.llm.answers_db import Answer, LlmCache
from sracl_core.semantics.llm.open_questions import plan_job
from sracl_core.semantics.llm.session import make_task
from sracl_core.settings.models import RunConfig
from tests.semantics.llm_shop import make_shop


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    folder = make_shop(tmp_path / "shop", users=12, items=15)
    return load_sources(RunConfig.model_validate({"dataset": {"path": str(folder)}}))


def config(users: str, scope: str = "user") -> RunConfig:
    return RunConfig.model_validate(
        {"semantics": {"users": users}, "describe": {"model": "m", "scope": scope}}
    )


def titles_of(sources: Sources, user: int) -> str:
    titles = sources.dataset.titles()
    return "; ".join(titles[item] for item in sources.split.train.of(user).tolist()[::-1][:20])


def write_all_but_the_first(sources: Sources, scope: str) -> None:
    """What `sracl describe` leaves behind; the first text failed."""
    task = make_task(config("llm", scope), "users", sources.dataset, sources.split.train)
    cache = LlmCache()
    plan = plan_job(task.job, task.subjects, cache, None, None, record=True)
    for row, key in zip(plan.rows, plan.keys, strict=True):
        form, text = ("json", f"Text of {task.subjects.subject(row)}.") if row else ("failed", "")
        cache.store(key, task.job.model, Answer(form, text))
    cache.close()


def test_titles_of_the_training_part_the_latest_first(sources: Sources) -> None:
    profiles = Profiles(config("pooled"), sources)
    for user in range(sources.dataset.n_users):
        assert profiles.of(user) == (titles_of(sources, user), "titles")


def test_written_texts_where_there_are_some(sources: Sources) -> None:
    write_all_but_the_first(sources, "user")
    profiles = Profiles(config("llm"), sources)
    ids = sources.dataset.users.ids
    told = [profiles.of(user) for user in range(len(ids))]
    written = [user for user, (_, kind) in enumerate(told) if kind == "llm"]
    assert len(written) == len(ids) - 1
    for user in range(len(ids)):
        expected = (
            (f"Text of {ids[user]}.", "llm") if user in written else (titles_of(sources, user), "titles")
        )
        assert told[user] == expected


def test_each_prefix_has_its_own_text_and_the_latest_counts(sources: Sources) -> None:
    write_all_but_the_first(sources, "prefix")
    texts = [Profiles(config("llm", "prefix"), sources).of(user) for user in range(sources.dataset.n_users)]
    assert {kind for _, kind in texts} == {"llm"}
    assert len({text for text, _ in texts}) == len(texts)


def test_texts_that_are_gone_leave_the_titles(sources: Sources) -> None:
    assert Profiles(config("llm"), sources).of(0) == (titles_of(sources, 0), "titles")
