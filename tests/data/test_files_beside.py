"""Which file is the log, which the item table, whose names are whose, and which ids are meant to be one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sracl_core.errors import DataError
from tests.data.test_forms import SECONDS, csv, made, write

IDS = [f"i{item:02}" for item in range(12)]
NUMBERS = [(user, int(item[1:]) + 1, time) for user, item, time in SECONDS]


def table(ids: list[Any], header: str = "item_id,title") -> str:
    return csv([(name, f"Band {at}") for at, name in enumerate(ids)], header)


def notes_of(folder: Path, out: Path, names: list[str], **reading: Any) -> tuple[dict[str, Any], str]:
    _, manifest = made([folder / name for name in names], out, **reading)
    return manifest, "\n".join(manifest["notes"])


@pytest.mark.parametrize("together", [True, False])
def test_a_part_without_names_takes_those_of_the_other(tmp_path: Path, together: bool) -> None:
    rows = [(time, item, user) for user, item, time in SECONDS]
    files = {"p1__csv": csv(rows[:80], "timestamp,item_id,user_id"), "p2__csv": csv(rows[80:], "")}
    folder = write(tmp_path / "raw", **files)
    dataset, manifest = made(folder if together else [folder / "p1.csv", folder / "p2.csv"], tmp_path / "out")
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (20, 12, 160)
    assert manifest["source"]["taken"][1]["columns"]["user"] == "user_id"


def test_parts_with_different_columns_are_joined_when_named(tmp_path: Path) -> None:
    more = csv([(*row, 3) for row in SECONDS[80:]], "user_id,item_id,timestamp,rating")
    folder = write(tmp_path / "raw", p1__csv=csv(SECONDS[:80]), p2__csv=more)
    with pytest.raises(DataError, match="name the one to read, or each file where they are parts of one log"):
        made(folder, tmp_path / "out")
    assert made([folder / "p1.csv", folder / "p2.csv"], tmp_path / "out")[0].n_interactions == 160


@pytest.mark.parametrize("header", ["user_id,item_id,timestamp", ""])
@pytest.mark.parametrize("ids", [IDS, list(range(1, 13))])
def test_an_item_table_without_names(tmp_path: Path, header: str, ids: list[Any]) -> None:
    rows = SECONDS if ids is IDS else NUMBERS
    write(tmp_path, log__csv=csv(rows, header), items__csv=table(ids, ""))
    manifest, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.csv"])
    assert manifest["counts"]["items_without_title"] == 0
    assert "items.csv: line 1 holds values" in notes
    assert manifest["counts"]["interactions"] == 160


@pytest.mark.parametrize("header", ["user_id,item_id,timestamp", ""])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("distinct", [True, False])
def test_an_item_table_without_names_whose_dates_stand_where_the_log_has_its_times(
    tmp_path: Path, header: str, known: bool, distinct: bool
) -> None:
    many = [(f"u{at % 1100}", f"i{at * 7 % 12:02}", 1_577_941_279 + at) for at in range(3300)]
    rows = many if distinct else SECONDS
    ids = IDS if known else [f"x{at}" for at in range(12)]
    items = csv([(name, f"Band {at}", f"2019-03-{at + 1:02}") for at, name in enumerate(ids)], "")
    write(tmp_path, log__csv=csv(rows, header), items__csv=items)
    manifest, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.csv"])
    assert [part["part"] for part in manifest["source"]["taken"]] == ["log", "items"]
    assert manifest["counts"]["interactions"] == len(rows)
    assert ("warning: no item of the log is in the item table" in notes) != known


@pytest.mark.parametrize("form", ["utf-8", "utf-16", "gz"])
@pytest.mark.parametrize("header", ["user_id,item_id,timestamp", ""])
def test_lines_may_end_as_on_old_macs(tmp_path: Path, form: str, header: str) -> None:
    import gzip

    text = csv(SECONDS, header).replace("\n", "\r")
    data = gzip.compress(text.encode()) if form == "gz" else text.encode(form)
    write(tmp_path, log__csv=data, items__tsv=table(IDS).replace(",", "\t").replace("\n", "\r"))
    manifest, _ = notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.tsv"])
    assert (manifest["counts"]["interactions"], manifest["counts"]["items_without_title"]) == (160, 0)
    write(tmp_path, log__csv=text + "u01,,3\r", log__txt="1 2 3 4\r2 3 4 5\r3 2 4 5\r")
    with pytest.raises(DataError, match=r"log\.csv line 16\d: the item id is empty"):
        made(tmp_path / "log.csv", tmp_path / "out")
    assert made(tmp_path / "log.txt", tmp_path / "out")[0].n_interactions == 9


def test_a_table_of_users_is_named_as_neither(tmp_path: Path) -> None:
    users = csv([(f"u{user:02}", 30) for user in range(20)], "user_id,age")
    write(tmp_path, log__csv=csv(SECONDS), users__csv=users, items__csv=table(IDS))
    with pytest.raises(DataError, match=r"users\.csv has no item column.*neither a log nor an item table"):
        notes_of(tmp_path, tmp_path / "out", ["log.csv", "users.csv", "items.csv"])
    notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.csv"])


def test_a_file_written_in_two_ways_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"train": SECONDS[:100], "valid": SECONDS[100:130], "test": SECONDS[130:]}
    folder = write(tmp_path / "raw", **{f"{name}__csv": csv(rows) for name, rows in names.items()})
    monkeypatch.chdir(tmp_path)
    split = {"valid": (Path("raw/valid.csv"),), "test": (folder / "test.csv",)}
    for source in ([folder], [folder / "train.csv", Path("raw/../raw/test.csv")]):
        dataset, manifest = made(source, tmp_path / "out", **split)
        assert dataset.n_interactions == 160, source
        assert not any("also in a part before it" in note for note in manifest["notes"])
    with pytest.raises(DataError, match="is given for valid and for test"):
        made([folder / "train.csv"], tmp_path / "out", valid=(folder / "test.csv",), test=split["test"])
    rows = csv([("nobody", "i01", 5)])
    write(folder, valid__csv=rows, test__csv=rows.replace("nobody", "somebody"))
    _, manifest = made([folder / "train.csv"], tmp_path / "out", **split)
    assert any("a part asks nobody, so that nothing can be trained" in note for note in manifest["notes"])


NEAR = {
    "a fraction": lambda n: f"{n}.0",
    "a prefix": lambda n: f"item_{n}",
    "quotes": lambda n: f"'{n}'",
    "zeros": lambda n: f"{n:03}",
    "a space that is none": lambda n: f"\u200b{n}",
}


@pytest.mark.parametrize("kind", NEAR)
def test_ids_that_nearly_match_are_shown(tmp_path: Path, kind: str) -> None:
    write(tmp_path, log__csv=csv(NUMBERS), items__csv=table([NEAR[kind](n) for n in range(1, 13)]))
    _, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.csv"])
    assert "warning: no item of the log is in the item table" in notes
    shown = NEAR[kind](2)
    assert (
        f"'2' and {ascii(shown) if kind.startswith('a space') else repr(shown).replace(chr(34), chr(39))}"
        in notes
    )


def test_an_item_table_with_columns_of_every_kind(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "price": [Decimal("1.50")] * 12,
        "length": [timedelta(hours=1)] * 12,
        "picture": [b"\xff\xd8"] * 12,
        "tags": [["a", "b"]] * 12,
        "sizes": [[1.5]] * 12,
        "more": [{"x": 1}] * 12,
        "none": [None] * 12,
    }
    write(tmp_path, log__csv=csv(SECONDS))
    pl.DataFrame({"item_id": IDS, "title": "T", **columns}).write_parquet(tmp_path / "items.parquet")
    dataset, manifest = made([tmp_path / "log.csv", tmp_path / "items.parquet"], tmp_path / "out")
    assert manifest["source"]["taken"][1]["unread"] == ["picture", "sizes"]
    first = dataset.item_table().row(0, named=True)
    assert (first["price"], first["length"], first["tags"], first["none"]) == (
        "1.50",
        "1:00:00",
        "a > b",
        None,
    )


def test_an_item_table_without_rows_is_refused(tmp_path: Path) -> None:
    write(tmp_path, log__csv=csv(SECONDS), items__csv="item_id,title\n")
    with pytest.raises(DataError, match=r"items\.csv holds no rows; leave it out"):
        made([tmp_path / "log.csv", tmp_path / "items.csv"], tmp_path / "out")


SPELLINGS = {
    "case": lambda n: f"AB{n}",
    "a mark that nobody sees": lambda n: f"a\ufeffb{n}",
    "a space that is none": lambda n: f"ab\u00a0{n}",
    "letters of full width": lambda n: f"\uff41b{n}",
}


@pytest.mark.parametrize("kind", SPELLINGS)
def test_ids_that_look_alike_are_said(tmp_path: Path, kind: str) -> None:
    usual = (lambda n: f"ab {n}") if "space" in kind else (lambda n: f"ab{n}")
    rows = [
        ((SPELLINGS[kind] if at // 20 % 2 else usual)(int(user[1:])), item, time)
        for at, (user, item, time) in enumerate(SECONDS)
    ]
    write(tmp_path, log__csv=csv(rows))
    _, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv"])
    assert "warning: 20 ids of users are there in two spellings and count as two" in notes
    shown = SPELLINGS[kind](0)
    assert (f"'{shown}'" if kind == "case" else ascii(shown)) in notes


def test_the_column_that_has_the_ids_is_named(tmp_path: Path) -> None:
    other = csv([(at, name, "T") for at, name in enumerate(IDS)], "product_id,sku,title")
    write(tmp_path, log__csv=csv(SECONDS), items__csv=other)
    _, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.csv"])
    assert "the table's column 'sku' has them: give --item-col sku" in notes
    manifest, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv", "items.csv"], item_col="sku")
    assert (manifest["counts"]["items_without_row"], "warning" in notes) == (0, False)


@pytest.mark.parametrize("odd", ["{}.0", " {}", "{} "])
def test_one_id_in_two_spellings_is_said(tmp_path: Path, odd: str) -> None:
    rows = [
        (odd.format(int(user[1:])) if at // 20 % 2 else int(user[1:]), item, time)
        for at, (user, item, time) in enumerate(SECONDS)
    ]
    write(tmp_path, log__csv=csv(rows))
    _, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv"])
    assert "warning: 20 ids of users are there in two spellings and count as two" in notes


def test_a_user_who_is_a_crowd_is_said(tmp_path: Path) -> None:
    rows = [("anonymous" if at % 4 else user, *rest) for at, (user, *rest) in enumerate(SECONDS)]
    write(tmp_path, log__csv=csv(rows))
    _, notes = notes_of(tmp_path, tmp_path / "out", ["log.csv"])
    assert "user 'anonymous' has 120 of 160 interactions (75%)" in notes


def test_kinds_of_events_are_told_by_their_words_and_in_every_form(tmp_path: Path) -> None:
    import polars as pl

    rows = [(*row, "carts" if at % 2 else "clicks") for at, row in enumerate(SECONDS)]
    frame = pl.DataFrame(rows, schema=["session", "item", "ts", "type"], orient="row")
    frame.write_parquet(tmp_path / "log.parquet")
    frame.write_csv(tmp_path / "log.csv")
    for name in ("log.parquet", "log.csv"):
        _, notes = notes_of(tmp_path, tmp_path / "out", [name])
        assert "every kind of 'type' counts as an interaction (clicks, carts)" in notes
        manifest, _ = notes_of(tmp_path, tmp_path / "out", [name], events=("carts",))
        assert manifest["counts"]["interactions"] == 80
    frame.with_columns(event=pl.lit("a,b")).drop("type").write_csv(tmp_path / "log.csv")
    assert notes_of(tmp_path, tmp_path / "out", ["log.csv"], events=("a", "b"))[0]["counts"]["users"] == 20


@pytest.mark.parametrize("above", ["# exported on Monday\n", "Export of 2020,,\n"])
def test_a_line_above_the_header_is_named(tmp_path: Path, above: str) -> None:
    path = write(tmp_path, log__csv=above + csv(SECONDS)) / "log.csv"
    with pytest.raises(DataError, match=r"line 1 .*so it is no header.*remove what stands above"):
        made(path, tmp_path / "out")


@pytest.mark.parametrize(
    "header",
    [
        "Kunden-Nr.,Artikelnummer,Datum",
        "utilisateur_id,produit,horodatage",
        "usuario,artículo,fecha",
        "Müşteri,Ürün,Tarih",
        "клиент,товар,дата",
        "用户,商品,时间",
        "learner_id,course_id,enrolled_at",
        "person_id,content_id,unixtime",
    ],
)
def test_names_of_columns_in_other_languages_and_trades(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, log__csv=csv(SECONDS, header)) / "log.csv"
    assert made(path, tmp_path / "out")[0].n_users == 20


def test_every_column_that_is_not_found_is_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, log__csv=csv(SECONDS, "a,b,c")) / "log.csv"
    with pytest.raises(DataError, match="there is a, b, c; name them with user_col, item_col, t"):
        made(path, tmp_path / "out")


def test_rows_of_four_numbers_are_no_sequences_though_each_user_is_new(tmp_path: Path) -> None:
    rows = [(at % 1500, at * 7 % 90, at % 5, 1_577_941_279 + at) for at in range(4500)]
    path = write(tmp_path, log__txt=csv(rows, "", "\t")) / "log.txt"
    dataset, manifest = made(path, tmp_path / "out")
    assert (manifest["source"]["format"], dataset.n_users, dataset.n_interactions) == ("table", 1500, 4500)
    lines = [[at, *(at * step % 50 for step in (3, 7, 11))] for at in range(1200)]
    path = write(tmp_path, seq__txt="\n".join(" ".join(map(str, line)) for line in lines)) / "seq.txt"
    assert made(path, tmp_path / "out")[1]["source"]["format"] == "sequences"


def test_parts_lie_at_any_depth_and_under_any_name(tmp_path: Path) -> None:
    write(tmp_path / "raw" / "2019", a__csv=csv(SECONDS[:50]))
    write(tmp_path / "raw" / "2020" / "month=01", b__csv=csv(SECONDS[50:100]))
    (tmp_path / "raw" / "part-00000").write_text(csv(SECONDS[100:]))
    assert made(tmp_path / "raw", tmp_path / "out")[0].n_interactions == 160


def test_rows_inside_one_object_are_named(tmp_path: Path) -> None:
    import json

    rows = [{"user": user, "item": item, "time": time} for user, item, time in SECONDS]
    path = write(tmp_path, log__json=json.dumps({"data": rows})) / "log.json"
    with pytest.raises(DataError, match="is one object, whose 'data' holds the rows; give that list alone"):
        made(path, tmp_path / "out")
    path.write_text(json.dumps(rows))
    assert made(path, tmp_path / "out")[0].n_users == 20
