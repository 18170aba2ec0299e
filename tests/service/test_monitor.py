"""A run on later events: by an obvious count, by what has drifted, and by what cannot be asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sracl_core.cli.main import run
from sracl_core.explorer.loading import LoadedRun
from sracl_core.rules.catalogue import popularity
from sracl_core.service.drift import bins, stability
from sracl_core.service.monitoring import monitor, read_events, week_of

DAY = 86400


def log(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


def end_of(loaded: LoadedRun) -> int:
    return int(loaded.dataset.timestamps.max())


def drawn(loaded: LoadedRun, shares: np.ndarray, count: int, day: int) -> list[tuple[str, str, float]]:
    """Events of the dataset's users with items by `shares`."""
    rng = np.random.default_rng(day)
    items = rng.choice(loaded.dataset.n_items, count, p=shares / shares.sum())
    users = rng.choice(loaded.dataset.users.ids, count)
    ids, last = loaded.dataset.items.ids, end_of(loaded)
    return [
        (str(user), ids[item], last + day * DAY + at)
        for at, (user, item) in enumerate(zip(users, items, strict=True))
    ]


def test_each_event_is_asked_for_after_all_that_came_before(loaded: LoadedRun) -> None:
    rng, ids, last = np.random.default_rng(0), loaded.dataset.items.ids, end_of(loaded)
    people = [*loaded.dataset.users.ids[:5], "stranger"]
    rows = [
        (str(rng.choice(people)), str(rng.choice([*ids[:40], "gone"])), last + int(rng.integers(1, 20 * DAY)))
        for _ in range(120)
    ]
    found = monitor(loaded, log([*rows, (people[0], ids[0], last)]))
    assert found["earlier_events"] == 1
    histories = {
        name: loaded.dataset.sequences.of(loaded.dataset.users.index(name)).tolist()
        if name != "stranger"
        else []
        for name in people
    }
    hits: dict[str, list[bool]] = {}
    counts: dict[str, list[bool]] = {}
    for user, item, time in sorted(rows, key=lambda row: row[2]):
        week = np.datetime64(time, "s").astype("datetime64[D]")
        monday = str(week - (week.astype(int) + 3) % 7)
        counts.setdefault(monday, []).append(item == "gone")
        if item == "gone":
            continue
        index = loaded.dataset.items.index(item)
        if histories[user]:
            scores = loaded.scores([np.array(histories[user], dtype=np.int32)])[0]
            own = scores[index - 1]
            seen = [other - 1 for other in set(histories[user]) - {index}]
            rank = (scores >= own).sum() - (scores[seen] >= own).sum()
            hits.setdefault(monday, []).append(rank <= 20)
        histories[user].append(index)
    assert [week["week"] for week in found["weeks"]] == sorted(counts)
    for week in found["weeks"]:
        asked = hits[week["week"]]
        assert (week["asked"], week["events"]) == (len(asked), len(counts[week["week"]]))
        assert week["masked/HR@20"] == pytest.approx(np.mean(asked))
        assert week["unknown_items"] == pytest.approx(np.mean(counts[week["week"]]))
    strangers = sum(user == "stranger" for user, _, _ in rows)
    assert sum(week["unknown_users"] * week["events"] for week in found["weeks"]) == pytest.approx(strangers)


def test_more_of_the_same_is_no_reason_and_other_tastes_are(loaded: LoadedRun) -> None:
    order = np.argsort(loaded.dataset.timestamps, kind="stable")
    recent = loaded.dataset.sequences.values[order[-len(order) // 10 :]]
    same = np.bincount(recent, minlength=loaded.dataset.n_items + 1)[1:].astype(float)
    counts = popularity(loaded.dataset.sequences, loaded.dataset.n_items)
    rare = (counts <= np.quantile(counts, 0.3)).astype(float)
    calm = monitor(loaded, log(drawn(loaded, same, 400, 1)))["weeks"][0]
    assert calm["popularity_drift"] < 0.25
    assert calm["popularity_drift"] < 3 * calm["popularity_noise"]
    assert calm["text_drift"] < max(0.05, 3 * calm["text_noise"])
    moved = monitor(loaded, log([*drawn(loaded, same, 400, 1), *drawn(loaded, rare, 400, 9)]))
    assert moved["weeks"][-1]["popularity_drift"] > 1.0
    assert any(reason.startswith("what is popular has moved") for reason in moved["refresh"]["reasons"])


def test_the_command_tells_what_it_left_out_and_when_to_train(
    loaded: LoadedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = drawn(loaded, np.ones(loaded.dataset.n_items), 60, 2)
    unknown = [(user, f"new-{at}", time) for at, (user, _, time) in enumerate(rows[:20])]
    once = monitor(loaded, log([*rows, *unknown]))
    log([*rows, *unknown, *rows]).write_csv(tmp_path / "new.csv")
    assert run(["monitor", str(loaded.run.path), str(tmp_path / "new.csv"), "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["duplicates"], found["weeks"]) == (60, json.loads(json.dumps(once["weeks"])))
    assert found["weeks"][-1]["unknown_items"] == 0.25
    assert found["refresh"]["wanted"]
    assert run(["monitor", str(loaded.run.path), str(tmp_path / "new.csv")]) == 0
    said = capsys.readouterr().out
    assert "its own test" in said
    assert run(["monitor", str(loaded.run.path), str(tmp_path / "new.csv"), "--rating-col", "stars"]) == 2
    assert "keeps interactions of any rating; leave --rating-col out" in capsys.readouterr().err
    assert "train anew: 25% of the latest week's events are with items it does not know" in said


def test_known_ids_in_another_spelling_are_told(loaded: LoadedRun, tmp_path: Path) -> None:
    rows = drawn(loaded, np.ones(loaded.dataset.n_items), 20, 2)
    log([(user.upper(), f"{item}.0", time) for user, item, time in rows]).write_csv(tmp_path / "new.csv")
    notes = "\n".join(read_events([tmp_path / "new.csv"], loaded).notes)
    for kind, (user, item, _) in (("users", rows[0]), ("items", rows[0])):
        ours, theirs = (user, user.upper()) if kind == "users" else (item, f"{item}.0")
        assert re.search(
            rf"{kind} are not in the run's dataset, .* written otherwise: '{theirs}' and '{ours}'", notes
        )
    kept = loaded.dataset.items.ids
    others = [(user, f"new-{kept[at]}", time) for at, (user, _, time) in enumerate(rows)]
    for same in (rows, others):  # ids that end as others do are no other spelling of them
        log(same).write_csv(tmp_path / "new.csv")
        assert not read_events([tmp_path / "new.csv"], loaded).notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user_id,item_id,timestamp\na,b,{end}\n", "no event is after the run's log"),
        ("user_id,item_id,timestamp\na,b,3\na,b,4\n", "not of one kind"),
        ("user_id,thing\na,b\n", "item"),
    ],
)
def test_a_log_that_says_nothing(
    loaded: LoadedRun, tmp_path: Path, text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.csv").write_text(text.format(end=end_of(loaded)))
    assert run(["monitor", str(loaded.run.path), str(tmp_path / "new.csv")]) == 2
    assert expected in capsys.readouterr().err


def test_weeks_begin_on_mondays() -> None:
    monday = np.datetime64("2026-01-05T00:00:00").astype("datetime64[s]").astype(int)
    assert week_of(np.array([monday, monday + 7 * DAY - 1, monday - 1.0])).tolist() == [
        monday,
        monday,
        monday - 7 * DAY,
    ]
    assert week_of(np.array([3.0, 9.0])).tolist() == [0, 0]


def test_groups_hold_as_many_interactions_each() -> None:
    counts = np.array([1] * 100 + [10] * 10 + [100])
    assert np.bincount(bins(counts, 3), weights=counts).tolist() == [100, 100, 100]
    assert stability(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.25 * np.log(3))
