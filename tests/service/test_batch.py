"""Lists for everybody are those that each would be given alone, in every form, and through a kill."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.cli import recommend_many
from sracl_core.cli.main import run
from sracl_core.data.id_file import read_ids
from sracl_core.errors import REPEATED, DataError, InputError
from sracl_core.explorer import Explorer
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval import topk
from sracl_core.rules import Rules
from sracl_core.service import asked, batch, listing
from sracl_core.service.batch import write_lists
from tests.training.team_members import disagreed_together, listed_together


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch, loaded: LoadedRun) -> None:
    monkeypatch.setattr(batch, "PEOPLE_OF_A_PART", 12)
    monkeypatch.setattr(listing, "SCORES_AT_ONCE", 5 * loaded.dataset.n_items)


def everyone(loaded: LoadedRun, until: str = "test") -> asked.Asked:
    return asked.every_user(loaded.dataset, loaded.histories, until)


@pytest.mark.parametrize("until", ["train", "valid", "test"])
def test_each_list_is_what_the_user_is_given_alone(
    loaded: LoadedRun, small_parts: None, tmp_path: Path, until: str
) -> None:
    written = write_lists(loaded, everyone(loaded, until), 7, tmp_path / "recs.parquet")
    table = pl.read_parquet(tmp_path / "recs.parquet")
    assert table.columns == ["user_id", "rank", "item_id", "score", "source"]
    assert (written.people, written.rows, written.popular, written.short) == (40, 280, 0, 0)
    explorer = Explorer(loaded)
    for user in loaded.dataset.users.ids[::5]:
        expected = explorer.recommend(user, k=7, until=until)
        found = table.filter(pl.col("user_id") == user)
        assert found["item_id"].to_list() == [item.item for item in expected.items]
        assert found["score"].to_list() == pytest.approx([item.score for item in expected.items], abs=1e-5)
        assert found["rank"].to_list() == list(range(1, 8))
    assert [path.name for path in tmp_path.iterdir()] == ["recs.parquet"]


def test_the_forms_say_the_same(loaded: LoadedRun, small_parts: None, tmp_path: Path) -> None:
    for ending in ("parquet", "csv", "jsonl"):
        write_lists(loaded, everyone(loaded), 3, tmp_path / f"recs.{ending}")
    table = pl.read_parquet(tmp_path / "recs.parquet")
    assert pl.read_csv(tmp_path / "recs.csv", schema=table.schema).equals(table)
    objects = [json.loads(line) for line in (tmp_path / "recs.jsonl").read_text().splitlines()]
    assert [one["user_id"] for one in objects] == loaded.dataset.users.ids
    listed = [item["item_id"] for one in objects for item in one["items"]]
    assert listed == table["item_id"].to_list()


def test_a_killed_command_goes_on_where_it_was(
    loaded: LoadedRun,
    small_parts: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path / "recs.parquet"
    write_lists(loaded, everyone(loaded), 5, tmp_path / "whole.parquet")
    out.write_bytes(b"yesterday's")

    def killed(stage: str, done: int, total: int) -> None:
        if done > 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lists(loaded, everyone(loaded), 5, out, killed)
    assert out.read_bytes() == b"yesterday's"
    made = sorted((tmp_path / "recs.parquet.parts").glob("*.parquet"))
    assert len(made) == 2
    made[0].write_bytes(made[0].read_bytes()[:-9] + b"another 9")
    asked_for: list[int] = []
    lists = listing.Lister.lists
    monkeypatch.setattr(
        listing.Lister, "lists", lambda self, *more: (asked_for.append(len(more[0])), lists(self, *more))[1]
    )
    with caplog.at_level("WARNING"):
        assert write_lists(loaded, everyone(loaded), 5, out).taken == 12
    assert "is damaged; its lists are made again" in caplog.text
    assert sum(asked_for) == 28
    assert pl.read_parquet(out).equals(pl.read_parquet(tmp_path / "whole.parquet"))


def test_a_team_makes_the_file_of_one_process_and_goes_on_where_a_killed_one_was(
    loaded: LoadedRun, small_parts: None, tmp_path: Path
) -> None:
    told = write_lists(loaded, everyone(loaded), 5, tmp_path / "whole.parquet")
    given = Path(loaded.config.dataset.path), loaded.run.path, tmp_path / "recs.parquet"
    listed_together(2, *given, None)
    made = sorted((tmp_path / "recs.parquet.parts").glob("*.parquet"))
    assert [int(path.name.partition("-")[0]) for path in made] == [0, 12, 24]
    made[0].write_bytes(made[0].read_bytes()[:-9] + b"another 9")
    listed_together(3, *given, asdict(replace(told, taken=24)))
    assert pl.read_parquet(tmp_path / "recs.parquet").equals(pl.read_parquet(tmp_path / "whole.parquet"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recs.parquet", "whole.parquet"]


def test_processes_that_are_asked_for_different_lists_are_named(loaded: LoadedRun, tmp_path: Path) -> None:
    disagreed_together(Path(loaded.config.dataset.path), loaded.run.path, tmp_path / "recs.parquet")
    assert not list(tmp_path.iterdir())


def test_parts_of_another_job_are_not_taken_up(loaded: LoadedRun, small_parts: None, tmp_path: Path) -> None:
    def killed(stage: str, done: int, total: int) -> None:
        if done > 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lists(loaded, everyone(loaded), 5, tmp_path / "recs.csv", killed)
    written = write_lists(loaded, everyone(loaded), 4, tmp_path / "recs.csv")
    assert (written.taken, written.rows) == (0, 160)


def test_a_history_of_unknown_items_gets_the_most_popular(loaded: LoadedRun, tmp_path: Path) -> None:
    known = loaded.dataset.items.ids
    lines = [("new", known[3], 2), ("new", "gone", 9), ("stranger", "gone", 1), ("new", known[5], 1)]
    text = "\n".join(["user_id,item_id,timestamp", *(f"{a},{b},{c}" for a, b, c in lines)])
    (tmp_path / "people.csv").write_text(text)
    people = asked.raw_histories(loaded.dataset, tmp_path / "people.csv")
    assert people.names.to_list() == ["new", "stranger"]
    assert [people.histories.of(0).tolist(), people.histories.of(1).tolist()] == [[6, 4], []]
    times = "people.csv: times are column 'timestamp' (numbers that are no dates)"
    assert people.notes == [times, "1 of the items is not in the run's dataset (gone)"]
    written = write_lists(loaded, people, 5, tmp_path / "recs.parquet")
    table = pl.read_parquet(tmp_path / "recs.parquet")
    assert written.popular == 1
    expected = Explorer(loaded).recommend(history=[known[5], known[3]], k=5)
    assert table.filter(pl.col("user_id") == "new")["item_id"].to_list() == [i.item for i in expected.items]
    of_stranger = table.filter(pl.col("user_id") == "stranger")
    counts = np.bincount(loaded.dataset.sequences.values)
    assert of_stranger["score"].to_list() == sorted(counts, reverse=True)[:5]
    assert set(of_stranger["source"]) == {"popular"}
    objects = [{"user_id": "new", "history": [known[5], known[3]]}, {"user_id": "stranger", "history": []}]
    (tmp_path / "people.jsonl").write_text("\n".join(map(json.dumps, objects)))
    again = asked.raw_histories(loaded.dataset, tmp_path / "people.jsonl")
    assert again.names.to_list() == ["new", "stranger"]
    assert [again.histories.of(0).tolist(), again.histories.of(1).tolist()] == [[6, 4], []]
    (tmp_path / "people.json").write_text(json.dumps([{**one, "device": "x"} for one in objects], indent=1))
    array = asked.raw_histories(loaded.dataset, tmp_path / "people.json")
    assert array.histories.of(0).tolist() == [6, 4]
    assert array.notes == ["people.json: not read: device"]
    (tmp_path / "nothing.jsonl").write_text('{"user_id": "a", "history": []}\n')
    nothing = asked.raw_histories(loaded.dataset, tmp_path / "nothing.jsonl")
    assert nothing.histories.of(0).tolist() == []


def test_all_of_a_long_history_counts_in_a_file_too(loaded: LoadedRun, tmp_path: Path) -> None:
    known = loaded.dataset.items.ids
    people = {"long": [*known[:2] * 40, *known[5:40]], "new": [], "short": known[7:8]}
    lines = [json.dumps({"user_id": name, "history": taken}) for name, taken in people.items()]
    (tmp_path / "people.jsonl").write_text("\n".join(lines))
    rules, out = Rules(exclude_seen="no"), tmp_path / "recs.parquet"
    write_lists(loaded, asked.raw_histories(loaded.dataset, tmp_path / "people.jsonl"), 60, out, rules=rules)
    table, explorer = pl.read_parquet(out), Explorer(loaded)
    for name in ("long", "short"):
        expected = explorer.recommend(history=people[name], k=60, rules=rules).items
        found = table.filter(pl.col("user_id") == name)
        assert found["item_id"].to_list() == [item.item for item in expected]
        assert found["score"].to_list() == pytest.approx([item.score for item in expected], abs=1e-5)


def test_users_of_a_file_in_its_order(loaded: LoadedRun, tmp_path: Path) -> None:
    names = loaded.dataset.users.ids
    (tmp_path / "ids.txt").write_text(f"{names[7]}\nnobody\n{names[2]}\n{names[7]}\n")
    people = asked.some_users(loaded.dataset, loaded.histories, "test", tmp_path / "ids.txt")
    assert people.names.to_list() == [names[7], "nobody", names[2]]
    assert [people.histories.of(0).tolist(), people.histories.of(1).tolist()] == [
        loaded.dataset.sequences.of(7).tolist(),
        [],
    ]
    (tmp_path / "ids.csv").write_text(f"customer_id,x\n{names[1]},1\n")
    assert asked.some_users(
        loaded.dataset, loaded.histories, "test", tmp_path / "ids.csv"
    ).names.to_list() == [names[1]]
    (tmp_path / "none.txt").write_text("nobody\n")
    with pytest.raises(DataError, match="none of its 1 users is in the run's dataset"):
        asked.some_users(loaded.dataset, loaded.histories, "test", tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("gone.csv", None, "is not there"),
        ("a.csv", "usr,thing\na,b\n", "has no column 'user_id'.*rename"),
        ("a.csv", "user_id,item_id\na,\n", "line 2 has no item_id"),
        ("a.csv", "user_id,item_id,timestamp\na,b,1\na,b,x\n", "line 3: .*write times as numbers"),
        (
            "a.csv",
            "user_id,item_id,date\na,b,03/01/2020\na,c,01/03/2020\n",
            "line 2: .* fits .*; write times as",
        ),
        ("a.csv", "a,b\na,c\nd,b\n", "line 1 names no columns"),
        ("a.jsonl", '{"user_id":"a","history":["x"]}\n{"history":["x"]}\n', "line 2 is not"),
        (
            "a.jsonl",
            '{"user_id":"a","history":["x"]}\n{"user_id":"a","history":[]}\n',
            "line 2: 'a' has a hist",
        ),
        (
            "a.jsonl",
            '{"user_id":"a","history":[{"item_id":"x"}]}\n',
            'line 1 holds {"item_id": "x"} in place',
        ),
        ("a.jsonl", '{"user_id":"a","history":[null,"x"]}\n', "line 1 holds null in place"),
        ("a.jsonl", '{"user_id":true,"history":["x"]}\n', "line 1 is not"),
        ("a.csv", "user_id,item_id\n", "holds no rows"),
        ("a.csv", "user_id,User_ID,item_id\na,b,c\n", "'user_id' and 'User_ID' could both be"),
    ],
)
def test_a_file_of_histories_that_cannot_be_used(
    loaded: LoadedRun, tmp_path: Path, name: str, text: str | None, expected: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=expected):
        asked.raw_histories(loaded.dataset, tmp_path / name)


def test_times_of_histories_are_read_as_those_of_a_log(loaded: LoadedRun, tmp_path: Path) -> None:
    known = loaded.dataset.items.ids
    path = tmp_path / "people.csv"
    for later, earlier in (
        ("01.02.2020", "31.01.2020"),
        ("2020-01-31T23:30:00-02:00", "2020-02-01T01:00:00+00:00"),
        ("Feb 1 2020", "Jan 31 2020"),
    ):
        path.write_text(f"user_id,item_id,timestamp\na,{known[3]},{later}\na,{known[5]},{earlier}\n")
        assert asked.raw_histories(loaded.dataset, path).histories.of(0).tolist() == [6, 4]
    table = pl.DataFrame({"user_id": [7.0, 7.0], "item_id": known[:2]})
    table.write_parquet(tmp_path / "people.parquet")
    assert asked.raw_histories(loaded.dataset, tmp_path / "people.parquet").names.to_list() == ["7"]


@pytest.mark.parametrize(
    ("name", "header", "notes"),
    [
        ("ids.csv", "", []),
        ("ids.csv", "user_id\n", []),
        ("ids.csv", "who\n", ["ids.csv: line 1 ('who') is no user of the run, and is read as a name"]),
        ("ids.txt", "user_id\n", []),
        ("ids.lst", "", []),
    ],
)
def test_a_column_of_users_loses_none(
    loaded: LoadedRun, tmp_path: Path, name: str, header: str, notes: list[str]
) -> None:
    some = loaded.dataset.users.ids[:3]
    (tmp_path / name).write_text(header + "\n".join(some) + "\n")
    people = asked.some_users(loaded.dataset, loaded.histories, "test", tmp_path / name)
    assert (people.names.to_list(), people.notes) == (some, notes)


def test_blanks_of_an_id_are_its_own_where_it_is_known_so(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a \n b\nc\u2028d\n")
    assert read_ids(tmp_path / "ids.txt", "user", {"a ", "b", "c\u2028d"})[0] == ["a ", "b", "c\u2028d"]


def test_an_ending_that_is_not_known(loaded: LoadedRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in none of .parquet, .csv, .jsonl"):
        write_lists(loaded, everyone(loaded), 5, tmp_path / "recs.xlsx")
    assert not list(tmp_path.iterdir())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 2**31))
def test_the_best_columns_are_the_best(n: int, k: int, seed: int) -> None:
    scores = torch.from_numpy(np.random.default_rng(seed).permutation(4 * n)[: 2 * n].reshape(2, n)).float()
    scores[:, ::7] = -torch.inf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topk, "LEAST_COLUMNS_A_PLACE", 1)
        values, columns = topk.top_columns(scores, k)
    expected = scores.sort(dim=1, descending=True).values[:, :k]
    assert torch.equal(values, expected)
    assert torch.equal(scores.gather(1, columns), values)


def test_the_command(
    loaded: LoadedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, out = str(loaded.run.path), str(tmp_path / "recs.parquet")
    assert run(["recommend", place, "--all", "-k", "4", "--out", out, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["people"], said["rows"]) == (40, 160)
    assert pl.read_parquet(out).height == 160
    for words, expected in (
        (["--all"], "many lists need --out"),
        (["--all", "--user", "x", "--out", out], "give one of --user or --history or --all"),
        (["--user", "x", "--out", out], "--out takes many lists"),
        (["--all", "--why", "--out", out], "are for one list"),
        (["--histories", out, "--out", out], "is read here and would be written over"),
        (["--users", out, "--processes", "2", "--out", out], "shares out everybody's lists: give --all"),
    ):
        assert run(["recommend", place, *words]) == 2
        assert expected in capsys.readouterr().err
    started: list[tuple[int, str]] = []
    monkeypatch.setattr(recommend_many, "launch", lambda *given: started.append(given) or 3)
    shared = ["recommend", place, "--all", "--processes", "2", "--out", out]
    assert run(shared) == 3
    assert started == [(2, REPEATED)]
    assert run([*shared, "--dry-run"]) == 0
    assert "about, by one process" in capsys.readouterr().out
    monkeypatch.setenv("WORLD_SIZE", "2")
    for words in (["--user", "x"], ["--all", "--out", out, "--dry-run"]):
        assert run(["recommend", place, *words]) == 2
        assert "run this one without torchrun" in capsys.readouterr().err
    assert run(["recommend", place, "--all", "--out", out]) == 2
    assert "MASTER_ADDR is ''" in capsys.readouterr().err


@pytest.mark.parametrize(
    "rules",
    [
        Rules(exclude_seen="no"),
        Rules(at_most="1:category", min_popularity=2),
        Rules(diversity=0.4),
        Rules(only=["category=Tea"], diversity=0.4),
    ],
)
def test_rules_hold_for_everybody_as_for_one(
    loaded: LoadedRun, small_parts: None, tmp_path: Path, rules: Rules
) -> None:
    if rules.only:
        category = next(cell for cell in loaded.catalogue.columns["category"] if cell)
        rules = rules.model_copy(update={"only": [f"category={category}"]})
    written = write_lists(loaded, everyone(loaded), 9, tmp_path / "recs.parquet", rules=rules)
    table = pl.read_parquet(tmp_path / "recs.parquet")
    explorer, short = Explorer(loaded), 0
    for user in loaded.dataset.users.ids:
        expected = explorer.recommend(user, k=9, until="test", rules=rules)
        short += len(expected.items) < 9
        assert any("of 9 items" in note for note in expected.notes) == (len(expected.items) < 9)
        found = table.filter(pl.col("user_id") == user)["item_id"].to_list()
        assert found == [item.item for item in expected.items]
    assert written.short == short


def test_what_is_no_file_of_ids_is_called_by_its_name(tmp_path: Path) -> None:
    """`--exclude <(...)` of a shell is a pipe."""
    os.mkfifo(tmp_path / "pipe")
    for name, what in (("", "a folder"), ("pipe", "a pipe or a device"), ("gone", "not there")):
        with pytest.raises(DataError, match=f"is {what}.*; give a file of item ids, one a line"):
            read_ids(tmp_path / name, "item")
