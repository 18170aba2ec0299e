from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.dataset import Dataset, load_dataset
from sracl_core.data.prefixes import training_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.errors import ConfigError
from sracl_core.semantics.llm.prompt_inputs import (
    CONTEXT_ITEMS,
    ItemSubjects,
    PrefixSubjects,
    Subjects,
    UserSubjects,
    facts,
    train_fingerprint,
)
from sracl_core.semantics.llm.prompts import DOMAINS, load_prompt
from tests.semantics.llm_shop import make_shop

ITEMS = 40


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(make_shop(tmp_path_factory.mktemp("shop"), users=60, items=ITEMS))


def with_histories(dataset: Dataset, histories: list[list[int]]) -> Dataset:
    values = np.array([item for history in histories for item in history], dtype=np.int32)
    offsets = np.concatenate(([0], np.cumsum([len(history) for history in histories]))).astype(np.int64)
    fields = {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}
    users = type(dataset.users)([f"u{user}" for user in range(len(histories))])
    fields |= {
        "users": users,
        "sequences": Sequences(values, offsets),
        "timestamps": np.zeros(len(values), dtype=np.int64),
    }
    return Dataset(**fields)


def all_prompts(dataset: Dataset) -> list[str]:
    train = leave_one_out(dataset.sequences).train
    items, users = load_prompt("items"), load_prompt("users")
    jobs: list[Subjects] = [
        ItemSubjects(dataset, train, items, contexts=3, seed=1),
        UserSubjects(dataset, train, users, max_length=20),
        PrefixSubjects(dataset, training_prefixes(train, 20), users),
    ]
    return [job.prompt(row) for job in jobs for row in range(len(job))]


histories = st.lists(
    st.lists(st.integers(1, ITEMS), min_size=3, max_size=9, unique=True), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None)
@given(histories=histories, other=st.data())
def test_what_is_held_out_changes_no_prompt(
    dataset: Dataset, histories: list[list[int]], other: st.DataObject
) -> None:
    swapped = [
        [*history[:-2], *other.draw(st.lists(st.integers(1, ITEMS), min_size=2, max_size=2))]
        for history in histories
    ]
    assert all_prompts(with_histories(dataset, histories)) == all_prompts(with_histories(dataset, swapped))


def test_an_item_that_is_only_held_out_is_named_by_its_own_prompt_alone(dataset: Dataset) -> None:
    hidden = with_histories(dataset, [[1, 2, 3, 38, 39], [2, 1, 4, 39, 38]])
    titles = hidden.titles()
    for item in (38, 39):
        naming = [prompt for prompt in all_prompts(hidden) if titles[item] in prompt]
        assert [f"Title: {titles[item]}\n" in prompt for prompt in naming] == [True]


def test_contexts_are_train_histories_that_lead_to_the_item(dataset: Dataset) -> None:
    train = leave_one_out(dataset.sequences).train
    titles = dataset.titles()
    subjects = ItemSubjects(dataset, train, load_prompt("items"), contexts=4, seed=7)
    for row in range(len(subjects)):
        item = dataset.items.index(subjects.subject(row))
        allowed = set()
        for user in range(dataset.n_users):
            history = train.of(user).tolist()
            for at in range(1, len(history)):
                if history[at] == item:
                    allowed.add(" > ".join(titles[one] for one in history[max(0, at - CONTEXT_ITEMS) : at]))
        shown = [line[2:] for line in subjects.prompt(row).splitlines() if line.startswith("- ")]
        assert set(shown) <= allowed
        assert len(shown) <= 4
        assert len(shown) == min(4, sum(train.of(user)[1:].tolist().count(item) for user in range(60)))


def test_contexts_follow_the_seed_alone(dataset: Dataset) -> None:
    train = leave_one_out(dataset.sequences).train

    def prompts(seed: int) -> list[str]:
        subjects = ItemSubjects(dataset, train, load_prompt("items"), contexts=2, seed=seed)
        return [subjects.prompt(row) for row in range(len(subjects))]

    assert prompts(1) == prompts(1)
    assert prompts(1) != prompts(2)


def test_the_most_bought_items_come_first(dataset: Dataset) -> None:
    train = leave_one_out(dataset.sequences).train
    subjects = ItemSubjects(dataset, train, load_prompt("items"), contexts=0, seed=1)
    counts = np.bincount(train.values, minlength=ITEMS + 1)
    order = [counts[dataset.items.index(subjects.subject(row))] for row in range(len(subjects))]
    assert order == sorted(order, reverse=True)


def test_user_prompts_hold_the_latest_items_in_order(dataset: Dataset) -> None:
    train = leave_one_out(dataset.sequences).train
    subjects = UserSubjects(dataset, train, load_prompt("users"), max_length=3)
    titles = dataset.titles()
    user = dataset.users.index(subjects.subject(5))
    lines = [line for line in subjects.prompt(5).splitlines() if line[:1].isdigit()]
    assert lines == [f"{n}. {titles[item]}" for n, item in enumerate(train.of(user)[-3:].tolist(), start=1)]


def test_another_train_part_has_another_fingerprint(dataset: Dataset) -> None:
    train = leave_one_out(dataset.sequences).train
    assert train_fingerprint(train) != train_fingerprint(train.heads(train.lengths - 1))


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_words_both_prompts(domain: str) -> None:
    history = load_prompt("users", domain).render({"history": ["A", "B"]})
    item = load_prompt("items", domain).render({"title": "A", "facts": [], "contexts": []})
    assert DOMAINS[domain].aspects in history
    assert DOMAINS[domain].thing in item
    assert "\n\n\n" not in item


def test_the_version_follows_the_wording(tmp_path: Path) -> None:
    file = tmp_path / "mine.j2"
    file.write_text("{{ title }}?")
    first = load_prompt("items", "generic", file).version
    file.write_text("{{ title }}!")
    assert len({first, load_prompt("items", "generic", file).version, load_prompt("items").version}) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ titel }}", "no field 'titel'; did you mean 'title'?"),
        ("a\n{% for x in %}", "line 2"),
        ("{{ title", "line 1"),
    ],
)
def test_a_wrong_template_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.j2"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        load_prompt("items", "generic", file)


def test_a_template_that_breaks_on_an_item_or_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "mine.j2"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_prompt("items", "generic", file)
    file.write_text("{{ title }} {{ domain.color }}")
    with pytest.raises(ConfigError, match="color"):
        load_prompt("items", "generic", file).render({"title": "A", "facts": [], "contexts": []})


@pytest.mark.parametrize(
    "endless",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 1000000 }}{% endfor %}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%*d' % (9999999999, 1) }}",
        "{{ '%9999999999d' | format(1) }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{{ 'x' * 9999999999 }}",
        "{{ [0] * 9999999999 }}",
        "{{ 99999 ** 9999999 }}",
        "{{ 'x'.ljust(9999999999) }}",
        "{{ 'x' | center(9999999999) }}",
        "{% set n = namespace(t='x') %}{% for a in range(99) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
        "{% set n = namespace(t='x') %}{% for a in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}",
        "{% set n=namespace(t='x') %}{% for a in range(99) %}{% set n.t=n.t.replace('x','xx') %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ],
)
def test_a_template_without_end_is_refused(tmp_path: Path, endless: str) -> None:
    file = tmp_path / "mine.j2"
    file.write_text("{{ title }}" + endless)
    with pytest.raises(ConfigError, match=r"prompt .*mine\.j2: .*; correct the template"):
        load_prompt("items", "generic", file).render({"title": "A", "facts": [], "contexts": []})


def test_ordinary_templates_have_loops_and_filters_enough(tmp_path: Path) -> None:
    file = tmp_path / "mine.j2"
    file.write_text(
        "{% for c in contexts %}{{ loop.index }}: {{ c | map('upper') | join(', ') }}{% endfor %}"
        "{{ facts | selectattr('value', 'eq', '2') | map(attribute='name') | list }}"
        "{{ '%05.1f' % 2 }}{{ '{:>3}'.format('a') }}{{ 'ab' * 2 }}{{ 2 ** 10 }}{{ title ~ 1 }}"
    )
    fields = {"title": "A", "facts": [{"name": "x", "value": "2"}], "contexts": [["a", "b"]] * 2}
    expected = "1: A, B2: A, B['x']002.0  aabab1024A1"
    assert load_prompt("items", "generic", file).render(fields) == expected
    assert load_prompt("items", "generic", file).render(fields) == expected


def test_facts_hold_no_links_and_nothing_counted_afterwards() -> None:
    row = {
        "item_id": "a",
        "title": "Soap",
        "rating_number": 9,
        "image_url": "http://x",
        "sales_rank": 3,
        "categories": [["Bath", None], ["Body &amp; face"]],
        "description": "x" * 900,
        "brand": None,
    }
    assert facts(row) == [
        {"name": "Sales rank", "value": "3"},
        {"name": "Categories", "value": "Bath, Body & face"},
        {"name": "Description", "value": "x" * 500},
    ]
