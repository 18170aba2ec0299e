"""The data sets that the product knows, and where each one lies or is to be put."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sracl_core.data.catalog_entries import AMAZON_2023_CATEGORIES, ENTRIES, Entry, amazon_2023
from sracl_core.errors import DataError, nearest
from sracl_core.files import address

UNPACKED = "unpacked"
RAW_DIR = Path("data/raw")
PACKAGE = Path(__file__).resolve().parents[1]
AMAZON_2023 = re.compile(r"amazon2023-(\w+)")


@dataclass(frozen=True)
class Known:
    """An entry and its state here: "here", "fetch" (can be fetched), "put" (by the user)."""

    entry: Entry
    folder: Path
    state: str

    @property
    def size(self) -> int | None:
        """Bytes of the raw files where they are here, else bytes to fetch, None where not known."""
        if self.state != "here":
            return self.entry.size
        names = {file.name for file in self.entry.files}
        return sum(
            path.stat().st_size
            for path in self.folder.iterdir()
            if path.is_file() and (not names or path.name in names)
        )


def known(raw_dir: Path) -> Iterator[Known]:
    """Every entry of the catalogue; Amazon 2023's categories only as far as they are here."""
    for entry in ENTRIES:
        yield locate(entry, raw_dir)
    for category in AMAZON_2023_CATEGORIES:
        found = locate(amazon_2023(category), raw_dir)
        if found.state == "here":
            yield found


def locate(entry: Entry, raw_dir: Path) -> Known:
    """Where an entry's raw files are, or will be."""
    if entry.bundled:
        for folder in (PACKAGE / "sample_data", PACKAGE.parent / "sample_data"):
            if (folder / "interactions.csv").is_file():
                return Known(entry, folder, "here")
        return Known(entry, PACKAGE / "sample_data", "missing")
    folder = raw_dir / entry.name
    if entry.files:
        here = all(_is_whole(folder / file.name, file.size) for file in entry.files)
    else:
        here = folder.is_dir() and any(folder.iterdir())
    return Known(entry, folder, "here" if here else "fetch" if entry.files else "put")


def _is_whole(path: Path, size: int | None) -> bool:
    return path.is_file() and size in (None, path.stat().st_size)


def find(name: str) -> Entry:
    """The entry of that name; raises DataError that names the nearest."""
    entry = _lookup(name)
    if entry is None:
        hint = nearest(name, [entry.name for entry in ENTRIES])
        raise DataError(f"'{name}' is not in the catalogue{hint}; `sracl data list` shows what is")
    return entry


def resolve(sources: list[str], raw_dir: Path) -> tuple[list[Path], Entry | None]:
    """Paths of what was named: files, folders and addresses as they are, or a catalogue entry's folder."""
    if len(sources) != 1 or address(sources[0]) or Path(sources[0]).exists():
        return [Path(source) for source in sources], None
    entry = _lookup(sources[0])
    if entry is None:
        hint = nearest(sources[0], [entry.name for entry in ENTRIES])
        raise DataError(
            f"'{sources[0]}' is no file or folder, and not in the catalogue of `sracl data list`{hint}"
        )
    found = locate(entry, raw_dir)
    if found.state == "put":
        raise DataError(f"{entry.name} is not here; {entry.manual}: {found.folder}")
    if found.state != "here":
        where = "" if raw_dir == RAW_DIR else f" --raw-dir {shlex.quote(str(raw_dir))}"
        raise DataError(f"{entry.name} is not here; bring it with `sracl data fetch {entry.name}{where}`")
    unpacked = found.folder / UNPACKED
    return [unpacked if unpacked.is_dir() else found.folder], entry


def _lookup(name: str) -> Entry | None:
    for entry in ENTRIES:
        if entry.name == name:
            return entry
    match = AMAZON_2023.fullmatch(name)
    if match is None:
        return None
    if match[1] not in AMAZON_2023_CATEGORIES:
        raise DataError(
            f"Amazon 2023 has no category '{match[1]}'{nearest(match[1], AMAZON_2023_CATEGORIES)}"
        )
    return amazon_2023(match[1])
