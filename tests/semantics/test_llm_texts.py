from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.errors import DataError
from sracl_core.semantics.llm.answers_db import Answer, Job, LlmCache
from sracl_core.semantics.llm.open_questions import plan_job
from sracl_core.semantics.llm.session import DescribeTask, make_task
from sracl_core.semantics.llm.texts import Taken, latest_model, llm_item_texts, llm_prefix_texts
from sracl_core.semantics.template import prefix_titles, template_texts
from sracl_core.settings.models import RunConfig
from tests.semantics.llm_shop import describe, make_shop


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(make_shop(tmp_path_factory.mktemp("shop"), users=30, items=20))


@pytest.fixture
def cache(tmp_path: Path) -> LlmCache:
    return LlmCache(tmp_path / "llm.sqlite")


def test_items_without_a_text_fall_back_and_are_counted(dataset: Dataset, cache: LlmCache) -> None:
    train = leave_one_out(dataset.sequences).train
    task = describe(dataset, cache, "items", limit=7)
    found = llm_item_texts(dataset, train, cache_path=cache.path)
    expected = template_texts(dataset).texts
    for row in (0, 2, 3, 5, 6):
        expected[dataset.items.index(task.subjects.subject(row)) - 1] = f"Text of row {row}."
    assert found.texts == expected
    assert (found.written, found.plain, found.failed, found.missing) == (5, 2, 2, 13)
    assert found.fallback_count == 15
    assert found.notes()["prompt_version"] == task.job.prompt_version


def test_prefixes_share_their_users_text_or_have_their_own(dataset: Dataset, cache: LlmCache) -> None:
    train = leave_one_out(dataset.sequences).train
    prefixes = training_prefixes(train, 20)
    users = describe(dataset, cache, "users", limit=None)
    rows = {users.subjects.subject(row): row for row in range(len(users.subjects))}
    shared = llm_prefix_texts(dataset, train, prefixes, cache_path=cache.path)
    own = describe(dataset, cache, "users", limit=None, scope="prefix")
    each = llm_prefix_texts(dataset, train, prefixes, "prefix", cache_path=cache.path)
    titles = prefix_titles(prefixes, dataset.titles())
    first_row: dict[str, int] = {}
    for place in range(len(prefixes)):
        first_row.setdefault(own.subjects.subject(place), place)
        user = rows[dataset.users.id_of(int(prefixes.users[place]))]
        mine = first_row[own.subjects.subject(place)]
        for found, row in ((shared, user), (each, mine)):
            wanted = titles[place] if row % 3 == 1 else f"Text of row {row}."
            assert found.texts[place] == wanted
    assert shared.failed == sum(rows[dataset.users.id_of(int(user))] % 3 == 1 for user in prefixes.users)


def test_the_latest_job_counts_unless_a_model_is_named(dataset: Dataset, cache: LlmCache) -> None:
    train = leave_one_out(dataset.sequences).train
    describe(dataset, cache, "items", limit=None)
    describe(dataset, cache, "items", limit=None, model="newer")
    assert llm_item_texts(dataset, train, cache_path=cache.path).model == "newer"
    assert llm_item_texts(dataset, train, "m", cache_path=cache.path).model == "m"
    with pytest.raises(DataError, match="by 'other'"):
        llm_item_texts(dataset, train, "other", cache_path=cache.path)


def test_a_job_that_was_only_begun_hides_no_texts(dataset: Dataset, cache: LlmCache) -> None:
    train = leave_one_out(dataset.sequences).train
    describe(dataset, cache, "items", limit=None)
    begun = RunConfig.model_validate({"describe": {"model": "newer"}})
    task = make_task(begun, "items", dataset, train)
    plan_job(task.job, task.subjects, cache, None, None, record=True)
    assert llm_item_texts(dataset, train, cache_path=cache.path).model == "m"


def test_texts_that_saw_another_train_part_are_not_used(dataset: Dataset, cache: LlmCache) -> None:
    describe(dataset, cache, "items", limit=None)
    longer = dataset.sequences
    with pytest.raises(DataError, match="another split"):
        llm_item_texts(dataset, longer, cache_path=cache.path)


def test_without_any_text_the_command_to_run_is_named(dataset: Dataset, tmp_path: Path) -> None:
    train = leave_one_out(dataset.sequences).train
    missing = tmp_path / "nothing" / "llm.sqlite"
    with pytest.raises(DataError, match=r"sracl describe .* --what items"):
        llm_item_texts(dataset, train, cache_path=missing)
    prefixes = training_prefixes(train, 20)
    with pytest.raises(DataError, match="--what users --scope prefix"):
        llm_prefix_texts(dataset, train, prefixes, "prefix", cache_path=missing)
    assert not missing.parent.exists()


def test_a_job_is_the_same_for_the_same_purpose_alone() -> None:
    job = Job("d", "t", "items", "item", "m", "v", "[]", "shop", 5)
    assert job.id == replace(job, name="other", subjects=6).id
    for field in ("dataset", "train", "what", "scope", "model", "prompt_version", "parameters"):
        assert job.id != replace(job, **{field: "x"}).id


def test_every_setting_of_the_question_changes_its_key(dataset: Dataset, cache: LlmCache) -> None:
    train = leave_one_out(dataset.sequences).train
    keys = set()
    changes = [{}, {"model": "n"}, {"temperature": 1.0}, {"max_output_tokens": 7}, {"structured": False}]
    changes += [{"domain": "beauty"}, {"seed": 1, "contexts": 1}, {"contexts": 0}]
    for change in changes:
        config = RunConfig.model_validate({"describe": {"model": "m", **change}})
        task = make_task(config, "items", dataset, train)
        keys.add(plan_job(task.job, task.subjects, cache, 1, None, record=False).keys[0])
    assert len(keys) == len(changes)


def test_only_changed_texts_are_encoded(dataset: Dataset, cache: LlmCache, tmp_path: Path) -> None:
    from sracl_core.semantics.store import VectorStore

    class Counting:
        name = fingerprint = "counting"
        dimension = 4

        def __init__(self) -> None:
            self.encoded: list[str] = []

        def encode(self, texts: list[str], batch_size: int, progress: object = None) -> np.ndarray:
            self.encoded += texts
            return np.full((len(texts), 4), 0.5, dtype=np.float32)

    train = leave_one_out(dataset.sequences).train
    encoder, store = Counting(), VectorStore(tmp_path / "vectors")
    describe(dataset, cache, "items", limit=3)
    store.vectors(encoder, llm_item_texts(dataset, train, cache_path=cache.path).texts, 8, None)  # type: ignore[arg-type]
    assert len(encoder.encoded) == 20
    encoder.encoded.clear()
    describe(dataset, cache, "items", limit=4)
    store.vectors(encoder, llm_item_texts(dataset, train, cache_path=cache.path).texts, 8, None)  # type: ignore[arg-type]
    assert encoder.encoded == ["Text of row 3."]


def test_what_was_taken_is_taken_again_whatever_is_written_afterwards(
    dataset: Dataset, cache: LlmCache
) -> None:
    train = leave_one_out(dataset.sequences).train
    describe(dataset, cache, "items", limit=7)
    first = llm_item_texts(dataset, train, cache_path=cache.path)
    task = describe(dataset, cache, "items", limit=None)
    failed = list(cache.answered(list(plan_keys(task, cache)))[1])
    cache.store(failed[0], "m", Answer("json", "Written at the second try."))
    describe(dataset, cache, "items", limit=None, model="other")
    assert llm_item_texts(dataset, train, cache_path=cache.path).written > first.written
    again = llm_item_texts(dataset, train, cache_path=cache.path, taken=first.taken)
    assert (again.texts, again.taken) == (first.texts, first.taken)
    with pytest.raises(DataError, match="no longer in the cache"):
        llm_item_texts(dataset, train, cache_path=cache.path, taken=Taken("gone", 0.0))


def plan_keys(task: DescribeTask, cache: LlmCache) -> list[bytes]:
    return list(plan_job(task.job, task.subjects, cache, None, None, record=False).keys)


def test_the_latest_model_is_one_that_wrote_all(dataset: Dataset, cache: LlmCache) -> None:
    train = leave_one_out(dataset.sequences).train
    both = [("items", "item"), ("users", "user")]
    describe(dataset, cache, "items", limit=None, model="a")
    assert latest_model(dataset, train, both[:1], cache.path) == "a"
    with pytest.raises(DataError, match=r"needs texts of users for .*there are none"):
        latest_model(dataset, train, both, cache.path)
    describe(dataset, cache, "users", limit=None, model="b")
    with pytest.raises(DataError, match=r"needs texts of items by 'b' .*only other models' are there"):
        latest_model(dataset, train, both, cache.path)
    describe(dataset, cache, "users", limit=None, model="a")
    describe(dataset, cache, "items", limit=None, model="c")
    assert latest_model(dataset, train, both, cache.path) == "a"
    assert latest_model(dataset, train, both[:1], cache.path) == "c"
