"""NeighborTable: who is near whom, immutable, hashed, and saved as arrays."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sracl_core.arrays import open_array, save_array
from sracl_core.errors import DataError
from sracl_core.files import whole_folder, write_json

FORMAT_VERSION = 2
_IDS, _SCORES, _ABOUT = "ids.npy", "scores.npy", "table.json"


@dataclass(frozen=True)
class NeighborTable:
    """The k nearest rows of each of n rows.

    ids: int32 [n, k], row numbers 0..n-1, the nearest first, -1 where fewer exist.
    scores: float32 [n, k], cosines, descending; -1 where fewer exist.
    method: "exact", "cells", "hnsw" or "random".
    recall: share of the exact neighbors that a sample of rows holds (a row as similar as the
        exact k-th counts), None where it was not measured.
    hash: of ids, scores, method and recall. Neither array can be written to.

    Rows of an item table are item indices minus one.
    """

    ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    method: str
    recall: float | None = None
    hash: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.ids.shape != self.scores.shape or self.ids.ndim != 2:
            raise ValueError(f"ids {self.ids.shape} and scores {self.scores.shape} are no table")
        for name, kind in (("ids", np.int32), ("scores", np.float32)):
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if array.flags.writeable:
                array = array.view()
                array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "hash", self.hash or self.content_hash())

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def k(self) -> int:
        """Neighbors of a row at most."""
        return int(self.ids.shape[1])

    def spread(self, rows: NDArray[np.int64], of: NDArray[np.int64]) -> NeighborTable:
        """The table of more rows, of which those of this one are the rows `rows` [n].

        of: int64 [m], for each of the m rows, the row of this table whose neighbors it takes.
        """
        ids = np.where(self.ids >= 0, rows[self.ids], -1)
        return NeighborTable(ids[of], self.scores[of], self.method, self.recall)

    def content_hash(self) -> str:
        """sha256 of what the table says, hexadecimal."""
        digest = hashlib.sha256(f"{self.method} {self.recall} {self.ids.shape}".encode())
        digest.update(self.ids.data)
        digest.update(self.scores.data)
        return digest.hexdigest()

    def save(self, folder: Path | str) -> Path:
        """Make the table the folder `folder`, whose own folder must be there; raises StorageError."""
        folder = Path(folder)
        about = {
            "format_version": FORMAT_VERSION,
            "rows": len(self),
            "k": self.k,
            "method": self.method,
            "recall": self.recall,
            "hash": self.hash,
        }
        with whole_folder(folder, replace=True) as work:
            for name, array in ((_IDS, self.ids), (_SCORES, self.scores)):
                save_array(work / name, array)
            write_json(work / _ABOUT, about)
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> NeighborTable:
        """Open a saved table; raises DataError where it is missing or damaged."""
        folder = Path(folder)
        about_path = folder / _ABOUT
        if not about_path.is_file():
            raise DataError(f"{folder} holds no neighbor table (no {_ABOUT}); make it again")
        try:
            about = json.loads(about_path.read_text(encoding="utf-8"))
            version = int(about["format_version"])
            if version > FORMAT_VERSION:
                raise DataError(
                    f"{about_path} has format version {version}, this program reads {FORMAT_VERSION}; "
                    "update sracl"
                )
            if version < FORMAT_VERSION:
                raise DataError(f"the neighbor table in {folder} is of an earlier version; make it again")
            ids, scores = (open_array(folder / name) for name in (_IDS, _SCORES))
            table, expected = cls(ids, scores, str(about["method"]), about["recall"]), about["hash"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"the neighbor table in {folder} is damaged ({error}); make it again") from error
        if table.hash != expected:
            raise DataError(f"the neighbor table in {folder} is damaged (its hash differs); make it again")
        return table
