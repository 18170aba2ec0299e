"""The prepared dataset: its content, its order, its hash, and that it appears whole or not at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.dataset import load_dataset
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
ITEMS = "item_id,title,color\nx,Lamp,red\ny,,blue\nunused,Chair,\n"


def test_order_numbers_and_items(tmp_path: Path) -> None:
    manifest = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "out", KEEP_ALL)
    dataset = load_dataset(tmp_path / "out")
    assert dataset.users.ids == ["a", "b"]
    assert dataset.items.ids == ["z", "y", "x"]
    assert dataset.sequences.of(0).tolist() == [1, 2, 1]  # equal times keep the file's order
    assert dataset.sequences.of(1).tolist() == [2, 1, 3]
    assert dataset.timestamps.tolist() == [5, 5, 6, 1, 2, 3]
    assert dataset.titles() == ["", "z", "y", "Lamp"]
    assert dataset.item_table()["color"].to_list() == [None, "blue", "red"]
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


def test_a_date_is_not_compared_with_milliseconds(tmp_path: Path) -> None:
    rows = [("u", f"i{t}", 1_546_300_800_000 + t) for t in range(4)]
    raw = write_log(tmp_path / "raw", rows)
    with pytest.raises(DataError, match=r"--since 1546300800 is in seconds, .* give --since 1546300800000"):
        prepare(raw, tmp_path / "out", PrepareOptions(k_core=1, since=1546300800))
    options = PrepareOptions(k_core=1, since=1546300800001)
    assert prepare(raw, tmp_path / "out", options)["counts"]["interactions"] == 3


def test_whole_number_ids_sort_as_numbers(tmp_path: Path) -> None:
    rows = [(user, f"i{t}", t) for user in ("10", "9", "2") for t in range(3)]
    prepare(write_log(tmp_path / "raw", rows), tmp_path / "out", KEEP_ALL)
    assert load_dataset(tmp_path / "out").users.ids == ["2", "9", "10"]


def test_twice_gives_identical_bytes_and_replaces(tmp_path: Path) -> None:
    raw, out = write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "out"
    prepare(raw, out, KEEP_ALL)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    prepare(raw, out, KEEP_ALL)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert sorted(first) == ["dataset.json", "interactions.parquet", "items.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "raw"]


def test_a_shuffled_file_has_the_same_hash(tmp_path: Path) -> None:
    first = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "a", KEEP_ALL)
    second = prepare(write_log(tmp_path / "raw", SMALL[::-1], ITEMS), tmp_path / "b", KEEP_ALL)
    assert first["hash"] == second["hash"]
    assert first["order_hash"] != second["order_hash"]  # a's two items at time 5 changed places


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 40))
def test_any_shuffle_has_the_same_hash(seed: int, last: int) -> None:
    random = Random(seed)
    rows = [(f"u{random.randrange(6)}", f"i{random.randrange(5)}", random.randrange(last)) for _ in range(60)]
    with TemporaryDirectory() as folder:
        first = prepare(write_log(Path(folder) / "a", rows, ITEMS), Path(folder) / "out", KEEP_ALL)
        random.shuffle(rows)
        second = prepare(write_log(Path(folder) / "b", rows, ITEMS), Path(folder) / "out", KEEP_ALL)
    assert first["hash"] == second["hash"]
    assert (first["order_hash"] == second["order_hash"]) or first["counts"]["same_time"] > 0


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("parquet: No space left on device (os error 28)")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StorageError, match="No space left on device"):
        prepare(write_log(tmp_path / "raw", SMALL), tmp_path / "out", KEEP_ALL)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_other_content_has_another_hash(tmp_path: Path) -> None:
    base = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "o", KEEP_ALL)["hash"]
    for change in (SMALL[1:], [("b", "x", 4), *SMALL[1:]]):
        assert prepare(write_log(tmp_path / "raw", change, ITEMS), tmp_path / "o", KEEP_ALL)["hash"] != base
    renamed = ITEMS.replace("Lamp", "Light")
    assert prepare(write_log(tmp_path / "raw", SMALL, renamed), tmp_path / "o", KEEP_ALL)["hash"] != base


def test_prepared_dataset_can_be_a_source(tmp_path: Path) -> None:
    first = prepare(write_log(tmp_path / "raw", SMALL, ITEMS), tmp_path / "a", KEEP_ALL)
    assert prepare(tmp_path / "a", tmp_path / "b", KEEP_ALL)["hash"] == first["hash"]


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
    (out / "dataset.json").write_text(json.dumps(manifest | {"format_version": 2}))
    with pytest.raises(DataError, match="format version 2"):
        load_dataset(out)
    (out / "dataset.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        load_dataset(out)
    with pytest.raises(DataError, match=r"no dataset\.json"):
        load_dataset(tmp_path)


@pytest.mark.skipif(not BEAUTY.is_dir(), reason="shared/data/amazon-beauty is not here")
def test_amazon_beauty_has_the_published_counts(tmp_path: Path) -> None:
    from sracl_core.data.prefixes import training_prefixes
    from sracl_core.data.split import leave_one_out

    manifest = prepare(BEAUTY, tmp_path / "beauty")
    prepare(BEAUTY, tmp_path / "again")
    for file in (tmp_path / "beauty").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    text = gzip.decompress((BEAUTY / "interactions.csv.gz").read_bytes()).decode()
    shuffled = [line.split(",") for line in text.split()[1:]]
    Random(1).shuffle(shuffled)
    write_log(tmp_path / "shuffled", shuffled)
    (tmp_path / "shuffled" / "items.csv.gz").write_bytes((BEAUTY / "items.csv.gz").read_bytes())
    assert prepare(tmp_path / "shuffled", tmp_path / "third")["hash"] == manifest["hash"]
    dataset = load_dataset(tmp_path / "beauty")
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (22_363, 12_101, 198_502)
    assert len(training_prefixes(leave_one_out(dataset.sequences).train, 20)) == 131_413
