"""Items that were added to a run after its training, kept beside it with hashes that are compared."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from sracl_core import disk
from sracl_core.data.related import Related
from sracl_core.errors import RunError
from sracl_core.files import read_json, whole_folder, write_json
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import with_items
from sracl_core.runs.directory import ADDED, RunDirectory
from sracl_core.training.checkpoint import model_hash

FOLDER, ABOUT = ADDED.split("/")
TABLE, VECTORS, ROWS = "items.parquet", "text_vectors.npy", "rows.safetensors"
NEAR = "near."


@dataclass(frozen=True)
class Added:
    """M items that nobody has touched.

    table: item_id, title and the columns of the dataset's item table, strings.
    vectors: float32 [M, E], of their texts.
    rows: {name in the encoder's state dict: M rows}.
    near: by kind of evidence, the trained items to which each is related, [M, KEPT].
    about: how the rows were found; see `explorer.adding`.
    """

    table: pl.DataFrame
    vectors: NDArray[np.float32]
    rows: dict[str, Tensor]
    near: dict[str, Related]
    about: dict[str, Any]

    def __len__(self) -> int:
        return self.table.height

    @property
    def identity(self) -> str:
        """The same for the same items with the same vectors."""
        return sha256("".join(sorted(self.about["files"].values())).encode()).hexdigest()


def folder_of(run: RunDirectory) -> Path:
    """Where a run's added items lie."""
    return run.path / FOLDER


def write_added(
    run: RunDirectory,
    table: pl.DataFrame,
    vectors: NDArray[np.float32],
    rows: dict[str, Tensor],
    near: dict[str, Related],
    about: dict[str, Any],
) -> None:
    """Keep added items beside `run`, in place of those that were there; an empty table removes them."""
    folder = folder_of(run)
    if not table.height:
        disk.remove(folder)
        return
    with whole_folder(folder, mark=ABOUT) as work:
        related = {
            f"{NEAR}{kind}.{name}": torch.from_numpy(part)
            for kind, found in near.items()
            for name, part in asdict(found).items()
        }
        files = {TABLE: _parquet(table), VECTORS: _npy(vectors), ROWS: save_tensors(rows | related)}
        for name, content in files.items():
            (work / name).write_bytes(content)
        hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
        write_json(
            work / ABOUT,
            {**about, "model": model_hash(run), "items": table.height, "files": hashes},
            seal=True,
        )


def read_added(run: RunDirectory) -> Added | None:
    """The items that were added to `run`, None where none were.

    Raises RunError where a file is not as it was written, or where the run's weights are others by now.
    """
    folder = folder_of(run)
    if not folder.exists():
        return None
    about = read_json(folder / ABOUT) or {}
    hashes, again = about.get("files"), f"`sracl items remove {run.name} --all`, then add them again"
    contents = {}
    for name in (TABLE, VECTORS, ROWS):
        path = folder / name
        content = path.read_bytes() if path.is_file() else b""
        if not isinstance(hashes, dict) or hashes.get(name) != sha256(content).hexdigest():
            raise RunError(f"{path} is missing or not as it was written; {again}")
        contents[name] = content
    if about.get("model") != model_hash(run):
        raise RunError(f"the items in {folder} were added to other weights than {run.name} has now; {again}")
    tensors = load_tensors(contents[ROWS])
    kinds = {name.split(".")[1] for name in tensors if name.startswith(NEAR)}
    return Added(
        pl.read_parquet(io.BytesIO(contents[TABLE])),
        np.load(io.BytesIO(contents[VECTORS]), allow_pickle=False),
        {name: part for name, part in tensors.items() if not name.startswith(NEAR)},
        {
            kind: Related(*(tensors[f"{NEAR}{kind}.{name}"].numpy() for name in ("items", "shares")))
            for kind in kinds
        },
        about,
    )


def extended(run: RunDirectory, encoder: SequenceEncoder, added: Added) -> SequenceEncoder:
    """The encoder of `run` with rows for the items that were added."""
    return with_items(run.config.model, encoder, added.rows, added.near)


def _parquet(table: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.write_parquet(stream)
    return stream.getvalue()


def _npy(vectors: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, vectors)
    return stream.getvalue()
