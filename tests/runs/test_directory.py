from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sracl_core.errors import InputError, RunError, StorageError
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import RunDirectory, create_run, open_run
from sracl_core.settings.models import RunConfig


def test_a_new_run_opens_again_with_the_same_settings(run: RunDirectory) -> None:
    again = open_run(run.path)
    assert again.config == RunConfig.model_validate({"dataset": {"path": "data/shop"}})
    assert yaml.safe_load(run.config_path.read_text())["training"]["seed"] == 42
    assert again.state()["status"] == "running"
    assert again.meta()["format_version"] == 1
    assert again.results() is None
    assert run.name.endswith("-shop-sasrec")


def test_two_runs_in_the_same_second_get_two_folders(tmp_path: Path) -> None:
    made = {create_run(tmp_path, "same", RunConfig(), {}).path for _ in range(3)}
    assert len(made) == 3
    assert len(list_runs(tmp_path)) == 3


@pytest.mark.parametrize(
    ("name", "label"), [("a b/../c", "a-b-..-c"), ("émile Zürich", "emile-Zurich"), ("x" * 200, "x" * 80)]
)
def test_a_name_becomes_a_safe_folder(tmp_path: Path, name: str, label: str) -> None:
    path = create_run(tmp_path, name, RunConfig(), {}).path
    assert path.parent == tmp_path
    assert path.name.split("-", 2)[2] == label


def test_a_name_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    for name in (" ../ ", "茶屋"):
        with pytest.raises(
            InputError, match=r"cannot be named '.*': give it a name with a letter from a to z"
        ):
            create_run(tmp_path, name, RunConfig(), {})
    assert not list(tmp_path.iterdir())


def test_what_is_no_run_is_refused(tmp_path: Path, run: RunDirectory) -> None:
    with pytest.raises(RunError, match="no run directory"):
        open_run(tmp_path / "absent")
    with pytest.raises(RunError, match="not a run directory"):
        open_run(tmp_path)
    (tmp_path / "export.json").write_text("{}")
    with pytest.raises(RunError, match="it is an export, which `sracl serve` and"):
        open_run(tmp_path)
    run.meta_path.write_text("{cut")
    with pytest.raises(RunError, match="damaged"):
        open_run(run.path)
    run.meta_path.write_text(json.dumps({"format_version": 2}))
    with pytest.raises(RunError, match="run format 2, this version reads up to 1"):
        open_run(run.path)


def test_a_setting_of_the_wrong_kind_is_named(run: RunDirectory) -> None:
    run.config_path.write_text("training: {max_epochs: many}\n")
    with pytest.raises(RunError, match=r"training\.max_epochs: Input should be a valid integer"):
        _ = open_run(run.path).config


def test_damaged_settings_are_named(run: RunDirectory) -> None:
    run.config_path.write_text("training: {seed: -1}")
    with pytest.raises(RunError, match=r"config\.yaml cannot be read: .*greater than or equal to 0"):
        _ = open_run(run.path).config


def test_a_list_passes_over_other_folders_and_shows_damaged_runs(tmp_path: Path, run: RunDirectory) -> None:
    (run.path.parent / "notes").mkdir()
    run.config_path.write_text("{")
    run.state_path.write_text("")
    (summary,) = list_runs(run.path.parent)
    assert (summary.status, summary.dataset) == ("damaged", "shop")
    assert list_runs(tmp_path / "absent") == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        create_run(tmp_path / "file", "x", RunConfig(), {})
