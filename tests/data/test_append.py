"""What came later is read as the log was: the same events, the same ratings, behind what is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sracl_core.cli.main import run
from sracl_core.data import append as appending
from sracl_core.data import prepare as preparing
from sracl_core.data.append import append
from sracl_core.data.dataset import load_dataset
from sracl_core.data.reading.base import ReadOptions
from sracl_core.errors import DataError
from tests.data.test_forms import SECONDS, csv, made, write

HEAD = "user_id,item_id,timestamp"
END = max(time for *_, time in SECONDS)
LATER = [(user, item, END + 60 + at) for at, (user, item, _) in enumerate(SECONDS[:40])]


def marked(rows: list[tuple[str, str, int]]) -> str:
    kinds = ("view", "purchase")
    return csv([(*row, kinds[at % 2], at % 5) for at, row in enumerate(rows)], f"{HEAD},event_type,rating")


def test_what_a_dataset_keeps_of_its_log_it_keeps_of_later_ones(tmp_path: Path) -> None:
    raw = write(tmp_path, log__csv=marked(SECONDS), new__csv=marked(LATER))
    made(raw / "log.csv", tmp_path / "d0", events=("purchase",), min_rating=3)
    kept = sum(at % 2 == 1 and at % 5 >= 3 for at in range(40))
    more = [(user, item, time + 1000) for user, item, time in LATER]
    write(tmp_path, more__csv=marked(more))
    for before, new, out in (("d0", "new.csv", "d1"), ("d1", "more.csv", "d2")):
        old = load_dataset(tmp_path / before)
        manifest = append(tmp_path / before, [tmp_path / new], tmp_path / out)
        people = set(old.users.ids)
        counted = [
            user for at, (user, *_) in enumerate(LATER) if at % 2 == 1 and at % 5 >= 3 and user in people
        ]
        assert load_dataset(tmp_path / out).n_interactions - old.n_interactions == len(counted) <= kept
        notes = "\n".join(manifest["added"]["notes"])
        assert "kept are the events purchase, as in" in notes
        assert "kept are interactions rated 3 or more, as in" in notes
    everything = append(
        tmp_path / "d0", [tmp_path / "new.csv"], tmp_path / "all", ReadOptions(events=("view",))
    )
    assert not any("kept are the events" in note for note in everything["added"]["notes"])


def test_what_becomes_of_new_rows_is_told(tmp_path: Path) -> None:
    write(tmp_path, log__csv=csv(SECONDS), table__csv="item_id,title\nzz1,A\nzz2,B\n")
    made(tmp_path / "log.csv", tmp_path / "old")
    once = [
        ("newcomer", "i01", END + 5),
        ("U00", "i01", END + 5),
        ("U00", "i02", END + 6),
        ("U00", "i02", END),
    ]
    write(tmp_path, new__csv=csv([*SECONDS[:7], *once, *LATER]))
    manifest = append(tmp_path / "old", [tmp_path / "new.csv", tmp_path / "table.csv"], tmp_path / "grown")
    told = "\n".join(manifest["added"]["notes"])
    early = sum(time < END for *_, time in SECONDS[:7])
    for said in (
        "exact duplicates dropped: 7 of the 51 new interactions",
        "users with fewer than 3 interactions dropped: 1 of the 51",
        f"{early} of the 51 new interactions are of times before the latest",
        "none of the 2 items of the table is in the dataset",
        "1 id of users is there in two spellings and counts as two: 'U00' and 'u00'",
    ):
        assert said in told
    again = append(tmp_path / "grown", [tmp_path / "log.csv"], tmp_path / "more")["added"]["notes"]
    assert not any("spellings" in note for note in again)


def test_positions_stand_behind_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv([row[:2] for row in SECONDS], "user_id,item_id")) / "log.csv"
    made(path, tmp_path / "old", order="rows")
    write(tmp_path, new__csv="user_id,item_id\nu00,i05\nu00,i03\nu01,i05\n")
    append(tmp_path / "old", [tmp_path / "new.csv"], tmp_path / "grown", ReadOptions(order="rows"))
    grown = load_dataset(tmp_path / "grown")

    def history(number: int) -> list[str]:
        return [grown.items.id_of(int(item)) for item in grown.sequences.of(number)]

    before = [[item for user, item, _ in SECONDS if user == name] for name in ("u00", "u01")]
    assert [history(0), history(1)] == [[*before[0], "i05", "i03"], [*before[1], "i05"]]


DAY = 86_400


def shown(seconds: int, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


TIMES: dict[str, Callable[[int], object]] = {
    "seconds": lambda at: at * 3 * DAY + at * 17,
    "days": lambda at: shown(at * 3 * DAY, "%Y-%m-%d"),
    "day numbers": lambda at: at * 3,
    "months": lambda at: shown(at * 3 * DAY, "%Y-%m"),
    "month numbers": lambda at: shown(at * 3 * DAY, "%Y%m"),
    "year numbers": lambda at: shown(at * 3 * DAY, "%Y"),
}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seconds", "seconds", ""),
        ("days", "days", ""),
        ("month numbers", "month numbers", ""),
        ("seconds", "days", "days alone, those that were there are finer"),
        ("days", "months", "months alone, those that were there are finer"),
        ("days", "seconds", "finer than those that were there, which are days alone"),
        ("months", "days", "finer than those that were there, which are months alone"),
        ("day numbers", "month numbers", "error"),
        ("month numbers", "year numbers", "error"),
        ("month numbers", "days", "error"),
        ("seconds", "year numbers", "error"),
    ],
)
def test_later_times_are_of_the_same_kind_or_that_is_said(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    """Months stand before what was there of the month; 202405 is within a hundred times of day 19,800."""
    for name, times, first in (("old", before, 6000), ("new", after, 6300)):
        rows = [(f"u{at % 5}", f"i{at * 7 % 11}", TIMES[times](first + at)) for at in range(300)]
        write(tmp_path, **{f"{name}__csv": csv(rows)})
    made(tmp_path / "old.csv", tmp_path / "d0", time_format="%Y-%m" if before == "months" else None)
    options = ReadOptions(time_format="%Y-%m" if after == "months" else None)
    given = (tmp_path / "d0", [tmp_path / "new.csv"], tmp_path / "d1", options)
    if said == "error":
        with pytest.raises(DataError, match="not of one kind; write the new ones as the old ones are"):
            append(*given)
        return
    notes = [note for note in append(*given)["added"]["notes"] if "new times" in note]
    assert len(notes) == bool(said)
    assert all(said in note for note in notes)


@pytest.mark.parametrize(
    ("content", "advice", "words"),
    [
        (csv([*LATER, ("NULL", "i01", END + 5)]), "--drop-empty", ["--drop-empty"]),
        (csv(LATER, "user_id,item_id,whenever"), "name it with --time-col", ["--time-col", "whenever"]),
        (
            csv([(u, i, f"{1 + t % 9:02}/02/2030") for u, i, t in LATER]),
            "say which with --time-format",
            ["--time-format", "%d/%m/%Y"],
        ),
    ],
    ids=["empty", "time", "date"],
)
def test_doing_what_the_error_says_works(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    advice: str,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, log__csv=csv(SECONDS), new__csv=content)
    made(tmp_path / "log.csv", tmp_path / "old")
    command = ["data", "append", "old", "new.csv", "--out", "grown"]
    assert run(command) == 2
    assert advice in capsys.readouterr().err
    assert run([*command, *words]) == 0
    assert "new.csv: the log; columns taken as user = 'user_id'" in capsys.readouterr().err


@pytest.mark.parametrize("module", [preparing, appending], ids=["prepare", "append"])
@pytest.mark.parametrize("change", ["appended", "replaced", "removed"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, change: str
) -> None:
    raw = write(tmp_path, log__csv=csv(SECONDS), new__csv=csv(LATER))
    made(raw / "log.csv", tmp_path / "d0")
    path, read = raw / ("log.csv" if module is preparing else "new.csv"), module.read_source

    def read_meanwhile(*given: Any) -> Any:
        found = read(*given)
        if change == "appended":
            path.write_text(path.read_text() + "u01,i0")
        elif change == "replaced":
            path.replace(path.with_suffix(".1"))
            path.write_bytes(path.with_suffix(".1").read_bytes())
        else:
            path.unlink()
        return found

    monkeypatch.setattr(module, "read_source", read_meanwhile)
    given = (path, tmp_path / "d1") if module is preparing else (tmp_path / "d0", [path], tmp_path / "d1")
    with pytest.raises(DataError, match=r"\.csv has changed while it was read; copy it, and give the copy"):
        (made if module is preparing else append)(*given)
    assert not (tmp_path / "d1").exists()
