"""Checkpoints: safetensors and plain JSON in a folder that is replaced as a whole.

Nothing is unpickled. Every file's hash stands in state.json, so damage is noticed on loading.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sracl_core.errors import CheckpointError, StorageError
from sracl_core.files import read_json, recovered, require_readable, whole_folder, write_json
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder
from sracl_core.models.item_shard import Spread
from sracl_core.runs.directory import RunDirectory
from sracl_core.sealed import file_hash

Saved = Mapping[str, Tensor | Spread]

STATE_FILE = "state.json"
NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def save_checkpoint(folder: Path, tensors: Mapping[str, Saved], state: dict[str, Any]) -> None:
    """Write ``folder/<name>.safetensors`` for each entry of `tensors`, and state.json, durably.

    Of a tensor that is spread over a team the others send their rows meanwhile (`send_parts`). An earlier
    checkpoint stays whole until the new one is complete. Raises StorageError when the disk is full or not
    writable, or when the run's folder was removed; the earlier one then survives.
    """
    try:
        with whole_folder(folder, replace=True) as fresh:
            hashes = {}
            for name, values in tensors.items():
                path = fresh / f"{name}.safetensors"
                _write(path, values)
                hashes[path.name] = _hash(path)
            write_json(fresh / STATE_FILE, {**state, "files": hashes}, seal=True)
    except StorageError as error:
        kept = "; the earlier checkpoint is kept" if folder.is_dir() else ""
        raise StorageError(f"{error}{kept}") from error.__cause__


def send_parts(tensors: Mapping[str, Saved]) -> None:
    """What the other processes of a team do while the first one saves the checkpoint of these tensors."""
    for values in tensors.values():
        for _ in _parts(values):
            pass


def _write(path: Path, values: Saved) -> None:
    """As safetensors' own `save_file`, part by part: no more of a tensor is held than is here already."""
    header, end = {}, 0
    for name, value in _in_order(values):
        begin, end = end, end + math.prod(value.shape) * value.dtype.itemsize
        kind = NAMES[value.dtype]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for part in _parts(values):
            file.write(part.reshape(-1).view(torch.uint8).numpy().data)


def _in_order(values: Saved) -> list[tuple[str, Tensor | Spread]]:
    """As they stand in the file, which is aligned for each."""
    return sorted(values.items(), key=lambda one: (-one[1].dtype.itemsize, one[0]))


def _parts(values: Saved) -> Iterator[Tensor]:
    for _, value in _in_order(values):
        yield from value.parts() if isinstance(value, Spread) else [value.detach().cpu().contiguous()]


def find_checkpoint(folder: Path) -> Path:
    """`folder`, if need be put back from what a kill in the middle of replacing it left.

    Raises CheckpointError.
    """
    if not has_checkpoint(folder):
        raise CheckpointError(
            f"there is no checkpoint in {folder}; `sracl resume {folder.parent.parent}` writes one"
        )
    return folder


def has_checkpoint(folder: Path) -> bool:
    """Whether `find_checkpoint` finds one."""
    return recovered(folder).is_dir()


def read_state(folder: Path) -> dict[str, Any]:
    """state.json of a checkpoint whose files are all as they were written.

    Raises CheckpointError naming the damaged file.
    """
    state = read_json(folder / STATE_FILE) or {}
    hashes = state.get("files")
    if not isinstance(hashes, dict):
        require_readable(folder / STATE_FILE)
        raise CheckpointError(f"{folder / STATE_FILE} is damaged; {_way_out(folder)}")
    for name, expected in hashes.items():
        if not (folder / name).is_file() or _hash(folder / name) != expected:
            raise CheckpointError(f"{folder / name} is damaged or missing; {_way_out(folder)}")
    return state


def model_hash(run: RunDirectory) -> str:
    """The hash of a run's best weights. Raises CheckpointError."""
    return str(read_state(find_checkpoint(run.checkpoints / "best"))["files"]["model.safetensors"])


def load_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one file of a checkpoint."""
    try:
        return load_file(folder / f"{name}.safetensors")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / name}.safetensors cannot be read; {_way_out(folder)}") from error


def load_into(
    module: torch.nn.Module,
    folder: Path,
    name: str,
    own: Callable[[str, Tensor], Tensor] = lambda _, value: value,
) -> None:
    """Load one file of a checkpoint into a module of the same shape. Raises CheckpointError.

    own: what of each tensor, by its name, the module holds.
    """
    try:
        found = load_tensors(folder, name)
        module.load_state_dict({key: own(key, value) for key, value in found.items()})
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder / name}.safetensors does not fit the run's settings: its config.yaml or its "
            "dataset has changed; train anew"
        ) from error


def load_encoder(run: RunDirectory, which: str = "best") -> SequenceEncoder:
    """The encoder of a run, on the CPU and in evaluation mode.

    Args:
        run: a run directory with at least one checkpoint.
        which: "best" or "last".

    Raises CheckpointError where there is none yet, or one that is damaged, does not fit, or diverged, and
    for a floor.
    """
    if run.config.floor is not None:
        raise CheckpointError(
            f"{run.name} counts {run.config.floor.name}, a floor: it has ranks and lists, no encoder to ask"
        )
    if not has_checkpoint(run.checkpoints / which) and run.status() == "running":
        raise CheckpointError(
            f"{run.path} is in training and has no {which} checkpoint yet; ask again after its first epoch"
        )
    folder = find_checkpoint(run.checkpoints / which)
    state = read_state(folder)
    encoder = build_encoder(run.config.model, int(state["n_items"]))
    load_into(encoder, folder, "model")
    require_finite(encoder, folder)
    return encoder.eval()


def require_finite(encoder: SequenceEncoder, folder: Path) -> None:
    """Raise CheckpointError where the weights that were loaded from `folder` diverged."""
    if not all(bool(torch.isfinite(value).all()) for value in encoder.parameters()):
        raise CheckpointError(
            f"the model in {folder} diverged: it holds values that are not finite; train anew, with a lower "
            "training.learning_rate"
        )


def _hash(path: Path) -> str:
    return file_hash(path, "blake2b")[:32]


def _way_out(folder: Path) -> str:
    if folder.name.startswith("best"):
        return "put back a copy of it, or train anew"
    return "`sracl evaluate` needs the best checkpoint alone, which may be whole; else train anew"
