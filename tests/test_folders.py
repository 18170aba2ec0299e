"""A folder is whole, old or new, whenever its maker is killed; and what is left is swept."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from sracl_core import disk
from sracl_core.errors import DataError
from sracl_core.files import SCRATCH, recovered, whole_folder

OPERATIONS = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.chmod", "open")


def make(out: Path, word: str) -> None:
    with whole_folder(out, mark="mark", parents=True) as work:
        for name in ("mark", "a", "b"):
            (work / name).write_text(word)
        (work / SCRATCH).mkdir()
        (work / SCRATCH / "raw").write_text(word)


def make_killed(out: Path, word: str, at: int) -> int:
    """`make` in a process that is killed before its file operation number `at`, if it comes to it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done = 0

    def count(event: str, _: object) -> None:
        nonlocal done
        done += event in OPERATIONS
        if event in OPERATIONS and done == at:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(count)
        make(out, word)
        os._exit(0)
    finally:
        os._exit(1)


def content(out: Path) -> str | None:
    """The one word in all files, None where there is no folder."""
    if not recovered(out).exists():
        return None
    assert sorted(path.name for path in out.iterdir()) == ["a", "b", "mark"]
    (word,) = {path.read_text() for path in out.iterdir()}
    return word


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("before", [None, "old"])
def test_killed_at_any_file_operation(
    tmp_path: Path, exchanges: bool, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanges:
        monkeypatch.setattr(disk, "_exchange", lambda *_: False)
    seen = set()
    for at in range(1, 100):
        out = tmp_path / str(at) / "out [1]*"
        if before:
            make(out, before)
        code = make_killed(out, "new", at)
        if at % 2:
            seen.add(content(out))
        make(out.parent / "other", "")
        seen.add(content(out))
        assert {path.name for path in out.parent.iterdir()} <= {out.name, "other"}
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert at > 8
    assert seen == {before, "new"}


def test_what_a_living_process_fills_is_not_swept(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out", mark="mark", parents=True) as work:
        disk.sweep(tmp_path)
        with whole_folder(tmp_path / "second", mark="mark", parents=True) as other:
            assert work.is_dir()
            (other / "mark").touch()
        (work / "mark").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "second"]


def test_a_folder_of_ones_own_is_not_swept(tmp_path: Path) -> None:
    for name in (".sracl-personal", ".sracl-mine.tmp", "sracl-1-2-3.tmp", ".other-1-2-3.tmp"):
        (tmp_path / name).mkdir()
    before = sorted(tmp_path.iterdir())
    disk.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_link_is_replaced_and_not_followed(
    tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanges:
        monkeypatch.setattr(disk, "_exchange", lambda *_: False)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mark").write_text("old")
    (tmp_path / "out").symlink_to("elsewhere")
    with whole_folder(tmp_path / "out", mark="mark", parents=True) as work:
        (work / "mark").write_text("new")
    assert not (tmp_path / "out").is_symlink()
    assert ((tmp_path / "out/mark").read_text(), (tmp_path / "elsewhere/mark").read_text()) == ("new", "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "out"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="odd"),
        whole_folder(tmp_path / "new/out", mark="mark", parents=True),
    ):
        raise ValueError("odd")
    assert not list(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    with (
        pytest.raises(DataError, match="holds something else"),
        whole_folder(tmp_path / "mine", mark="mark", parents=True),
    ):
        pass
    assert (tmp_path / "mine/file").exists()


def test_two_that_make_a_new_folder_at_once_leave_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen that nothing is there, and the second finds the folder of the first."""
    out, lexists, looked = tmp_path / "out", os.path.lexists, [False]
    make(out, "first")
    work = tmp_path / "work"
    make(work, "second")
    monkeypatch.setattr(disk.os.path, "lexists", lambda path: looked.pop() if looked else lexists(path))
    disk.swap(work, out)
    assert not looked
    assert content(out) == "second"
