"""What an error of `sracl data prepare` advises is done here, word for word, and works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
        ["--time-format", "%m/%Y"],
        "give a pattern with one, such as '%Y",
        ["--time-format", "%d/%m/%Y"],
    ),
    "items that could be two": ({"log.csv": EITHER}, [], "--item-col", ["--item-col", "track_key"]),
    "an item column of the other file": (
        {"log.csv": LOG, "items.csv": "nr,title\ni1,One\n"},
        [],
        "name it with --item-col",
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


def prepare(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sracl_core.cli.main", "data", "prepare", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)


@pytest.mark.parametrize("case", CIRCLES)
def test_doing_what_the_error_says_works(tmp_path: Path, case: str) -> None:
    files, flags, says, advised = CIRCLES[case]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    common = [*files, "--out", "out", "--k-core", "1"]
    if says:
        first = prepare(*common, *flags, cwd=tmp_path)
        assert first.returncode == 2, first.stderr
        assert says in first.stderr
    if case in DEAD_ENDS:
        return
    second = prepare(*common, *(advised or says.split()), cwd=tmp_path)
    assert second.returncode == 0, second.stderr


def test_the_next_command_can_be_pasted(tmp_path: Path) -> None:
    place = "it's a [shop] & more"
    (tmp_path / "log.csv").write_text(LOG)
    done = prepare("log.csv", "--out", place, "--k-core", "1", cwd=tmp_path)
    pasted = re.search(r"next: sracl (train .*)", done.stderr)
    assert pasted is not None
    assert shlex.split(pasted[1]) == ["train", "--dataset", place]


def test_what_was_taken_is_always_said(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    done = prepare("log.csv", "--out", "out", "--k-core", "1", "--json", cwd=tmp_path)
    assert "read as table (users, items and times are seen from the columns)" in done.stderr
    assert "columns taken as user = 'user_id', item = 'item_id', time = 'timestamp'" in done.stderr
    assert "times: seconds since 1970, 2020-09-13 12:26:40 to 2020-09-17 05:26:40" in done.stderr
    source: dict[str, Any] = json.loads(done.stdout)["source"]
    assert source == json.loads((tmp_path / "out" / "dataset.json").read_text())["source"]


def test_a_pipe_of_a_small_encoding_gets_what_it_can_take(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp,title\n" + "".join(f"{u},{i}א,{t},שלום 🙂\n" for u, i, t in ROWS)
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    done = prepare("log.csv", "--out", "out", "--k-core", "1", "--title-col", "title", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "sracl_core.cli.main", "data", "info", "out", "--json", "--preview", "1"]
    small = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    shown = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=tmp_path, env=small)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout.decode("cp1252"))["preview"]["items"][0]["title"] == "שלום 🙂"
