"""Out and in again is the identity; and what `info` says of a dataset."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sracl_core.data.dataset import load_dataset
from sracl_core.data.export import export
from sracl_core.data.info import describe, histogram, top_share
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.times import as_time
from sracl_core.errors import DataError

KEEP_ALL = PrepareOptions(k_core=1)
BEAUTY = Path(__file__).parents[3] / "shared" / "data" / "amazon-beauty"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    raw.mkdir()
    rows = [f"u{u},i{(u * t) % 7},{t + 0.5}" for u in range(12) for t in range(1, 6)]
    (raw / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    (raw / "items.csv").write_text('item_id,title,note\ni1,"A ""quoted"", title",\ni2,,é\n')
    prepare(raw, tmp_path / "out", KEEP_ALL)
    return tmp_path / "out"


@pytest.mark.parametrize("form", ["csv", "parquet", "recbole"])
def test_out_and_in_again(made: Path, tmp_path: Path, form: str) -> None:
    dataset = load_dataset(made)
    export(dataset, tmp_path / "x", form)
    export(dataset, tmp_path / "x", form)
    prepare(tmp_path / "x", tmp_path / "back", KEEP_ALL)
    again = load_dataset(tmp_path / "back")
    assert again.identity == dataset.identity
    assert again.item_table().equals(dataset.item_table())


@pytest.mark.parametrize("kind", ["user_id", "item_id"])
def test_ids_that_a_form_cannot_hold_are_refused(tmp_path: Path, kind: str) -> None:
    rows = [{"user_id": f"u{at % 3}", "item_id": f"i{at % 4}", "timestamp": at} for at in range(12)]
    for row in rows[:4]:
        row[kind] = "a\tb"
    pl.DataFrame(rows).write_csv(tmp_path / "log.csv")
    prepare(tmp_path / "log.csv", tmp_path / "out", KEEP_ALL)
    with pytest.raises(DataError, match=r"the id 'a\\tb' holds a tab .*; give format csv or parquet"):
        export(load_dataset(tmp_path / "out"), tmp_path / "x", "recbole")


def test_unknown_form(made: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no export format 'recboll'; did you mean 'recbole'"):
        export(load_dataset(made), tmp_path / "x", "recboll")
    assert not (tmp_path / "x").exists()


def by_first_appearance() -> str:
    """Beauty as the published code numbers it: users by id, items as they first appear in that order."""
    with gzip.open(BEAUTY / "interactions.csv.gz", "rt", encoding="utf-8") as file:
        rows = [(row["user_id"], int(row["timestamp"]), row["item_id"]) for row in csv.DictReader(file)]
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    lines = [
        f"{users.setdefault(user, len(users) + 1)} {items.setdefault(item, len(items) + 1)}\n"
        for user, _, item in sorted(rows)
    ]
    return "".join(lines)


@pytest.mark.skipif(not BEAUTY.is_dir(), reason="shared/data/amazon-beauty is not here")
def test_the_published_form_of_beauty_is_a_fixed_point(tmp_path: Path) -> None:
    prepare(BEAUTY, tmp_path / "beauty")
    first = load_dataset(tmp_path / "beauty")
    export(first, tmp_path / "x", "sequences")
    text = (tmp_path / "x" / "amazon-beauty.txt").read_text()
    assert text == by_first_appearance()
    prepare(tmp_path / "x" / "amazon-beauty.txt", tmp_path / "again")
    again = load_dataset(tmp_path / "again")
    assert np.array_equal(again.sequences.offsets, first.sequences.offsets)
    export(again, tmp_path / "y", "sequences")
    assert (tmp_path / "y" / "amazon-beauty.txt").read_text() == text


def test_info(made: Path) -> None:
    facts = describe(load_dataset(made))
    assert (facts["users"], facts["items"], facts["interactions"]) == (12, 7, 60)
    assert facts["density"] == pytest.approx(60 / 84)
    assert facts["sequence_length"] == {"min": 5, "mean": 5.0, "median": 5.0, "p95": 5.0, "max": 5}
    assert facts["text_coverage"] == {"title": round(1 / 7, 4), "note": round(1 / 7, 4)}
    assert facts["time"] == {"first": 1.5, "last": 5.5}


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=60), st.integers(2, 9))
def test_histogram_counts_everything_once(values: list[int], bars: int) -> None:
    result = histogram(np.array(values), bars)
    assert sum(count for _, count in result) == len(values)
    assert len(result) <= bars


def test_top_share() -> None:
    assert top_share(np.array([91] + [1] * 9)) == pytest.approx(0.91)


def test_times_as_people_type_them() -> None:
    assert as_time("--since", "12.5") == 12.5
    assert as_time("--since", "2019-01-01T00:00:00+00:00") == as_time("--since", "2019-01-01") == 1546300800
    assert as_time("--since", None) is None
    with pytest.raises(DataError, match="since 'soon' is neither"):
        as_time("--since", "soon")
