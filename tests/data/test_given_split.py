"""A split of one's own: files for validation and test, kept in the dataset and used by a run."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.reading.base import ReadOptions
from sracl_core.data.sources import load_sources
from sracl_core.errors import ConfigError, DataError
from sracl_core.pipeline.caveats import caveats
from sracl_core.settings.models import RunConfig

CHANCE = Random(3)
ROWS = [(f"u{at % 12:02}", f"i{CHANCE.randrange(9)}", 1_600_000_000 + at * 60) for at in range(120)]
PARTS = {"train": ROWS[:72], "valid": ROWS[72:90], "test": ROWS[90:]}


def write(folder: Path, parts: dict[str, list[tuple[str, str, int]]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        lines = ["user_id,item_id,timestamp", *(",".join(map(str, row)) for row in rows)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def made(folder: Path) -> dict[str, object]:
    reading = ReadOptions(valid=(folder / "valid.csv",), test=(folder / "test.csv",))
    return prepare(folder / "train.csv", folder / "out", PrepareOptions(k_core=1, read=reading))


def config(folder: Path, split: str) -> RunConfig:
    return RunConfig.model_validate({"dataset": {"path": str(folder), "split": split}})


def test_queries_are_the_first_of_each_part(tmp_path: Path) -> None:
    made(write(tmp_path, PARTS))
    sources = load_sources(config(tmp_path / "out", "given"))
    split, dataset = sources.split, sources.dataset
    by_user: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for part, rows in PARTS.items():
        for user, item, _ in rows:
            by_user[user][part].append(item)
    for asked, users, targets, ends in (
        ("valid", split.valid_users, dataset.sequences.values[split.valid_ends], split.valid_ends),
        ("test", split.test_users, split.test_targets, split.test_ends),
    ):
        expected = {user for user, parts in by_user.items() if parts[asked] and parts["train"]}
        assert {dataset.users.id_of(user) for user in users} == expected
        for user, target, end in zip(users, targets, ends, strict=True):
            own = by_user[dataset.users.id_of(user)]
            before = own["train"] + (own["valid"] if asked == "test" else [])
            history = dataset.sequences.values[dataset.sequences.offsets[user] : end]
            assert [dataset.items.id_of(item) for item in history] == before
            assert dataset.items.id_of(target) == own[asked][0]
    train = [dataset.items.id_of(item) for item in split.train.of(0)]
    assert train == by_user["u00"]["train"]


def test_it_is_said_and_not_forgotten(tmp_path: Path) -> None:
    manifest = made(write(tmp_path, PARTS))
    notes = manifest["notes"]
    assert isinstance(notes, list)
    assert any("72 interactions to train on, 18 for validation, 30 for test" in note for note in notes)
    for split, expected in (("leave_one_out", True), ("given", False)):
        asked = config(tmp_path / "out", split)
        said = caveats(asked, load_sources(asked), {})
        assert any("--set dataset.split=given uses it" in line for line in said) == expected
    again = prepare(tmp_path / "out", tmp_path / "again", PrepareOptions(k_core=1))
    assert again["identity"] == manifest["identity"]
    plain = prepare([tmp_path / f"{name}.csv" for name in PARTS], tmp_path / "p", PrepareOptions(k_core=1))
    assert plain["identity"] != manifest["identity"]


def test_leaks_between_the_parts_are_said(tmp_path: Path) -> None:
    parts = {**PARTS, "test": [*PARTS["test"], PARTS["train"][0]]}
    notes = made(write(tmp_path, parts))["notes"]
    assert isinstance(notes, list)
    assert any("warning: 1 interaction of --valid or --test is also in" in note for note in notes)
    assert any("for 1 user a later part begins before the earlier one ends" in note for note in notes)
    notes = made(write(tmp_path, {**PARTS, "test": PARTS["valid"]}))["notes"]
    assert isinstance(notes, list)
    assert any("72 interactions to train on, 18 for validation, 18 for test" in note for note in notes)
    assert any("warning: 18 interactions of --valid or --test are also in" in note for note in notes)


def test_what_is_wrong_is_one_line_that_helps(tmp_path: Path) -> None:
    folder = write(tmp_path, PARTS)
    with pytest.raises(DataError, match="valid and test belong together"):
        ReadOptions(valid=(folder / "valid.csv",))
    prepare(folder / "train.csv", folder / "out", PrepareOptions(k_core=1))
    with pytest.raises(ConfigError, match="has no split of its own; prepare it with"):
        load_sources(config(folder / "out", "given"))
    made(folder)
    assert len(load_sources(config(folder / "out", "given")).split.test_users) == 12
    reading = ReadOptions(valid=(folder / "valid.csv",), test=(folder / "gone.csv",))
    with pytest.raises(DataError, match=r"gone\.csv is not there"):
        prepare(folder / "train.csv", folder / "out", PrepareOptions(read=reading))
