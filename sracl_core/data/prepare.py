"""From raw files to a prepared dataset: read, filter, number, write."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

import polars as pl

from sracl_core.data import filters
from sracl_core.data.archives import is_archive, unpack
from sracl_core.data.dataset import FORMAT_VERSION, INTERACTIONS, ITEMS, MANIFEST
from sracl_core.data.filters import Log
from sracl_core.data.hashing import identity, tied
from sracl_core.data.numbering import Numbered, encode, item_rows, number
from sracl_core.data.readers import detect, read_source
from sracl_core.data.readers.base import ReadOptions
from sracl_core.errors import DataError, StorageError
from sracl_core.files import SCRATCH, appearing
from sracl_core.progress import Progress

STAGES = ("read", "encode", "filter", "number", "write")


@dataclass(frozen=True)
class PrepareOptions:
    """What to keep; all of it is recorded in the dataset's manifest.

    k_core: least interactions of each user and item; 1 keeps all (users need 3 in any case).
    since, until: keep times in [since, until), in the units of the data (seconds where dates).
    max_length: keep each user's latest interactions, after the k-core.
    sample_users: keep so many users, drawn by `seed`, after the k-core: for a quick look.
    """

    k_core: int = 5
    min_rating: float | None = None
    since: float | None = None
    until: float | None = None
    max_length: int | None = None
    sample_users: int | None = None
    seed: int = 42
    read: ReadOptions = field(default_factory=ReadOptions)
    name: str | None = None
    licence: str | None = None
    citation: str | None = None

    def __post_init__(self) -> None:
        if self.k_core < 1:
            raise DataError(f"--k-core {self.k_core} is less than 1; 1 keeps every user and item")
        if self.max_length is not None and self.max_length < filters.LEAST_HISTORY:
            raise DataError(f"--max-length {self.max_length} is less than {filters.LEAST_HISTORY}; raise it")
        if self.sample_users is not None and self.sample_users < 1:
            raise DataError(f"--sample-users {self.sample_users} is less than 1; raise it")

    def recorded(self) -> dict[str, Any]:
        """The choices that decide the content, by name."""
        choices = asdict(self)
        choices |= choices.pop("read")
        for elsewhere in ("name", "licence", "citation", "format", "with_ratings"):
            del choices[elsewhere]
        return choices


def prepare(
    source: Path | list[Path],
    out: Path,
    options: PrepareOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make the prepared dataset `out` of raw files and return its manifest.

    Raises DataError where the files cannot be used; `out` is then as it was before.
    """
    options = options or PrepareOptions()
    paths = [Path(path) for path in (source if isinstance(source, list) else [source])]
    reading = replace(options.read, with_ratings=options.min_rating is not None)

    def at(stage: str) -> None:
        if progress:
            progress("prepare", STAGES.index(stage), len(STAGES))

    with appearing(Path(out), MANIFEST) as work:
        at("read")
        form, files = detect(_unpacked(paths, work / SCRATCH), options.read.format)
        raw = read_source(form, files, reading, work / SCRATCH)
        at("encode")
        encoded, known_items, notes = encode(raw.interactions), raw.items, raw.notes
        del raw  # its ids as text are most of the memory
        at("filter")
        log = Log(encoded.frame)
        apply_filters(log, options)
        at("number")
        numbered = number(encoded, log.frame)
        items, missing = item_rows(numbered.item_ids, known_items)
        at("write")
        manifest = _manifest(numbered, items) | {
            "name": options.name or _name_of(paths[0]),
            "source": {"format": form, "files": [_described(path) for path in files]},
            "filters": options.recorded(),
            "funnel": log.funnel,
            "licence": options.licence,
            "citation": options.citation,
            "notes": notes,
        }
        manifest["counts"]["items_without_row"] = missing
        _write(work, numbered, items, manifest)
    if progress:
        progress("prepare", len(STAGES), len(STAGES))
    return manifest


def _unpacked(paths: list[Path], scratch: Path) -> list[Path]:
    """Archives among the paths become the folders of what they hold."""
    result = []
    for count, path in enumerate(paths):
        if is_archive(path):
            folder = scratch / f"archive-{count}"
            folder.mkdir()
            unpack(path, folder)
            path = folder
        result.append(path)
    return result


def apply_filters(log: Log, options: PrepareOptions) -> None:
    """Every filter that is asked for, in the order in which the funnel shows them."""
    log.keep("read", log.frame)
    if options.min_rating is not None:
        filters.by_rating(log, options.min_rating)
    if options.since is not None or options.until is not None:
        filters.by_time(log, options.since, options.until)
    filters.without_duplicates(log)
    filters.by_core(log, options.k_core)
    if options.sample_users is not None:
        filters.by_sample(log, options.sample_users, options.seed)
    if options.max_length is not None:
        filters.by_length(log, options.max_length)


def _manifest(numbered: Numbered, items: pl.DataFrame) -> dict[str, Any]:
    users = numbered.user_ids.to_list()
    return {
        "format_version": FORMAT_VERSION,
        "name": "",
        "identity": identity(users, numbered.sequences, numbered.timestamps, items),
        "counts": {
            "users": len(numbered.user_ids),
            "items": items.height,
            "interactions": len(numbered.timestamps),
            "items_without_title": items["title"].null_count(),
            "same_time": int(tied(numbered.sequences, numbered.timestamps).sum()),
        },
    }


def _write(work: Path, numbered: Numbered, items: pl.DataFrame, manifest: dict[str, Any]) -> None:
    try:
        numbered.interactions().write_parquet(work / INTERACTIONS, compression="zstd")
        items.write_parquet(work / ITEMS, compression="zstd")
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0][:150]
        raise StorageError(f"{work.parent} cannot be written: {reason}; free space there") from error
    manifest["files"] = {name: _sha256(work / name) for name in (INTERACTIONS, ITEMS)}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (work / MANIFEST).write_text(text, encoding="utf-8")


def _described(path: Path) -> dict[str, Any]:
    """Name and content, but no folder: the manifest is the same on anyone's machine."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _name_of(path: Path) -> str:
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else resolved.name.split(".")[0]
