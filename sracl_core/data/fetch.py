"""Brings files over HTTP: resumed where they were cut, and checked before they get their name."""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.data.archives import is_archive, unpack
from sracl_core.data.catalog import UNPACKED
from sracl_core.data.catalog_entries import Entry, RemoteFile
from sracl_core.errors import DataError, ServiceError, StorageError
from sracl_core.files import make_folder, move, read_json, storage_error, whole_folder, write_json
from sracl_core.progress import Progress
from sracl_core.sealed import file_hash

CHUNK = 1 << 18
TIMEOUT = 60.0
RECORD = "fetched.json"


@dataclass(frozen=True)
class Patience:
    """How often a file is tried, and the seconds before the second try (doubled each time)."""

    tries: int = 6
    pause: float = 1.0


def fetch(
    entry: Entry,
    folder: Path,
    mirror: str | None = None,
    progress: Progress | None = None,
    patience: Patience = Patience(),
) -> dict[str, Any]:
    """Bring an entry's files into `folder` and unpack archives; returns what is recorded of them.

    A file that is there is not fetched again, unless its checksum is known and is another. `mirror`
    is a base address to take the files from instead. Raises ServiceError where the server does not do
    its part, DataError where an archive is not fit, StorageError where the disk has no room.
    """
    make_folder(folder)
    record = _recorded(folder)
    result = {"name": entry.name, "licence": entry.licence, "citation": entry.citation, "files": record}
    for file in entry.files:
        record[file.name] = _bring(
            file, _url(file, mirror), folder, record.get(file.name, {}), progress, patience
        )
        write_json(folder / RECORD, result)
        _note(folder / file.name).unlink(missing_ok=True)
    return result


def planned(entry: Entry, folder: Path, mirror: str | None = None) -> list[dict[str, Any]]:
    """What `fetch` would do with each file: "fetch", "go on" where a part is there, "there already"."""
    record = _recorded(folder)
    return [
        {"name": file.name, "url": _url(file, mirror), "bytes": file.size, "left": left}
        for file in entry.files
        for target in [folder / file.name]
        for left in [
            "there already"
            if not _missing(file, target, record.get(file.name, {}))
            else "go on"
            if _part(target).exists()
            else "fetch"
        ]
    ]


def _recorded(folder: Path) -> dict[str, Any]:
    return dict((read_json(folder / RECORD) or {}).get("files", {}))


def _url(file: RemoteFile, mirror: str | None) -> str:
    return f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url


def _missing(file: RemoteFile, target: Path, earlier: dict[str, Any]) -> bool:
    sha256 = file.sha256 or earlier.get("sha256")
    return not target.is_file() or bool(sha256 and file_hash(target) != sha256)


def _bring(
    file: RemoteFile,
    url: str,
    folder: Path,
    earlier: dict[str, Any],
    progress: Progress | None,
    patience: Patience,
) -> dict[str, Any]:
    """See that one file is there and unpacked; returns its record, of which `earlier` is the last one."""
    target = folder / file.name
    missing = _missing(file, target, earlier)
    if missing:
        _download(url, file, target, progress, patience)
    record = {
        "url": url if missing else earlier.get("url") or _noted(target),  # None: somebody put the file there
        "bytes": target.stat().st_size,
        "sha256": file_hash(target),
        "verified": file.sha256 is not None,
    }
    if is_archive(target) and (earlier != record or not (folder / UNPACKED).is_dir()):
        try:
            with whole_folder(folder / UNPACKED, replace=True) as work:
                unpack(target, work)
        except DataError:
            if missing:
                target.unlink()  # no checksum is known that would have found it out
                _note(target).unlink(missing_ok=True)
            raise
    return record


def _download(
    url: str, file: RemoteFile, target: Path, progress: Progress | None, patience: Patience
) -> None:
    """Fetch into `NAME.part`, going on where an earlier try stopped; rename it when it is whole."""
    part = _part(target)
    for attempt in range(patience.tries):
        problem = _try(url, file, target, progress)
        if problem is None:
            break
        if attempt + 1 < patience.tries:
            time.sleep(patience.pause * 2**attempt)
    else:
        raise ServiceError(
            f"{url} cannot be fetched after {patience.tries} tries: {problem}; run the command again, "
            "it goes on where it stopped"
        )
    found = file_hash(part)
    if file.sha256 is not None and found != file.sha256:
        part.unlink()
        _note(target).unlink(missing_ok=True)
        raise ServiceError(
            f"{url} is not the known file: sha256 {found[:16]}... instead of {file.sha256[:16]}...; "
            "fetch it again"
        )
    move(part, target)


def _try(url: str, file: RemoteFile, target: Path, progress: Progress | None) -> str | None:
    """One try; None where the file is whole now, else what was wrong and may be better next time."""
    part = _part(target)
    try:
        size = _continue(url, file, target, progress)
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code not in (408, 429):
            raise ServiceError(f"{url} answers {error.code} {error.reason}; see its page") from error
        return f"it answers {error.code} {error.reason}"
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    except ValueError as error:
        raise ServiceError(f"{url} is no address to fetch from: {error}") from error
    except OSError as error:
        raise storage_error(error, part) from error
    have = part.stat().st_size
    return None if have == size else f"it sent {have:,} of {size:,} bytes"


def _continue(url: str, file: RemoteFile, target: Path, progress: Progress | None) -> int:
    """Ask for what is missing and append it; returns the size that the whole file has."""
    part = _part(target)
    have = part.stat().st_size if part.exists() else 0
    stamp = (read_json(_note(target)) or {}).get("stamp")
    headers = {"User-Agent": "sracl", "Accept-Encoding": "identity"}
    if have and stamp:
        # If-Range: a server whose file has changed since sends all of it.
        headers |= {"Range": f"bytes={have}-", "If-Range": stamp}
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            part.unlink()
            raise ConnectionError("the part that is here does not fit the file") from error
        raise
    with closing(answer):
        resumed = answer.status == 206
        start = have if resumed else 0
        size = _size(answer, start, file)
        _check_room(part.parent, size - start)
        stamp = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        weak = stamp is not None and stamp.startswith("W/")
        write_json(_note(target), {"url": url, "stamp": None if weak else stamp})
        with part.open("ab" if resumed else "wb") as out:
            done = start
            while chunk := answer.read(CHUNK):
                out.write(chunk)
                done += len(chunk)
                if progress:
                    progress(f"fetch {file.name} (bytes)", done, max(size, done))
    return size if size else done


def _size(answer: Any, start: int, file: RemoteFile) -> int:
    """Bytes of the whole file, 0 where the server does not say."""
    said = answer.headers.get("Content-Length")
    size = start + int(said) if said and said.isdigit() else file.size or 0
    if file.size is not None and size != file.size:
        raise ServiceError(f"{answer.url} has {size:,} bytes, the known file has {file.size:,}; see its page")
    return size


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(f"{folder} has {free:,} bytes free, {needed:,} are needed; free some")


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _note(target: Path) -> Path:
    """Where a file comes from, until `RECORD` says it."""
    return target.with_name(f"{target.name}.part.json")


def _noted(target: Path) -> str | None:
    """Where a whole file came from that a killed process had no time to record."""
    url = None if _part(target).exists() else (read_json(_note(target)) or {}).get("url")
    return url if isinstance(url, str) else None
