"""Object stores: what lies at an address such as s3://bucket/shop is copied here, or put there.

fsspec speaks with them: http and https as it is, others with the driver that it names (s3fs, gcsfs, adlfs).
Who is asking, and where a store of one's own is, the drivers find as they always do, in the environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from sracl_core.errors import InputError, ServiceError, SraclError
from sracl_core.files import address, cache_folder, make_folder, read_json, whole_folder, write_json
from sracl_core.locks import holding
from sracl_core.progress import Progress

_ABOUT = "about.json"
_SIGNS = ("ETag", "etag", "md5Hash", "checksum", "mtime", "LastModified", "last_modified", "updated")
"""What stores tell of an object that is another once its content is."""


def here(path: Path | str, progress: Progress | None = None) -> Path:
    """`path`, or where a copy of what lies at that address is: a file, or a folder with all below it.

    The copy lies in the cache; it is made again where sizes, times or checksums of the store have changed.
    Raises InputError where nothing is there or a driver is missing, ServiceError where the store fails.
    """
    if (at := address(path)) is None:
        return Path(path)
    folder = cache_folder() / "objects" / hashlib.sha256(at.encode()).hexdigest()[:32]
    make_folder(folder.parent)
    with _in_one_line(at, "read"), holding(folder.with_suffix(".lock")):
        store, root = _store(at)
        found = _found(store, root)
        told = {below: [size, *signs] for below, (_, size, signs) in found.items()}
        copy = folder / _name(root)
        signed = all(signs for _, _, signs in found.values())
        if signed and (read_json(folder / _ABOUT) or {}).get("objects") == told:
            return copy
        with whole_folder(folder, replace=True) as work:
            heard = _Heard(progress, "download", sum(size or 0 for _, size, _ in found.values()))
            for below, (name, size, _) in found.items():
                target = work / copy.name / below
                target.parent.mkdir(parents=True, exist_ok=True)
                store.get_file(name, str(target), callback=heard.callback())
                heard.ended(size)
            write_json(work / _ABOUT, {"address": at, "objects": told})
        return copy


def _found(store: Any, root: str) -> dict[str, tuple[str, int | None, list[str]]]:
    """What lies at or below `root`, by its place below it: name in the store, size, signs of change."""
    entries = {"": store.info(root)} if store.isfile(root) else _below(store, root)
    if not entries:
        raise FileNotFoundError(root)
    for below in entries:
        if ".." in PurePosixPath(below).parts or PurePosixPath(below).is_absolute():
            raise InputError(
                f"{root} holds an object called {below}, which is no place in a folder; rename it"
            )
    return {
        below: (
            entry["name"],
            entry.get("size"),
            [str(entry[sign]) for sign in _SIGNS if entry.get(sign) is not None],
        )
        for below, entry in entries.items()
    }


def _below(store: Any, root: str) -> dict[str, dict[str, Any]]:
    """What is known of each file below `root`, by its place there; marks of folders end in / and are none."""
    return {
        name.removeprefix(root).lstrip("/"): entry
        for name, entry in sorted(store.find(root, detail=True).items())
        if entry["type"] == "file" and not name.endswith("/")
    }


class _Heard:
    """Tells how many bytes of `total` have gone."""

    def __init__(self, progress: Progress | None, doing: str, total: int) -> None:
        self.progress, self.stage, self.total = progress, f"{doing} (bytes)", total
        self.before = 0

    def callback(self) -> Any:
        """Of one file."""
        from fsspec.callbacks import Callback

        return Callback(hooks={"told": lambda size, value, **_: self._tell(value)})

    def _tell(self, of_this: int) -> None:
        done = self.before + of_this
        if self.progress is not None and done < self.total:
            self.progress(self.stage, done, self.total)

    def ended(self, size: int | None) -> None:
        """A file has gone."""
        self.before += size or 0
        if self.progress is not None and self.total:
            self.progress(self.stage, self.before, self.total)


@contextmanager
def placed(out: Path | str, names: Sequence[str], progress: Progress | None = None) -> Iterator[Path]:
    """A path to write a folder at: `out`, or a place beside, from which it is put to that address in the end.

    `names` are the files that it may hold, which are replaced. The last of them goes first and comes last, so
    that nobody reads a half of it. Raises InputError where anything else lies there.
    """
    if (at := address(out)) is None:
        yield Path(out)
        return
    with _in_one_line(at, "write"):
        store, root = _store(at)
        there = _below(store, root) if store.exists(root) else {}
        if there.keys() - set(names):
            raise InputError(f"{at} is there already and holds something else; choose another place")
    with TemporaryDirectory() as aside:
        work = Path(aside) / _name(root)
        yield work
        sizes = {name: (work / name).stat().st_size for name in names if (work / name).exists()}
        heard = _Heard(progress, "upload", sum(sizes.values()))
        with _in_one_line(at, "write"):
            store.makedirs(root, exist_ok=True)
            for name in reversed(names):
                if name in there:
                    store.rm_file(f"{root}/{name}")
            for name, size in sizes.items():
                store.put_file(str(work / name), f"{root}/{name}", callback=heard.callback())
                heard.ended(size)


def _name(root: str) -> str:
    """What the last part of an address calls a file or folder here."""
    return PurePosixPath(root.partition("?")[0]).name or "objects"


def _store(at: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    import fsspec

    store, root = fsspec.core.url_to_fs(at, use_listings_cache=False)
    return store, root.rstrip("/")


@contextmanager
def _in_one_line(at: str, doing: str) -> Iterator[None]:
    """What a store or its driver raises as one line that says what to do."""
    try:
        yield
    except SraclError:
        raise
    except ImportError as error:
        raise InputError(f"cannot {doing} {at}: {' '.join(str(error).split())}") from error
    except FileNotFoundError as error:
        raise InputError(f"{at} is not there; look for the address with the store's own program") from error
    except PermissionError as error:
        raise ServiceError(
            f"cannot {doing} {at}: the store does not allow it ({' '.join(str(error).split())}); its driver "
            "takes credentials from the environment"
        ) from error
    except Exception as error:  # each driver has kinds of errors of its own
        said = " ".join(str(error).split()) or type(error).__name__
        raise ServiceError(f"cannot {doing} {at}: {said}") from error
