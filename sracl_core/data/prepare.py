"""From raw files to a prepared dataset: read, filter, number, write."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from sracl_core.data import filters, remarks, ties
from sracl_core.data.archives import is_archive, unpack
from sracl_core.data.dataset import FORMAT_VERSION, INTERACTIONS, ITEMS, MANIFEST, NAMES
from sracl_core.data.filters import Log
from sracl_core.data.hashing import identity, tied
from sracl_core.data.numbering import Encoded, Numbered, encode, item_rows, number
from sracl_core.data.object_store import here, placed
from sracl_core.data.readers import READERS, detect, read_source, unchanged
from sracl_core.data.reading.base import Raw, ReadOptions
from sracl_core.data.reading.units import one_as_seconds
from sracl_core.data.times import as_time
from sracl_core.errors import DataError
from sracl_core.files import SCRATCH, storage_error, whole_folder, write_json
from sracl_core.progress import Progress
from sracl_core.sealed import file_hash

STAGES = ("read", "encode", "filter", "number", "write")


@dataclass(frozen=True)
class PrepareOptions:
    """What to keep; all of it is recorded in the dataset's manifest.

    k_core: least interactions of each user and item; 1 keeps all (users need 3 in any case).
    since, until: keep times in [since, until): a number in the units of the data (seconds since 1970 where
    dates), or a date such as "2019-01-31".
    max_length: keep each user's latest interactions, after the k-core.
    sample_users: keep so many users, drawn by `seed`, after the k-core: for a quick look.
    ties: how a user's interactions of one time stand: "source" (as in the file), "id", or "shuffle",
    which `ties_seed` and the ids decide.
    earlier: choices that were made of the same rows before, and are recorded as if made now.
    """

    k_core: int = 5
    min_rating: float | None = None
    since: float | str | None = None
    until: float | str | None = None
    max_length: int | None = None
    sample_users: int | None = None
    seed: int = 42
    ties: str = "source"
    ties_seed: int = 42
    read: ReadOptions = field(default_factory=ReadOptions)
    name: str | None = None
    licence: str | None = None
    citation: str | None = None
    earlier: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            object.__setattr__(self, name, as_time(f"--{name}", getattr(self, name)))
        for name in ("k_core", "min_rating", "max_length", "sample_users", "seed", "ties_seed"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or not math.isfinite(value)):
                raise DataError(f"--{name.replace('_', '-')} {value!r} is no number; give one")
        for name in ("seed", "ties_seed"):
            if getattr(self, name) < 0:
                raise DataError(
                    f"--{name.replace('_', '-')} {getattr(self, name)} is below 0; give 0 or more"
                )
        if self.k_core < 1:
            raise DataError(f"--k-core {self.k_core} is less than 1; 1 keeps every user and item")
        if self.read.rating_col and self.min_rating is None:
            raise DataError("--rating-col needs --min-rating: which to keep, such as --min-rating 4")
        if self.max_length is not None and self.max_length < filters.LEAST_HISTORY:
            raise DataError(f"--max-length {self.max_length} is less than {filters.LEAST_HISTORY}; raise it")
        if self.sample_users is not None and self.sample_users < 1:
            raise DataError(f"--sample-users {self.sample_users} is less than 1; raise it")
        if self.ties not in ties.ORDERS:
            raise DataError(f"--ties {self.ties} is not known; give {', '.join(ties.ORDERS)}")

    def recorded(self) -> dict[str, Any]:
        """The choices that decide the content, by name."""
        choices = asdict(self)
        choices |= choices.pop("read")
        choices |= choices.pop("earlier") or {}
        for elsewhere in ("name", "licence", "citation", "format", "with_ratings"):
            del choices[elsewhere]
        for part in ("valid", "test"):
            files = getattr(self.read, part)
            choices[part] = None if files is None else [file.name for file in files]
        if self.ties != "shuffle":
            del choices["ties_seed"]
        if not self.read.drop_empty:
            del choices["drop_empty"]
        return choices


def prepare(
    source: Path | str | Sequence[Path | str],
    out: Path | str,
    options: PrepareOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make the prepared dataset `out` of raw files, one or several or a folder, and return its manifest.

    Each of them may be an address of an object store (see `object_store`).
    Raises DataError where the files cannot be used; `out` is then as it was before.
    """
    options = options or PrepareOptions()
    given = [source] if isinstance(source, Path | str) else source
    paths = [here(path, progress) for path in given]

    def at(stage: str) -> None:
        if progress:
            progress("prepare", STAGES.index(stage), len(STAGES))

    with placed(out, NAMES, progress) as place, whole_folder(place, mark=MANIFEST, parents=True) as work:
        (work / SCRATCH).mkdir()
        at("read")
        form, files, described, raw = _read(paths, options, work / SCRATCH)
        at("encode")
        encoded = encode(raw.interactions)
        raw = replace(raw, interactions=raw.interactions.clear())  # ids as text are most of the memory
        at("filter")
        log = Log(encoded.frame, list(raw.funnel))
        span = log.frame["timestamp"].min(), log.frame["timestamp"].max()
        apply_filters(log, options, encoded)
        at("number")
        _require_several_items(log, raw)
        numbered = number(encoded, log.frame)
        items, missing = item_rows(numbered.item_ids, raw.items)
        told = ties.counted(numbered, options.ties, options.ties_seed)
        notes = [
            *remarks.on_unread(paths, files),
            *raw.notes,
            *remarks.on_filters(log.funnel),
            *ties.remarks(told),
            *remarks.on_numbered(numbered, items, raw.items, missing, _taken_item(raw)),
        ]
        at("write")
        manifest = {
            **_identified(options.name or _name_of(paths[0]), numbered, items, missing),
            "source": _source(form, described, raw, options, span),
            "filters": options.recorded(),
            "funnel": log.funnel,
            "licence": options.licence,
            "citation": options.citation,
            "ties": told,
            "notes": notes,
        }
        _write(work, numbered, items, manifest)
    if progress:
        progress("prepare", len(STAGES), len(STAGES))
    return manifest


def _read(
    paths: list[Path], options: PrepareOptions, scratch: Path
) -> tuple[str, list[Path], list[dict[str, Any]], Raw]:
    """The format, the files that are of it, what each is, and what they hold."""
    valid, test = (files and tuple(map(here, files)) for files in (options.read.valid, options.read.test))
    reading = replace(options.read, with_ratings=options.min_rating is not None, valid=valid, test=test)
    with _in_their_words(paths, scratch):
        own = [*(reading.valid or ()), *(reading.test or ())]
        form, files = detect([*_unpacked(paths, scratch), *own], reading.format, reading)
        with unchanged(files):
            raw = read_source(form, files, reading, scratch)
            return form, files, [_described(path) for path in files], raw


def _require_several_items(log: Log, raw: Raw) -> None:
    if log.funnel[-1]["items"] == 1:
        raise DataError(
            "all interactions that are left are with one item; nothing can be ranked among one: see that "
            f"the right column is the item (taken: {_taken_item(raw)}; --item-col names another)"
        )


def _taken_item(raw: Raw) -> str:
    return next(
        (f"'{taken.columns['item']}'" for taken in raw.taken if "item" in taken.columns), "the form's own"
    )


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


@contextmanager
def _in_their_words(paths: list[Path], scratch: Path) -> Iterator[None]:
    """Errors name files inside an archive by the archive's own path, not by where it was unpacked."""
    try:
        yield
    except DataError as error:
        text = str(error)
        for count, path in enumerate(paths):
            text = text.replace(str(scratch / f"archive-{count}"), str(path))
        raise DataError(text) from error


def apply_filters(log: Log, options: PrepareOptions, encoded: Encoded) -> None:
    """Every filter that is asked for, in the order in which the funnel shows them."""
    if not log.funnel:
        log.keep("read", log.frame)
    if options.min_rating is not None:
        filters.by_rating(log, options.min_rating)
    window = as_time("--since", options.since), as_time("--until", options.until)
    if window != (None, None):
        since, until = (None if bound is None else one_as_seconds(bound) for bound in window)
        filters.by_time(log, since, until)
    filters.without_duplicates(log)
    filters.by_core(log, options.k_core)
    if options.sample_users is not None:
        filters.by_sample(log, options.sample_users, options.seed)
    if options.ties != "source":
        log.frame = ties.ordered(log.frame, encoded, options.ties, options.ties_seed)
    if options.max_length is not None:
        filters.by_length(log, options.max_length)


def _identified(name: str, numbered: Numbered, items: pl.DataFrame, missing: int) -> dict[str, Any]:
    """Name, identity and counts. missing: items of the log of which the table has no row."""
    users = numbered.user_ids.to_list()
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "identity": identity(users, numbered.sequences, numbered.timestamps, items, numbered.parts),
        "counts": {
            "users": len(numbered.user_ids),
            "items": items.height,
            "interactions": len(numbered.timestamps),
            "items_without_title": items["title"].null_count(),
            "same_time": int(tied(numbered.sequences, numbered.timestamps).sum()),
            "items_without_row": missing,
            "items_without_text": remarks.without_text(items),
        },
    }


def _source(
    form: str, files: list[dict[str, Any]], raw: Raw, options: PrepareOptions, span: tuple[Any, Any]
) -> dict[str, Any]:
    """What was read, and why so."""
    return {
        "format": form,
        "why": "--format" if options.read.format else READERS[form].sign,
        "files": files,
        "taken": [asdict(taken) for taken in raw.taken],
        "times": {"are": raw.times, "first": span[0], "last": span[1]},
    }


def _write(work: Path, numbered: Numbered, items: pl.DataFrame, manifest: dict[str, Any]) -> None:
    try:
        numbered.interactions().write_parquet(work / INTERACTIONS, compression="zstd")
        items.write_parquet(work / ITEMS, compression="zstd")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise storage_error(error, work.parent) from error
    manifest["files"] = {name: file_hash(work / name) for name in (INTERACTIONS, ITEMS)}
    write_json(work / MANIFEST, manifest, seal=True)


def _described(path: Path) -> dict[str, Any]:
    """Name and content, but no folder: the manifest is the same on anyone's machine."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}


def _name_of(path: Path) -> str:
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else resolved.name.split(".")[0]
