"""Whole files and folders: what a full disk, a kill, a missing right or a removed folder leaves and says."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sracl_core import arrays, disk
from sracl_core.errors import StorageError
from sracl_core.files import make_folder, move, whole_file, whole_folder, write_text
from tests.small_disk import on_a_small_disk
from tests.trained import ROOT


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one")
    with pytest.raises(TypeError), whole_file(path) as stream:
        stream.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_text() == "one"
    write_text(path, "two", durable=False)
    assert path.read_text() == "two"
    assert names(tmp_path) == ["a.txt"]


KILLED = """
import os, signal, sys
from pathlib import Path
from sracl_core.files import whole_file, whole_folder
with whole_folder(Path(sys.argv[1]) / "out") as work, whole_file(Path(sys.argv[1]) / "file") as stream:
    stream.write(b"half")
    (work / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_process_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
    assert child.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    mine = disk.beside(tmp_path / "mine")
    mine.touch()
    disk.sweep(tmp_path)
    assert names(tmp_path) == [mine.name]


@pytest.mark.parametrize("kind", ["folder gone", "folder in place", "file for folder"])
def test_what_stands_in_the_way_is_said(tmp_path: Path, kind: str) -> None:
    path, said = tmp_path / "a", "a folder is in its place"
    if kind == "folder gone":
        path, said = tmp_path / "gone" / "a", "its folder has been removed"
    elif kind == "folder in place":
        path.mkdir()
    else:
        path.touch()
        path, said = path / "b", "a file is where a folder is needed"
    with pytest.raises(StorageError, match=f"cannot write {path}: .*{said}"):
        write_text(path, "x")


def test_an_unreadable_source_is_no_fault_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "out") as work:
        (work / "copy").write_bytes((tmp_path / "source").read_bytes())


def test_the_cache_says_how_to_move_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").touch()
    with pytest.raises(StorageError, match=r"or set SRACL_CACHE_DIR to another folder$"):
        make_folder(tmp_path / "cache" / "vectors")


def test_a_finished_file_takes_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.part").write_text("x")
    move(tmp_path / "a.part", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "x"
    with pytest.raises(StorageError):
        move(tmp_path / "a.part", tmp_path / "a")


FULL = """
import shutil, sys
from pathlib import Path
import numpy as np, polars as pl, torch
from safetensors.torch import save_file
from sracl_core.errors import StorageError
from sracl_core.arrays import save_array
from sracl_core.files import scratch_folder, whole_file, whole_folder, write_text
from sracl_core.service import exporting, forms
from sracl_core.training.checkpoint import save_checkpoint

elsewhere, folder, many = Path(sys.argv[1]), Path(sys.argv[2]), np.arange(100_000)

def array():
    with whole_file(folder / "a.npy") as file:
        np.save(file, many)

def archive():
    with whole_file(folder / "a.npz") as file:
        np.savez(file, many=many)

def table():
    with whole_folder(folder / "out") as work:
        pl.DataFrame({"a": many}).write_parquet(work / "x.parquet")

def array_of_a_folder():
    with whole_folder(folder / "out") as work:
        save_array(work / "x.npy", many)

def scratch():
    with scratch_folder(folder / "no" / "out") as work:
        (work / "x").write_bytes(many.tobytes())

def copy():
    (elsewhere / "large").write_bytes(many.tobytes())
    with whole_folder(folder / "out") as work:
        shutil.copyfile(elsewhere / "large", work / "large")

def index():
    with whole_folder(folder / "out") as work:
        vectors = np.random.default_rng(0).random((500, 64), np.float32)
        exporting._write_index(vectors, vectors[:9], work / "items.hnsw")

def lists():
    part = elsewhere / "part.parquet"
    columns = {"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String}
    rows = pl.DataFrame({"user_id": many, "rank": many, "item_id": many, "score": many, "source": many})
    rows.cast(columns).write_parquet(part)
    try:
        forms.join([part], folder / "out.jsonl", folder)
    finally:
        (folder / "whole.jsonl").unlink(missing_ok=True)

def text():
    write_text(folder / "a.txt", "x" * 1_000_000)

def weights():
    save_checkpoint(folder / "last", {"model": {"w": torch.zeros(100_000)}}, {})

for write in (array, archive, table, array_of_a_folder, scratch, copy, index, lists, text, weights):
    try:
        write()
        print(write.__name__, "was written")
    except StorageError as error:
        print(write.__name__, error)
print(sorted(path.name for path in folder.iterdir()))
"""


def test_a_full_disk_is_called_full_whoever_writes(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    ran = on_a_small_disk(tmp_path / "disk", FULL, str(tmp_path), size="64k")
    *said, left = ran.stdout.splitlines()
    assert len(said) == 10, ran.stderr
    assert [line for line in said if "no space is left on the disk" not in line] == []
    assert left == "['ballast']"


FORBIDDEN = """
import os, sys
from pathlib import Path
import platformdirs, psutil
from sracl_core.errors import StorageError
from sracl_core.files import whole_folder, write_text
folder = Path(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
for write in (lambda: write_text(folder / "a", ""), whole_folder(folder / "b").__enter__):
    try:
        write()
    except StorageError as error:
        print(error)
"""


def test_a_missing_right_is_called_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    command = [sys.executable, "-c", FORBIDDEN, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    tmp_path.chmod(0o755)
    said = ran.stdout.splitlines()
    assert [line.split(": ")[0] for line in said] == [f"cannot write {tmp_path / name}" for name in "ab"]
    assert all("permission is denied" in line for line in said), ran


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
    with whole_file(tmp_path / "a.npy") as stream:
        np.save(stream, values)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), values)


@pytest.mark.parametrize("most", [1 << 20, 0])
def test_an_array_that_is_cut_or_written_over_stays_as_it_was_unless_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(arrays, "MOST_READ_BYTES", most)
    values = np.arange(3000, dtype=np.float32)
    arrays.save_array(tmp_path / "a.npy", values)
    found = arrays.open_array(tmp_path / "a.npy")
    if not most:
        assert isinstance(found, np.memmap)
        return
    (tmp_path / "a.npy").write_bytes(b"")
    np.testing.assert_array_equal(found, values)
