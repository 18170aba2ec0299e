"""What a run was trained on, kept beside it and named by hash in meta.json: nothing else is taken up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.arrays import open_array
from sracl_core.errors import DataError, RunError
from sracl_core.files import read_json, whole_file, write_json
from sracl_core.retrieval.table import NeighborTable
from sracl_core.runs.directory import RunDirectory
from sracl_core.semantics.llm.texts import Taken
from sracl_core.semantics.store import text_keys

VECTORS, ITEMS = "item_vectors.npy", "items.json"
_WAY_OUT = "put back a copy of it, or train anew"


def hash_of_texts(texts: Sequence[str]) -> str:
    """The same for the same texts in the same order."""
    return sha256(b"".join(text_keys(texts))).hexdigest()


def hash_of_vectors(vectors: NDArray[np.float32]) -> str:
    """sha256 of shape and bytes."""
    digest = sha256(f"{vectors.dtype.str} {vectors.shape}".encode())
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()


def recorded(run: RunDirectory) -> dict[str, str]:
    """The hashes that meta.json holds, by name; {} before the run had its inputs."""
    found = run.meta().get("inputs")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def keep(
    run: RunDirectory,
    items: Sequence[str],
    vectors: NDArray[np.float32] | None,
    tables: Mapping[str, NeighborTable],
    hashes: Mapping[str, str],
    notes: dict[str, Any],
) -> None:
    """Write what resuming and asking the run need beside its weights; the hashes come last.

    items: ids in the order of their numbers. tables: by name, such as "item_neighbors". hashes: of the
    texts and of the sentence encoder. notes: what is worth knowing of the texts.
    """
    folder = run.model_dir
    folder.mkdir(exist_ok=True)
    write_json(folder / ITEMS, {"ids": list(items)})
    if vectors is not None:
        with whole_file(folder / VECTORS) as file:
            np.save(file, vectors)
    for name, table in tables.items():
        table.save(folder / name)
    known = {"items": hash_of_texts(items), **all_hashes(vectors, tables, hashes)}
    write_json(run.meta_path, {**run.meta(), "semantics": notes, "inputs": known}, seal=True)


def all_hashes(
    vectors: NDArray[np.float32] | None, tables: Mapping[str, NeighborTable], hashes: Mapping[str, str]
) -> dict[str, str]:
    """`hashes` and those of the vectors and tables, by the names that meta.json has for them."""
    found = dict(hashes)
    if vectors is not None:
        found["item_vectors"] = hash_of_vectors(vectors)
    return found | {name: table.hash for name, table in tables.items()}


def taken(run: RunDirectory) -> dict[str, Taken]:
    """The "item_texts" and "prefix_texts" of a language model that the run has taken."""
    notes = run.meta().get("semantics") or {}
    found = {name: notes.get(name) for name in ("item_texts", "prefix_texts")}
    return {
        name: Taken(str(note["job"]), float(note["until"]))
        for name, note in found.items()
        if isinstance(note, dict) and "job" in note and "until" in note
    }


def read_vectors(run: RunDirectory) -> NDArray[np.float32]:
    """The item vectors that the run was trained on, float32 [N, E]. Raises RunError."""
    path = run.model_dir / VECTORS
    try:
        vectors: NDArray[np.float32] = open_array(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged; {_WAY_OUT}") from error
    _require(run, "item_vectors", hash_of_vectors(vectors), path)
    return vectors


def read_table(run: RunDirectory, name: str) -> NeighborTable:
    """The neighbor table that the run was trained on, "item_neighbors" or "prefix_neighbors".

    Raises RunError.
    """
    path = run.model_dir / name
    try:
        table = NeighborTable.load(path)
    except DataError as error:
        raise RunError(f"{error}; {_WAY_OUT}") from error
    _require(run, name, table.hash, path)
    return table


def require_items(run: RunDirectory) -> None:
    """Raise RunError unless items.json holds the ids that the run was trained on."""
    path = run.model_dir / ITEMS
    ids = (read_json(path) or {}).get("ids")
    if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
        raise RunError(f"{path} is missing or damaged; {_WAY_OUT}")
    _require(run, "items", hash_of_texts(ids), path)


def _require(run: RunDirectory, name: str, found: str, path: Path) -> None:
    expected = recorded(run).get(name)
    if found != expected:
        raise RunError(
            f"{path} is not what {run.name} was trained on (hash {found[:12]}, in its meta.json "
            f"{(expected or 'none')[:12]}); {_WAY_OUT}"
        )
