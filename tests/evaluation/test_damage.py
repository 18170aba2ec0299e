"""What a run measured, damaged: said in one line, and the line's advice works."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.errors import RunError, StorageError
from sracl_core.evaluation.stored import load_ranks
from sracl_core.explorer import Explorer
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.reader import read_history
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(folder / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        return tiny_run(tiny_config(tiny_dataset(folder), {"training.max_epochs": 1}), folder / "runs")


@pytest.fixture
def copied(whole: RunDirectory, tmp_path: Path) -> RunDirectory:
    shutil.copytree(whole.path, tmp_path / "copied")
    return RunDirectory(tmp_path / "copied")


def test_ranks_are_right_or_refused_whatever_byte_is_wrong(whole: RunDirectory, copied: RunDirectory) -> None:
    data, right = whole.ranks_path.read_bytes(), load_ranks(whole, "test")
    refused = 0
    for place in [*range(0, 200), *range(200, len(data), 23)]:
        copied.ranks_path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            found = load_ranks(copied, "test")
        except RunError:
            refused += 1
        else:
            assert all(np.array_equal(found[name], right[name]) for name in right)
    assert refused > 50
    for cut in (0, 1, 100, len(data) - 1):
        copied.ranks_path.write_bytes(data[:cut])
        with pytest.raises(RunError, match="damaged; `sracl evaluate"):
            load_ranks(copied, "test")


def test_damaged_results_are_not_called_none(
    copied: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    copied.results_path.write_text('{"test"')
    with pytest.raises(RunError, match=r"results\.json is damaged; `sracl evaluate") as raised:
        Explorer.open(copied.path).metrics()
    assert sracl(["runs", "show", str(copied.path)]) == 2
    assert "results.json is damaged" in capsys.readouterr().err
    advised = str(raised.value).split("`")[1].split()
    assert sracl([*advised[1:], "--quiet"]) == 0
    assert Explorer.open(copied.path).metrics()["test"]


def test_what_may_not_be_read_is_said(copied: RunDirectory) -> None:
    copied.metrics_path.unlink()
    copied.metrics_path.mkdir()
    with pytest.raises(StorageError, match=r"cannot read .*metrics\.jsonl: a folder is in its place"):
        read_history(copied.path)
