"""What an error of `sracl data prepare` advises is done here, word for word, and works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sracl_core.cli.main import run

Prepares = Callable[..., tuple[int, str]]

ROWS = [(f"u{at % 9}", f"i{at % 7}", 1_600_000_000 + at * 3600) for at in range(90)]
LOG = "user_id,item_id,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in ROWS)
EMPTY = LOG.replace("u3,", "NULL,")
DAYS = "user_id,item_id,timestamp\n" + "".join(
    f"{u},{i},0{1 + at % 9}/0{1 + at % 8}/2020\n" for at, (u, i, _) in enumerate(ROWS)
)
SESSIONS = "session_id,user_id,item_id,timestamp\n" + "".join(f"{u},,{i},{t}\n" for u, i, t in ROWS)
REPEATED = "".join(f"{u},{i}\n" for u, i, _ in ROWS)
EITHER = "user_id,track_key,artist_key,timestamp\n" + "".join(f"{u},{i},{i},{t}\n" for u, i, t in ROWS)

# (files, flags, what the error says, the flags that it advises)
CIRCLES: dict[str, tuple[dict[str, str], list[str], str, list[str]]] = {
    "no time column": ({"log.csv": REPEATED.replace("", "user,item\n", 1)}, [], "--order rows", []),
    "no header and no times": ({"log.csv": REPEATED}, [], "--order rows", []),
    "an empty user": ({"log.csv": EMPTY}, [], "--drop-empty", []),
    "sessions beside no users": ({"log.csv": SESSIONS}, [], "--user-col session_id", []),
    "day or month": ({"log.csv": DAYS}, [], "'%d/%m/%Y'", ["--time-format", "%d/%m/%Y"]),
    "a pattern without a day": (
        {"log.csv": DAYS},
        ["--time-format", "%m/%Y %H:%M"],
        "give a pattern with one, such as '%Y",
        ["--time-format", "%d/%m/%Y"],
    ),
    "items that could be two": ({"log.csv": EITHER}, [], "--item-col", ["--item-col", "track_key"]),
    "an item column of the other file": (
        {"log.csv": LOG, "items.csv": "nr,title\ni1,One\n"},
        [],
        "name its column with --item-col",
        ["--item-col", "nr"],
    ),
    "flags for tables": (
        {"log.csv": "userId,movieId,rating,timestamp\n" + "".join(f"{u},{i},4,{t}\n" for u, i, t in ROWS)},
        ["--format", "movielens", "--user-col", "userId"],
        "no files of the form movielens",
        ["--format", "table", "--user-col", "userId"],
    ),
    "a rating that is not there": ({"log.csv": LOG}, ["--min-rating", "3"], "--rating-col", []),
    "an event that is not there": (
        {"log.csv": LOG.replace("timestamp\n", "timestamp,event\n").replace("00\n", "00,buy\n")},
        ["--events", "bye"],
        "did you mean 'buy'",
        ["--events", "buy"],
    ),
    "events without names": ({"log.csv": LOG}, ["--event-col", "event"], "--events", []),
    "words as sequences": ({"log.txt": "u1 a b c d\nu2 b c d a\n"}, [], "", ["--format", "sequences"]),
}
DEAD_ENDS = ("a rating that is not there", "events without names")

HEAD = "user_id,item_id,timestamp\n"
CLOCKS = HEAD + "".join(f"{u},{i},{at % 24:02}:{at % 60:02}\n" for at, (u, i, _) in enumerate(ROWS))
YEAR_LAST = HEAD + "".join(f"{u},{i},{10 + at % 19}0{1 + at % 9}2020\n" for at, (u, i, _) in enumerate(ROWS))
RATED = LOG.replace("timestamp\n", "timestamp,rating\n").replace("00\n", "00,3\n")
NOBODY = "member,user_id,item_id,timestamp\n" + "".join(f"{u},,{i},{t}\n" for u, i, t in ROWS)
ONCE = "row_id,person,item_id,timestamp\n" + "".join(
    f"{at},{u},{i},{t}\n" for at, (u, i, t) in enumerate(ROWS)
)
MORE = LOG.replace("timestamp\n", "timestamp,price\n").replace("00\n", "00,9\n")
NO_NAMES = "".join(f"{u},{i},{4}\n" for u, i, _ in ROWS)

# (files, words behind them, what the error says, the words that do what it says)
STEPS: dict[str, tuple[dict[str, str], str, str, str]] = {
    "times of day": ({"log.csv": CLOCKS}, "log.csv", "or give --order rows", "log.csv --order rows"),
    "a year that stands last": (
        {"log.csv": YEAR_LAST},
        "log.csv",
        "--time-format '%d%m%Y'",
        "log.csv --time-format %d%m%Y",
    ),
    "a time format without times": (
        {"log.csv": LOG},
        "log.csv --order rows --time-format auto",
        "leave --time-format out, or --order rows",
        "log.csv --order rows",
    ),
    "a year as a bound": (
        {"log.csv": LOG},
        "log.csv --since 2020",
        "give --since 2020-01-01",
        "log.csv --since 2020-01-01",
    ),
    "bounds in the other order": (
        {"log.csv": LOG},
        "log.csv --since 2021-01-01 --until 2020-01-01",
        "exchange them",
        "log.csv --since 2020-01-01 --until 2021-01-01",
    ),
    "times before any": (
        {"log.csv": LOG},
        "log.csv --until 2019-01-01",
        "the times are 2020-09-13",
        "log.csv --until 2020-09-16",
    ),
    "a column of ratings alone": (
        {"log.csv": RATED},
        "log.csv --rating-col rating",
        "needs --min-rating: which to keep",
        "log.csv --rating-col rating --min-rating 3",
    ),
    "ratings above any": (
        {"log.csv": RATED},
        "log.csv --min-rating 4",
        "lower --min-rating",
        "log.csv --min-rating 3",
    ),
    "a core that is too thick": (
        {"log.csv": LOG},
        "log.csv --k-core 50",
        "lower --k-core",
        "log.csv --k-core 1",
    ),
    "no user at all": (
        {"log.csv": NOBODY},
        "log.csv --user-col user_id",
        "name another column with --user-col",
        "log.csv --user-col member",
    ),
    "no row without an empty cell": (
        {"log.csv": NOBODY},
        "log.csv --user-col user_id --drop-empty",
        "name another column with --user-col",
        "log.csv --user-col member --drop-empty",
    ),
    "a number of the row as user": (
        {"log.csv": ONCE},
        "log.csv --user-col row_id",
        "see that the right columns are the users",
        "log.csv --user-col person",
    ),
    "one item": (
        {"log.csv": LOG.replace("timestamp\n", "timestamp,shop\n").replace("00\n", "00,s\n")},
        "log.csv --item-col shop",
        "(taken: 'shop'; --item-col names another)",
        "log.csv --item-col item_id",
    ),
    "parts of different columns": (
        {"d/a.csv": LOG, "d/b.csv": MORE},
        "d",
        "or each file where they are parts of one log",
        "d/a.csv d/b.csv",
    ),
    "a table of users": (
        {"log.csv": LOG, "users.csv": "user_id,age\nu1,9\n", "items.csv": "item_id,title\ni1,One\n"},
        "log.csv users.csv items.csv",
        "leave it out",
        "log.csv items.csv",
    ),
    "two tables of items": (
        {"log.csv": LOG, "a.csv": "item_id,title\ni1,One\n", "b.csv": "item_id,title\ni1,One\n"},
        "log.csv a.csv b.csv",
        "name the log and one of them",
        "log.csv a.csv",
    ),
    "values that could be no time": (
        {"log.csv": NO_NAMES},
        "log.csv",
        "name it, such as --time-col column_3",
        "log.csv --time-col column_3",
    ),
    "a part of a split": (
        {"log.csv": LOG},
        "log.csv --valid log.csv --test log.csv",
        "a file is one part",
        "log.csv",
    ),
    "one part of a split": ({"log.csv": LOG}, "log.csv --valid log.csv", "belong together", "log.csv"),
    "one column for two roles": (
        {"log.csv": LOG},
        "log.csv --user-col item_id",
        "name another with --item-col",
        "log.csv --user-col item_id --item-col user_id",
    ),
    "a column that is not there": (
        {"log.csv": LOG},
        "log.csv --user-col usr_id",
        "did you mean 'user_id'",
        "log.csv --user-col user_id",
    ),
    "a time that is not there": (
        {"log.csv": LOG},
        "log.csv --time-col item",
        "correct --time-col",
        "log.csv --time-col timestamp",
    ),
    "names that nobody knows": (
        {"log.csv": LOG.replace(HEAD, "a,b,c\n")},
        "log.csv",
        "name them with --user-col, --item-col, --time-col",
        "log.csv --user-col a --item-col b --time-col c",
    ),
    "a format that is not there": (
        {"log.csv": LOG},
        "log.csv --format tabel",
        "did you mean 'table'",
        "log.csv --format table",
    ),
    "ties that are not there": (
        {"log.csv": LOG},
        "log.csv --ties x",
        "give source, shuffle, id",
        "log.csv --ties shuffle",
    ),
}


@pytest.fixture
def prepares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prepares:
    """`sracl data prepare` in this process and the folder tmp_path; (exit code, what it said)."""
    monkeypatch.chdir(tmp_path)

    def prepare(*words: str) -> tuple[int, str]:
        core = [] if "--k-core" in words else ["--k-core", "1"]
        code = run(["data", "prepare", *words, "--out", "out", *core])
        return code, capsys.readouterr().err

    return prepare


@pytest.mark.parametrize("case", STEPS)
def test_a_step_out_of_every_error(tmp_path: Path, prepares: Prepares, case: str) -> None:
    files, words, says, advised = STEPS[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    code, said = prepares(*words.split())
    assert (code, says in said) == (2, True), said
    code, said = prepares(*advised.split())
    assert code == 0, said


def test_what_stands_above_the_header_is_removed(tmp_path: Path, prepares: Prepares) -> None:
    (tmp_path / "log.csv").write_text("# Monday\n" + LOG)
    code, said = prepares("log.csv")
    assert (code, "remove what stands above the header" in said) == (2, True), said
    (tmp_path / "log.csv").write_text(LOG)
    assert prepares("log.csv")[0] == 0


@pytest.mark.parametrize("case", CIRCLES)
def test_doing_what_the_error_says_works(tmp_path: Path, prepares: Prepares, case: str) -> None:
    files, flags, says, advised = CIRCLES[case]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    if says:
        code, said = prepares(*files, *flags)
        assert (code, says in said) == (2, True), said
    if case in DEAD_ENDS:
        return
    code, said = prepares(*files, *(advised or says.split()))
    assert code == 0, said


def test_the_next_command_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    place = "it's a [shop] & more"
    (tmp_path / "log.csv").write_text(LOG)
    assert run(["data", "prepare", "log.csv", "--out", place, "--k-core", "1"]) == 0
    pasted = re.search(r"next: sracl (train .*)", capsys.readouterr().err)
    assert pasted is not None
    assert shlex.split(pasted[1]) == ["train", place]


def test_what_was_taken_is_always_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text(LOG)
    assert run(["data", "prepare", "log.csv", "--out", "out", "--k-core", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "read as table (users, items and times are seen from the columns)" in err
    assert "columns taken as user = 'user_id', item = 'item_id', time = 'timestamp'" in err
    assert "times: seconds since 1970, 2020-09-13 12:26:40 to 2020-09-17 05:26:40" in err
    source: dict[str, Any] = json.loads(out)["source"]
    assert source == json.loads((tmp_path / "out" / "dataset.json").read_text())["source"]


def test_a_pipe_of_a_small_encoding_gets_what_it_can_take(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp,title\n" + "".join(f"{u},{i}א,{t},שלום 🙂\n" for u, i, t in ROWS)
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    made = ["data", "prepare", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out"), "--k-core", "1"]
    assert run([*made, "--title-col", "title"]) == 0
    command = [sys.executable, "-m", "sracl_core.cli.main", "data", "info", "out", "--json", "--preview", "1"]
    small = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    shown = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=tmp_path, env=small)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout.decode("cp1252"))["preview"]["items"][0]["title"] == "שלום 🙂"
