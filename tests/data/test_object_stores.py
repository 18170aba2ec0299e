"""What lies in an object store: read by its address, put there whole, and copied again when it changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from sracl_core.data.append import append
from sracl_core.data.dataset import load_dataset, read_manifest
from sracl_core.data.object_store import here, placed
from sracl_core.data.prepare import prepare
from sracl_core.errors import InputError, ServiceError
from sracl_core.pipeline.caches import cached, to_clear

SAMPLE = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder that is asked as a store is, by file:// and the same driver's words."""
    raw = tmp_path / "store" / "raw"
    raw.mkdir(parents=True)
    for name in ("interactions.csv", "items.csv"):
        shutil.copy(SAMPLE / name, raw)
    return tmp_path / "store"


@pytest.fixture
def server(store: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(store))) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


def test_a_dataset_is_made_from_one_address_at_another_and_is_the_one_of_paths(
    store: Path, tmp_path: Path
) -> None:
    at = store.as_uri()
    there = prepare(f"{at}/raw", f"{at}/prepared")
    plain = prepare(store / "raw", tmp_path / "plain")
    assert there["identity"] == plain["identity"]
    assert there["name"] == plain["name"] == "raw"
    assert read_manifest(Path(f"{at}/prepared")) == there  # a Path has one slash of two
    found, expected = load_dataset(f"{at}/prepared"), load_dataset(tmp_path / "plain")
    assert (found.sequences.values == expected.sequences.values).all()
    grown = append(Path(f"{at}/prepared"), [Path(f"{at}/raw/interactions.csv")], Path(f"{at}/tonight"))
    assert grown["counts"] == there["counts"]
    assert load_dataset(f"{at}/tonight").identity == grown["identity"]


def test_a_copy_is_made_once_and_again_when_the_store_has_another(store: Path, tmp_path: Path) -> None:
    at, told = f"{store.as_uri()}/raw", list[tuple[str, int, int]]()
    first = here(at, lambda *say: told.append(say))
    size = sum(path.stat().st_size for path in (store / "raw").iterdir())
    assert told[-1] == ("download (bytes)", size, size)
    told.clear()
    assert here(at, lambda *say: told.append(say)) == first
    assert not told
    (store / "raw" / "items.csv").write_text("item_id,title\na,b\n")
    assert (here(at) / "items.csv").read_text() == "item_id,title\na,b\n"
    (store / "raw" / "items.csv").unlink()
    assert [path.name for path in here(at).iterdir()] == ["interactions.csv"]
    entries = [entry for entry in cached(tmp_path / "runs") if entry.kind == "copy"]
    assert [entry.name for entry in entries] == [at]
    assert not to_clear(entries)


def test_a_file_of_a_web_server(server: str, tmp_path: Path) -> None:
    files = [f"{server}/raw/{name}" for name in ("interactions.csv?version=1", "items.csv")]
    made = prepare(files, tmp_path / "out")
    assert made["counts"]["users"] == 1200
    with pytest.raises(InputError, match=rf"{server}/raw/nothing.csv is not there; look for the address"):
        prepare(f"{server}/raw/nothing.csv", tmp_path / "other")


def test_a_store_is_written_whole_or_not_at_all(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, names, put = f"{store.as_uri()}/out", ("table", "manifest"), LocalFileSystem.put_file

    def write(version: str) -> None:
        with placed(out, names) as work:
            work.mkdir()
            for name in names:
                (work / name).write_text(version)

    write("one")
    write("two")
    assert {path.name: path.read_text() for path in (store / "out").iterdir()} == dict.fromkeys(names, "two")

    def torn(self: LocalFileSystem, here: str, there: str, **options: object) -> None:
        if there.endswith("/manifest"):
            raise OSError("the line is cut")
        put(self, here, there, **options)

    monkeypatch.setattr(LocalFileSystem, "put_file", torn)
    with pytest.raises(ServiceError, match=f"cannot write {out}: the line is cut"):
        write("three")
    assert [path.name for path in (store / "out").iterdir()] == ["table"]  # nobody takes it for a whole one
    monkeypatch.undo()
    write("four")
    assert (store / "out" / "manifest").read_text() == "four"


def test_what_cannot_be_is_said_in_one_line(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = store.as_uri()
    with pytest.raises(InputError, match=f"{at}/raw is there already and holds something else"):
        prepare(f"{at}/raw", f"{at}/raw")
    with pytest.raises(InputError, match=f"{at}/none is not there"):
        load_dataset(f"{at}/none")
    with pytest.raises(InputError, match=r"cannot read hdfs://shop/log\.csv: "):
        prepare("hdfs://shop/log.csv", store / "out")

    def refusing(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refusing)
    with pytest.raises(
        ServiceError, match=r"the store does not allow it \(Access Denied\); its driver takes"
    ):
        here(f"{at}/raw")


def test_an_object_that_would_lie_outside_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(self: LocalFileSystem, path: str, **_: object) -> dict[str, dict[str, object]]:
        return {f"{path}/../{name}": {"name": name, "size": 1, "type": "file"} for name in ("evil",)}

    monkeypatch.setattr(LocalFileSystem, "find", find)
    with pytest.raises(InputError, match=r"an object called \.\./evil, which is no place in a folder"):
        here(f"{store.as_uri()}/raw")


def test_a_mark_of_a_folder_is_no_file(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles of stores leave an empty object that is called as the folder is, with a / behind."""
    find = LocalFileSystem.find

    def marked(self: LocalFileSystem, path: str, **how: object) -> dict[str, dict[str, object]]:
        mark = {f"{path}/": {"name": f"{path}/", "size": 0, "type": "file"}}
        return mark | find(self, path, **how)

    monkeypatch.setattr(LocalFileSystem, "find", marked)
    at = store.as_uri()
    (store / "out").mkdir()
    prepare(f"{at}/raw", f"{at}/out")
    assert load_dataset(f"{at}/out").n_items == 399


def test_the_command_names_the_address_and_the_run_learns_from_it(store: Path, tmp_path: Path) -> None:
    out, runs = f"{store.as_uri()}/prepared", str(tmp_path / "runs")

    def said(*words: str) -> str:
        command = [sys.executable, "-m", "sracl_core.cli.main", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr

    assert f"{out}: ready; next: sracl train {out}" in said(
        "data", "prepare", f"{store.as_uri()}/raw", "--out", out, "--sample-users", "150"
    )
    plain = "model.item_init=random", "objectives.sracl.weight=0", "model.layers=1"
    said("train", out, "--epochs", "1", "--runs-dir", runs, *(f"--set={one}" for one in plain))
    said("evaluate", "last", "--runs-dir", runs)
