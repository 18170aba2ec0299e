"""Fetching from a local server: cut, resumed, corrupted, refused; archives that must not be unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sracl_core.data import archives
from sracl_core.data.catalog import find, known, locate, resolve
from sracl_core.data.catalog_entries import ENTRIES, Entry, RemoteFile
from sracl_core.data.dataset import load_dataset
from sracl_core.data.fetch import Patience, fetch
from sracl_core.data.info import describe
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.readers import READERS
from sracl_core.errors import DataError, ServiceError, StorageError
from tests.tiny import left_behind

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "movielens" / "ml-latest-small.zip"
SOON = Patience(tries=4, pause=0.001)
PATIENT = [HealthCheck.too_slow]  # a machine with other work may take its time
CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves `content`; misbehaves as its attributes say."""

    content = CONTENT
    cut_after: list[int]  # bytes after which each of the next answers breaks off
    failures: list[int]  # status of each of the next answers
    etag = '"one"'
    says_length = True
    ranges: list[str | None]
    asked: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        self.server.asked.append(self.path)
        if self.server.failures:
            self.send_error(self.server.failures.pop(0))
            return
        start = int(asked[6:-1]) if asked and self.headers.get("If-Range") == self.server.etag else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        cut = self.server.cut_after.pop(0) if self.server.cut_after else len(body)
        self.wfile.write(body[:cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.cut_after, server.failures, server.ranges, server.asked = [], [], [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def entry_of(*files: RemoteFile) -> Entry:
    return Entry("x", "a test", "table", "none", "none", "", files)


def plain_entry(server: Server, size: int | None = None, digest: str | None = None) -> Entry:
    return entry_of(RemoteFile("x.bin", f"{server.address}/x.bin", size, digest))


def test_whole_and_not_again(server: Server, tmp_path: Path) -> None:
    entry = plain_entry(server, len(CONTENT), sha256(CONTENT).hexdigest())
    seen: list[tuple[int, int]] = []
    record = fetch(entry, tmp_path, progress=lambda _, done, total: seen.append((done, total)), patience=SOON)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert record["files"]["x.bin"]["verified"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    fetch(entry, tmp_path, patience=SOON)
    assert server.ranges == [None]
    (tmp_path / "x.bin").write_bytes(b"spoiled later")
    left_behind(tmp_path / "unpacked").mkdir()
    left_behind(tmp_path / "fetched.json").touch()
    fetch(entry, tmp_path, patience=SOON)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetched.json", "x.bin"]


def test_an_unpublished_checksum_is_recorded_and_held_to(server: Server, tmp_path: Path) -> None:
    record = fetch(plain_entry(server), tmp_path, patience=SOON)["files"]["x.bin"]
    assert (record["verified"], record["sha256"]) == (False, sha256(CONTENT).hexdigest())
    fetch(plain_entry(server), tmp_path, patience=SOON)
    assert len(server.ranges) == 1


def test_a_file_that_somebody_put_there_is_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"brought on a stick")
    record = fetch(plain_entry(server), tmp_path, patience=SOON)["files"]["x.bin"]
    assert (record["url"], record["bytes"], server.ranges) == (None, 18, [])


def test_ended_before_the_record_was_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(made: Path, path: Path) -> None:
        made.replace(path)
        raise KeyboardInterrupt

    entry = plain_entry(server)
    with monkeypatch.context() as patched:
        patched.setattr("sracl_core.data.fetch.move", ends)
        with pytest.raises(KeyboardInterrupt):
            fetch(entry, tmp_path, patience=SOON)
    record = fetch(entry, tmp_path, patience=SOON)["files"]["x.bin"]
    assert (record["url"], len(server.ranges)) == (entry.files[0].url, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetched.json", "x.bin"]


def test_what_is_whole_is_recorded_though_the_next_file_fails(server: Server, tmp_path: Path) -> None:
    first = RemoteFile("a", f"{server.address}/a")
    with pytest.raises(ServiceError, match="cannot be fetched after 4 tries"):
        fetch(entry_of(first, RemoteFile("b", "http://127.0.0.1:9/b")), tmp_path, patience=SOON)
    record = json.loads((tmp_path / "fetched.json").read_text())
    assert list(record["files"]) == ["a"]


def test_a_server_that_says_no_length(server: Server, tmp_path: Path) -> None:
    server.says_length = False
    fetch(plain_entry(server), tmp_path, patience=SOON)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_proxies_of_the_environment_are_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request._opener", None)  # it keeps the proxies of the first request
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.address)
    fetch(entry_of(RemoteFile("x.bin", "http://data.invalid/x.bin")), tmp_path, patience=SOON)
    assert server.asked == ["http://data.invalid/x.bin"]
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_cut_answers_are_resumed(server: Server, tmp_path: Path) -> None:
    server.cut_after, server.failures = [300_000, 100_000], [503]
    fetch(plain_entry(server), tmp_path, patience=SOON)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert server.ranges == [None, None, "bytes=300000-", "bytes=400000-"]


def test_a_later_command_goes_on(server: Server, tmp_path: Path) -> None:
    server.cut_after = [300_000]
    with pytest.raises(ServiceError, match=r"sent 300,000 of 1,024,000 bytes; run the command again"):
        fetch(plain_entry(server), tmp_path, patience=Patience(tries=1))
    assert not (tmp_path / "x.bin").exists()
    fetch(plain_entry(server), tmp_path, patience=SOON)
    assert server.ranges[-1] == "bytes=300000-"
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_whole(server: Server, tmp_path: Path) -> None:
    server.cut_after = [300_000]
    with pytest.raises(ServiceError):
        fetch(plain_entry(server), tmp_path, patience=Patience(tries=1))
    server.content, server.etag = b"new" * 200_000, '"two"'
    fetch(plain_entry(server), tmp_path, patience=SOON)
    assert (tmp_path / "x.bin").read_bytes() == b"new" * 200_000


def test_a_corrupted_file_never_gets_its_name(server: Server, tmp_path: Path) -> None:
    entry = plain_entry(server, len(CONTENT), sha256(CONTENT).hexdigest())
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(ServiceError, match="is not the known file: sha256"):
        fetch(entry, tmp_path, patience=SOON)
    assert list(tmp_path.iterdir()) == []
    server.content = CONTENT
    fetch(entry, tmp_path, patience=SOON)


def test_refusals_are_one_line(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.failures = [404]
    with pytest.raises(ServiceError, match="answers 404"):
        fetch(plain_entry(server), tmp_path, patience=SOON)
    server.failures = [500] * 4
    with pytest.raises(ServiceError, match="after 4 tries: it answers 500"):
        fetch(plain_entry(server), tmp_path, patience=SOON)
    with pytest.raises(ServiceError, match="the known file has 7"):
        fetch(plain_entry(server, size=7), tmp_path, patience=SOON)
    with pytest.raises(ServiceError, match="cannot be fetched after"):
        fetch(entry_of(RemoteFile("x", "http://127.0.0.1:9/x")), tmp_path, patience=SOON)
    usage = type("usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match="10 bytes free, 1,024,000 are needed"):
        fetch(plain_entry(server), tmp_path, patience=SOON)


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "..\\out.csv", "C:out.csv"]
)
def test_no_path_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="outside its folder"):
        archives.unpack(zipped(tmp_path / "x.zip", {name: b"x"}), tmp_path / "in")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "x.zip"]


def test_no_bombs_links_or_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 20)
    target = tmp_path / "in"
    target.mkdir()
    with pytest.raises(DataError, match="unreasonable size"):
        archives.unpack(zipped(tmp_path / "x.zip", {"zeros": bytes(2_000_000)}), target)
    with pytest.raises(DataError, match="unreasonable size"):
        archives.unpack(zipped(tmp_path / "x.zip", {f"f{i}": b"" for i in range(21)}), target)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
        link = tarfile.TarInfo("link")
        link.type, link.linkname = kind, "/etc/passwd"
        with tarfile.open(tmp_path / "x.tar", "w") as archive:
            archive.addfile(link)
        with pytest.raises(DataError, match="holds a link"):
            archives.unpack(tmp_path / "x.tar", target)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="holds a link"):
        archives.unpack(tmp_path / "x.zip", target)
    content = bytearray(zipped(tmp_path / "x.zip", {"a.csv": b"x"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match="is encrypted; unpack it with its password"):
        archives.unpack(tmp_path / "x.zip", target)
    assert not (target / "link").is_symlink()
    assert not (target / "link").exists()
    good = zipped(tmp_path / "x.zip", {"a.csv": b"x" * 10_000}).read_bytes()
    for damage in (good[:-10], good[:40] + b"????" + good[44:], b""):
        (tmp_path / "x.zip").write_bytes(damage)
        with pytest.raises(DataError, match="damaged"):
            archives.unpack(tmp_path / "x.zip", target)


def test_unpacking_looks_for_room_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(tmp_path / "x.zip", {"a.csv": bytes(range(256)) * 40})
    (tmp_path / "in").mkdir()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 10}))
    with pytest.raises(StorageError, match=r"no room for a\.csv of 10,240 bytes"):
        archives.unpack(archive, tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.parametrize("members", [{"a": b"", "a/b": b""}, {"a/b": b"", "a": b""}, {"n" * 300: b""}])
def test_members_that_no_folder_can_hold(tmp_path: Path, members: dict[str, bytes]) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="unpacked"):
        archives.unpack(zipped(tmp_path / "x.zip", members), tmp_path / "in")


def archive_bytes(ending: str) -> bytes:
    out = io.BytesIO()
    if ending == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("d/a.csv", "user_id,item_id\n" * 5)
    else:
        with tarfile.open(fileobj=out, mode="w:gz" if ending == ".tar.gz" else "w") as archive:
            info = tarfile.TarInfo("d/a.csv")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    return out.getvalue()


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
@settings(max_examples=60, deadline=None, suppress_health_check=PATIENT)
@given(data=st.data())
def test_any_bytes_unpack_inside_or_are_refused(ending: str, data: st.DataObject) -> None:
    content = bytearray(archive_bytes(ending))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    with tempfile.TemporaryDirectory() as folder:
        archive, inside = Path(folder) / f"x{ending}", Path(folder) / "in"
        archive.write_bytes(bytes(content))
        inside.mkdir()
        message = ""
        try:
            archives.unpack(archive, inside)
        except DataError as error:
            message = str(error)
        assert not message or (str(archive) in message and "\n" not in message)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["in", archive.name]


PACKINGS: dict[str, Any] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("ending", archives.ENDINGS[1:])
def test_tar_archives(tmp_path: Path, ending: str) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        info = tarfile.TarInfo("d/a.csv")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    kind = {".tgz": "gz", ".txz": "xz", ".tbz": "bz2", ".tbz2": "bz2"}.get(ending, ending.rpartition(".")[2])
    path = tmp_path / f"x{ending}"
    path.write_bytes(PACKINGS.get(kind, bytes)(held.getvalue()))
    assert archives.is_archive(path)
    archives.unpack(path, tmp_path)
    assert (tmp_path / "d" / "a.csv").read_bytes() == b"abc"
    path.write_bytes(path.read_bytes()[:-9])
    (tmp_path / "again").mkdir()
    if kind != "tar":
        with pytest.raises(DataError, match="damaged or cannot be unpacked"):
            archives.unpack(path, tmp_path / "again")


@pytest.mark.parametrize("kind", PACKINGS)
def test_what_describes_a_member_may_not_be_endless(tmp_path: Path, kind: str) -> None:
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, 20 << 20
    record = b"%d comment=" % head.size
    path = tmp_path / f"x.tar.{kind}"
    content = head.tobuf(tarfile.USTAR_FORMAT) + record.ljust(head.size - 1, b"a") + b"\n"
    path.write_bytes(PACKINGS[kind](content))
    with pytest.raises(DataError, match="unpacks to over 16,777,216 bytes, 200 times its size"):
        archives.unpack(path, tmp_path)
    table = tmp_path / f"log.csv.{kind}"
    table.write_bytes(PACKINGS[kind](content))
    with pytest.raises(DataError, match=r"unpacks to over|is a tar archive"):
        prepare(table, tmp_path / "out")


def test_catalogue(tmp_path: Path) -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        assert entry.licence
        assert entry.citation
        assert entry.bundled or entry.manual or entry.files
    states = {each.entry.name: each.state for each in known(tmp_path)}
    assert (states["sample"], states["ml-1m"], states["yelp"]) == ("here", "fetch", "put")
    (tmp_path / "ml-1m").mkdir()
    (tmp_path / "ml-1m" / "ml-1m.zip").write_bytes(b"not the whole of it")
    assert locate(find("ml-1m"), tmp_path).state == "fetch"
    assert find("amazon2023-All_Beauty").files[0].url.endswith("/All_Beauty.jsonl.gz")
    with pytest.raises(DataError, match="did you mean 'All_Beauty'"):
        find("amazon2023-AllBeauty")
    with pytest.raises(DataError, match=r"'ml-1n' is not in the catalogue; did you mean 'ml-1m'\?"):
        find("ml-1n")
    with pytest.raises(DataError, match="bring it with `sracl data fetch ml-1m "):
        resolve(["ml-1m"], tmp_path)
    with pytest.raises(DataError, match=r"yelp is not here; accept the terms .* into this folder: .*yelp"):
        resolve(["yelp"], tmp_path)
    paths, entry = resolve(["sample"], tmp_path)
    assert entry is not None
    assert prepare(paths, tmp_path / "out")["counts"]["users"] > 1000


def test_every_address_and_checksum_of_the_catalogue_is_well_formed() -> None:
    for entry in ENTRIES:
        for file in entry.files:
            assert file.url.startswith("https://")
            assert file.url.endswith(f"/{file.name}")
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert entry.reader in READERS
        assert entry.bundled or entry.page.startswith("https://")
    verified = {entry.name for entry in ENTRIES if entry.files and all(f.sha256 for f in entry.files)}
    assert verified == {"ml-100k", "ml-1m", "ml-20m", "ml-25m", "ml-32m"}


@pytest.mark.skipif(not ARCHIVE.is_file(), reason="shared/data/movielens is not here")
def test_a_damaged_archive_of_unknown_checksum_is_not_kept(server: Server, tmp_path: Path) -> None:
    entry, whole = find("ml-latest-small"), ARCHIVE.read_bytes()
    middle = len(whole) // 2
    server.content = whole[:middle] + bytes(100) + whole[middle + 100 :]
    with pytest.raises(DataError, match="damaged or cannot be unpacked"):
        fetch(entry, tmp_path, server.address, patience=SOON)
    assert list(tmp_path.iterdir()) == []
    server.content = whole
    fetch(entry, tmp_path, server.address, patience=SOON)
    assert (tmp_path / "unpacked" / "ml-latest-small" / "ratings.csv").is_file()


@pytest.mark.skipif(not ARCHIVE.is_file(), reason="shared/data/movielens is not here")
def test_a_real_archive_from_fetch_to_one_epoch(server: Server, tmp_path: Path) -> None:
    server.content = ARCHIVE.read_bytes()
    server.cut_after = [500_000]
    base = [sys.executable, "-m", "sracl_core.cli.main", "data"]
    raw, out = ["--raw-dir", str(tmp_path / "raw")], tmp_path / "ml"

    def run(*words: str) -> str:
        command = [*base, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    run("fetch", "ml-latest-small", "--mirror", server.address, *raw)
    assert any(server.ranges)
    run("prepare", "ml-latest-small", "--out", str(out), *raw)
    facts = describe(load_dataset(out))
    assert facts["funnel"][0]["interactions"] == 100_026
    assert (facts["users"], facts["items"], facts["interactions"]) == (672, 3_498, 90_096)
    assert facts["text_coverage"] == {"title": 1.0, "genres": 1.0}
    direct = prepare(ARCHIVE, tmp_path / "direct", PrepareOptions())
    assert direct["identity"] == facts["identity"]
    assert locate(find("ml-latest-small"), tmp_path / "raw").state == "here"
    small = PrepareOptions(sample_users=40, max_length=12)
    prepare(ARCHIVE, tmp_path / "small", small)
    keys = ("training.max_epochs=1", "training.threads=1", "retrieval.k=2", "retrieval.source=random")
    sets = [word for key in keys for word in ("--set", key)]
    words = ["train", "--dataset", str(tmp_path / "small"), "--runs-dir", str(tmp_path / "runs"), *sets]
    subprocess.run([*base[:-1], *words], capture_output=True, check=True, timeout=250)
    (results,) = (tmp_path / "runs").glob("*/results.json")
    assert "test" in json.loads(results.read_text())
