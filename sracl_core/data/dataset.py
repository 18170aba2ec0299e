"""A prepared dataset: a folder of three files, and its form in memory."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.object_store import here
from sracl_core.data.sequences import Sequences, Times
from sracl_core.data.vocabulary import Vocabulary
from sracl_core.errors import DataError
from sracl_core.files import recovered
from sracl_core.sealed import file_hash, unsealed

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Dataset", "Sequences", "Vocabulary", "load_dataset", "read_manifest", "verified_manifest"]

FORMAT_VERSION = 2
INTERACTIONS, ITEMS, MANIFEST = NAMES = ("interactions.parquet", "items.parquet", "dataset.json")


@dataclass(frozen=True)
class Dataset:
    """Users 0..U-1 and items 1..N with their sequences, oldest interaction first.

    identity: a hash of all that the dataset says, the order of interactions at one time included.
    timestamps: int64 or float64 [n], aligned with `sequences.values`.
    parts: int8 [n], of the split that was given with the log: 0 training, 1 validation, 2 test, in this
    order within each user; None where none was.
    added: rows of the item table of items that came after training, see `with_items`.
    """

    folder: Path
    name: str
    identity: str
    manifest: dict[str, Any]
    users: Vocabulary
    items: Vocabulary
    sequences: Sequences
    timestamps: Times
    parts: NDArray[np.int8] | None = None
    added: pl.DataFrame | None = None

    def with_items(self, table: pl.DataFrame) -> Dataset:
        """This dataset with more items, which nobody has touched; `table` as `item_table` gives it."""
        ids = [*self.items.ids, *table["item_id"].to_list()]
        return replace(self, items=Vocabulary(ids, first=1), added=table)

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def n_interactions(self) -> int:
        return len(self.sequences.values)

    def interaction_table(self) -> pl.DataFrame:
        """user_id, item_id and timestamp, by user and time; with an own split also part."""
        return read_table(self.folder / INTERACTIONS)

    def item_table(self) -> pl.DataFrame:
        """N rows in vocabulary order: item_id, title (null where missing), other attributes."""
        table = read_table(self.folder / ITEMS)
        if self.added is None:
            return table
        import polars as pl

        return pl.concat([table, self.added], how="diagonal_relaxed")

    def titles(self) -> list[str]:
        """N + 1 titles by item index; "" for padding, the item's id where the title is missing."""
        return self._titles

    @cached_property
    def _titles(self) -> list[str]:
        titles = self.item_table()["title"].to_list()
        return ["", *(title or name for title, name in zip(titles, self.items.ids, strict=True))]


def require_named(path: str) -> str:
    """`path`, that of a dataset in the settings. Raises DataError where none is given."""
    if not path:
        raise DataError("no dataset is given: name a folder made by `sracl data prepare`")
    return path


def read_manifest(folder: Path) -> dict[str, Any]:
    """What `dataset.json` says, also at an address; raises DataError where there is no prepared dataset."""
    folder = here(folder)
    path = recovered(folder) / MANIFEST
    if not path.is_file():
        if folder.is_dir():
            raise DataError(
                f"{folder} is not a prepared dataset (no dataset.json); where it holds raw files, "
                f"`sracl data prepare {shlex.quote(str(folder))} --out "
                f"{shlex.quote(f'data/{folder.resolve().name}')}` makes one"
            )
        place = shlex.quote(str(folder))
        if folder.exists():
            made = shlex.quote(f"data/{folder.name.partition('.')[0]}")
            raise DataError(
                f"{folder} is a file, and a dataset is a folder; `sracl data prepare {place} --out {made}` "
                "makes one of a log"
            )
        raise DataError(f"{folder} is not there; make one with `sracl data prepare SOURCE --out {place}`")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = int(manifest["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); prepare the dataset again") from error
    if version > FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}; update sracl"
        )
    if version < FORMAT_VERSION:
        place = shlex.quote(str(folder))
        name = shlex.quote(str(manifest.get("name") or folder.resolve().name))
        raise DataError(
            f"{folder} was prepared by an earlier version, which numbered items otherwise; renew it with "
            f"`sracl data prepare {place} --out {place} --k-core 1 --name {name}`"
        )
    content = unsealed(dict(manifest))
    if content is None:
        raise DataError(f"{path} is damaged (its checksum differs); prepare the dataset again")
    return content


def verified_manifest(folder: Path) -> dict[str, Any]:
    """`read_manifest` of a folder whose tables are those that it describes; raises DataError otherwise.

    A file edited by hand would make every cached vector, neighbor table and run a lie.
    """
    manifest = read_manifest(folder)
    for name in (INTERACTIONS, ITEMS):
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing; prepare the dataset again")
        if file_hash(path) != manifest["files"][name]:
            raise DataError(f"{path} is not the file that {MANIFEST} describes; prepare the dataset again")
    return manifest


def load_dataset(folder: Path | str) -> Dataset:
    """Open a folder written by `prepare`, or a copy of the one at an address (see `object_store.here`).

    Raises DataError where it is none, or damaged.
    """
    import polars as pl

    folder = here(folder)
    manifest = verified_manifest(folder)
    items = read_table(folder / ITEMS, ["item_id"])["item_id"]
    table = read_table(folder / INTERACTIONS)
    runs = table.select(pl.col("user_id").rle()).unnest("user_id")
    values = table["item_id"].cast(pl.Enum(items)).to_physical().cast(pl.Int32) + 1
    offsets = np.concatenate(([0], np.cumsum(runs["len"].to_numpy(), dtype=np.int64)))
    return Dataset(
        folder=folder,
        name=str(manifest["name"]),
        identity=str(manifest["identity"]),
        manifest=manifest,
        users=Vocabulary(runs["value"].to_list(), first=0),
        items=Vocabulary(items.to_list(), first=1),
        sequences=Sequences(values.to_numpy(), offsets),
        timestamps=table["timestamp"].to_numpy(),
        parts=table["part"].to_numpy() if "part" in table.columns else None,
    )


def file_name(name: str, most: int = 100) -> str:
    """A dataset's name as a file's: letters, digits and `. _ -` stay, all else becomes `-`.

    >>> file_name("../../tea & cake"), file_name("...")
    ('tea-cake', 'dataset')
    """
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return safe.encode()[:most].decode(errors="ignore") or "dataset"


def read_table(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """A Parquet file, its path taken as it is: polars would expand `[ ] * ?` and `~` in it."""
    import polars as pl

    return pl.read_parquet(path.absolute(), columns=columns, glob=False, hive_partitioning=False)
