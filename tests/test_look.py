"""A look at files says what preparing them then takes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sracl_core.data.look import look
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.reading.base import ReadOptions

ROWS = [f"u{user},i{item},{item + 11}/03/2024,{item % 5},view" for user in range(5) for item in range(6)]
NAMES = "{},{},{},stars,event"


@pytest.mark.parametrize(
    ("user", "item", "time"),
    [
        ("user_id", "item_id", "timestamp"),
        ("CustomerNo", "StockCode", "Bought_At"),
        ("kunde", "artikel", "datum"),
    ],
)
def test_a_look_takes_the_columns_that_preparing_takes(
    tmp_path: Path, user: str, item: str, time: str
) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress("\n".join([NAMES.format(user, item, time), *ROWS]).encode()))
    (tmp_path / "items.csv").write_text(f"{item},name,brand\ni1,A lamp,X\n")
    paths = [path, tmp_path / "items.csv"]
    found = look(paths)
    manifest = prepare(paths, tmp_path / "out", PrepareOptions(k_core=1))
    taken = {part["part"]: part["columns"] for part in manifest["source"]["taken"]}
    looked = {file.part: {one.role: one.column for one in file.guesses if one.column} for file in found.files}
    assert {role: looked["log"][role] for role in taken["log"]} == taken["log"]
    assert {role: looked["items"][role] for role in taken["items"]} == taken["items"]
    assert found.times == manifest["source"]["times"]["are"] == "dates '%d/%m/%Y'"
    assert (found.format, found.events, found.problem) == ("table", ["view"], "")
    assert found.files[0].rows[0] == ["u0", "i0", "11/03/2024", "0", "view"]
    assert found.files[0].file == str(path)


def test_what_is_not_found_is_said_by_role_and_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([NAMES.format("who", "item_id", "day"), *ROWS]))
    found = look([path])
    guesses = {one.role: one for one in found.files[0].guesses}
    assert (guesses["user"].column, guesses["item"].column, guesses["time"].column) == ("", "item_id", "day")
    assert "no user column" in found.problem
    assert str(path) in found.problem
    chosen = look([path], ReadOptions(user_col=("who",)))
    assert chosen.problem == ""
    assert next(one.why for one in chosen.files[0].guesses if one.role == "user") == "chosen"
