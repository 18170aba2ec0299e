"""The prepared dataset: its content, order and identity, and that it appears whole or not at all."""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.dataset import load_dataset
from sracl_core.data.numbering import sorted_ids
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.errors import DataError, StorageError

BEAUTY = Path(__file__).parents[3] / "shared" / "data" / "amazon-beauty"
KEEP_ALL = PrepareOptions(k_core=1)


def write_log(folder: Path, rows: list[tuple[str, str, object]], items: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["user_id,item_id,timestamp", *(",".join(map(str, row)) for row in rows)]
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    if items is not None:
        (folder / "items.csv").write_text(items)
    return folder


SMALL = [
    ("b", "x", 3),
    ("b", "y", 1),
    ("b", "z", 2),
    ("a", "z", 5),
    ("a", "y", 5),
    ("a", "z", 6),
    ("a", "z", 6),
]
ITEMS = "item_id,title,color\nx,Lamp,red\ny,\u200b ,blue\nunused,Chair,\n"


def test_order_numbers_and_items(tmp_path: Path) -> None:
    manifest = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "out", KEEP_ALL)
    dataset = load_dataset(tmp_path / "out")
    assert dataset.users.ids == ["a", "b"]
    assert dataset.items.ids == ["x", "y", "z"]
    assert dataset.sequences.of(0).tolist() == [3, 2, 3]  # equal times keep the file's order
    assert dataset.sequences.of(1).tolist() == [2, 3, 1]
    assert dataset.timestamps.tolist() == [5, 5, 6, 1, 2, 3]
    assert dataset.titles() == ["", "Lamp", "y", "z"]
    assert dataset.item_table()["color"].to_list() == ["red", "blue", None]
    counts = manifest["counts"]
    assert (counts["users"], counts["items"], counts["interactions"]) == (2, 3, 6)
    assert (counts["items_without_row"], counts["items_without_title"], counts["same_time"]) == (1, 2, 1)
    assert [step["interactions"] for step in manifest["funnel"]] == [7, 6]


def test_short_users_are_dropped_and_reported(tmp_path: Path) -> None:
    rows = [*SMALL, ("c", "q", 1), ("c", "x", 2)]
    manifest = prepare(write_log(tmp_path / "raw", rows), tmp_path / "out", KEEP_ALL)
    assert manifest["funnel"][-1]["step"] == "users with fewer than 3 interactions dropped"
    assert (manifest["counts"]["users"], manifest["counts"]["items"]) == (2, 3)


def test_filters(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    rows = [f"u{u},i{t},{t},{t % 5}" for u in range(20) for t in range(10)]
    raw.write_text("\n".join(["user_id,item_id,timestamp,rating", *rows]))
    options = PrepareOptions(k_core=2, min_rating=1, since=1, until=9, sample_users=7, max_length=4)
    manifest = prepare(raw, tmp_path / "out", options)
    dataset = load_dataset(tmp_path / "out")
    assert (dataset.n_users, set(dataset.sequences.lengths)) == (7, {4})
    assert set(dataset.timestamps.tolist()) == {4, 6, 7, 8}
    assert [step["interactions"] for step in manifest["funnel"]] == [200, 160, 140, 140, 140, 49, 28]
    assert manifest["filters"]["max_length"] == 4


@pytest.mark.parametrize("bound", [1546300801, 1546300801000, 1546300801e6, 1546300801e9])
@pytest.mark.parametrize("parts", [1, 10**3, 10**6, 10**9])
def test_a_window_means_the_same_in_every_unit(tmp_path: Path, parts: int, bound: float) -> None:
    rows = [("u", f"i{t}", (1_546_300_800 + t) * parts) for t in range(5)]
    raw = write_log(tmp_path / "raw", rows)
    manifest = prepare(raw, tmp_path / "out", PrepareOptions(k_core=1, since=bound))
    assert manifest["counts"]["interactions"] == 4
    assert load_dataset(tmp_path / "out").timestamps.tolist() == [1_546_300_800 + t for t in range(1, 5)]
    manifest = prepare(raw, tmp_path / "out", PrepareOptions(k_core=1, until=bound + 2 * bound / 1546300801))
    assert manifest["counts"]["interactions"] == 3


def test_a_date_is_not_compared_with_positions(tmp_path: Path) -> None:
    raw = write_log(tmp_path / "raw", [("u", f"i{t}", t) for t in range(4)])
    with pytest.raises(
        DataError, match=r"since 1546300800 is a date in seconds \(2019-01-01\).*times \(0 to 3\).*no dates"
    ):
        prepare(raw, tmp_path / "out", PrepareOptions(k_core=1, since=1546300800))
    assert prepare(raw, tmp_path / "out", PrepareOptions(k_core=1, since=1))["counts"]["interactions"] == 3


def test_whole_numbers_come_first_and_by_value(tmp_path: Path) -> None:
    ids = ["b", "10", "007", "9", "2", "-1", "1" * 19, "1" * 18, "é", "0"]
    rows = [(user, ids[(at + t) % len(ids)], t) for at, user in enumerate(ids) for t in range(3)]
    prepare(write_log(tmp_path / "raw", rows), tmp_path / "out", KEEP_ALL)
    dataset = load_dataset(tmp_path / "out")
    expected = ["0", "2", "9", "10", "1" * 18, "-1", "007", "1" * 19, "b", "é"]
    assert (dataset.users.ids, dataset.items.ids) == (expected, expected)


@given(st.sets(st.text(st.sampled_from("019ab"), min_size=1, max_size=4), min_size=2, max_size=20))
def test_the_order_of_two_ids_does_not_depend_on_the_others(ids: set[str]) -> None:
    order = sorted_ids(pl.Series(sorted(ids), dtype=pl.String)).to_list()
    kept = set(order[::2])
    assert sorted_ids(pl.Series(sorted(kept), dtype=pl.String)).to_list() == order[::2]


def test_a_dataset_of_an_earlier_version_says_how_to_renew_it(tmp_path: Path) -> None:
    first = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "a b", KEEP_ALL)
    manifest = tmp_path / "a b" / "dataset.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 2', '"format_version": 1'))
    with pytest.raises(DataError, match="prepared by an earlier version") as refused:
        load_dataset(tmp_path / "a b")
    words = shlex.split(str(refused.value).split("`")[1])
    subprocess.run([sys.executable, "-m", "sracl_core.cli.main", *words[1:]], check=True, capture_output=True)
    assert load_dataset(tmp_path / "a b").identity == first["identity"]
    assert load_dataset(tmp_path / "a b").name == first["name"]


def test_twice_gives_identical_bytes_and_replaces(tmp_path: Path) -> None:
    raw, out = write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "out"
    prepare(raw, out, KEEP_ALL)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    prepare(raw, out, KEEP_ALL)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert sorted(first) == ["dataset.json", "interactions.parquet", "items.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "raw"]


def test_the_order_of_ties_is_part_of_the_identity(tmp_path: Path) -> None:
    first, *others = (
        prepare(write_log(tmp_path / "raw", rows, ITEMS), tmp_path / "out", KEEP_ALL)["identity"]
        for rows in (SMALL, SMALL[3:] + SMALL[:3], SMALL[:3][::-1] + SMALL[3:], SMALL[::-1])
    )
    assert others[:2] == [first, first]
    assert others[2] != first  # a's two items at time 5 changed places


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 40))
def test_any_shuffle_keeps_the_identity_unless_ties_change(seed: int, last: int) -> None:
    random = Random(seed)
    rows = [(f"u{random.randrange(6)}", f"i{random.randrange(9)}", random.randrange(last)) for _ in range(60)]
    rows = list(dict.fromkeys(rows))  # of equal rows the first is kept, so another one would count
    with TemporaryDirectory() as folder:
        prepare(write_log(Path(folder) / "a", rows, ITEMS), Path(folder) / "first", KEEP_ALL)
        mixed = random.sample(rows, len(rows))
        prepare(write_log(Path(folder) / "b", mixed, ITEMS), Path(folder) / "second", KEEP_ALL)
        first, second = (load_dataset(Path(folder) / name) for name in ("first", "second"))
    assert first.items.ids == second.items.ids
    same_ties = first.sequences.values.tolist() == second.sequences.values.tolist()
    assert (first.identity == second.identity) == same_ties


@pytest.mark.parametrize(
    ("refused", "advice"),
    [
        ("No space left on device (os error 28)", "no space is left on the disk; free some"),
        ("File too large (os error 27)", "raise the limit"),
    ],
)
def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, advice: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError(f"parquet: {refused}")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StorageError, match=advice):
        prepare(write_log(tmp_path / "raw", SMALL), tmp_path / "out", KEEP_ALL)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_other_content_has_another_identity(tmp_path: Path) -> None:
    base = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "o", KEEP_ALL)["identity"]
    for change in (SMALL[1:], [("b", "x", 4), *SMALL[1:]]):
        assert (
            prepare(write_log(tmp_path / "raw", change, ITEMS), tmp_path / "o", KEEP_ALL)["identity"] != base
        )
    renamed = ITEMS.replace("Lamp", "Light")
    assert prepare(write_log(tmp_path / "raw", SMALL, renamed), tmp_path / "o", KEEP_ALL)["identity"] != base


def test_prepared_dataset_can_be_a_source(tmp_path: Path) -> None:
    first = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "a", KEEP_ALL)
    assert prepare(tmp_path / "a", tmp_path / "b", KEEP_ALL)["identity"] == first["identity"]
    for _ in range(2):  # what was made inside the folder is none of its raw files
        inside = prepare(tmp_path / "raw", tmp_path / "raw" / "made", KEEP_ALL)
        assert (inside["identity"], inside["notes"]) == (first["identity"], first["notes"])


def test_nothing_is_written_on_errors_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    raw = write_log(tmp_path / "raw", SMALL)
    with pytest.raises(DataError, match="nothing is left after '5-core'"):
        prepare(raw, tmp_path / "new" / "deep" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    with pytest.raises(DataError, match="holds something else"):
        prepare(raw, raw, KEEP_ALL)
    assert [path.name for path in raw.iterdir()] == ["interactions.csv"]


def test_a_changed_or_newer_dataset_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(write_log(tmp_path / "raw", SMALL), out, KEEP_ALL)
    manifest = json.loads((out / "dataset.json").read_text())
    table = pl.read_parquet(out / "interactions.parquet")
    table.with_columns(pl.col("timestamp") + 1).write_parquet(out / "interactions.parquet")
    with pytest.raises(DataError, match=r"interactions\.parquet is not the file"):
        load_dataset(out)
    (out / "dataset.json").write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(DataError, match="format version 99"):
        load_dataset(out)
    (out / "dataset.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        load_dataset(out)
    with pytest.raises(DataError, match=r"no dataset\.json"):
        load_dataset(tmp_path)


@pytest.mark.skipif(not BEAUTY.is_dir(), reason="shared/data/amazon-beauty is not here")
def test_amazon_beauty_has_the_published_counts(tmp_path: Path) -> None:
    from sracl_core.data.prefixes import training_prefixes
    from sracl_core.data.splits.leave_one_out import leave_one_out

    manifest = prepare(BEAUTY, tmp_path / "beauty")
    prepare(BEAUTY, tmp_path / "again")
    for file in (tmp_path / "beauty").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    text = gzip.decompress((BEAUTY / "interactions.csv.gz").read_bytes()).decode()
    shuffled = [line.split(",") for line in text.split()[1:]]
    Random(1).shuffle(shuffled)
    write_log(tmp_path / "shuffled", shuffled)
    (tmp_path / "shuffled" / "items.csv.gz").write_bytes((BEAUTY / "items.csv.gz").read_bytes())
    assert prepare(tmp_path / "shuffled", tmp_path / "third")["identity"] == manifest["identity"]
    dataset = load_dataset(tmp_path / "beauty")
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (22_363, 12_101, 198_502)
    assert len(training_prefixes(leave_one_out(dataset.sequences).train, 20)) == 131_413
