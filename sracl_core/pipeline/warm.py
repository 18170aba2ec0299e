"""Starting from the weights of an earlier run, over a dataset that has grown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from sracl_core.data.vocabulary import Vocabulary
from sracl_core.errors import ConfigError
from sracl_core.files import read_json, whole_folder, write_json
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.text_map import from_text
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig
from sracl_core.training import inputs
from sracl_core.training.checkpoint import find_checkpoint, load_encoder, model_hash

START = "start"
WEIGHTS, IDS = "model.safetensors", "items.json"


def require_same_shape(config: RunConfig, earlier: RunDirectory) -> None:
    """Raise ConfigError where the backbones differ, CheckpointError for a run without a whole checkpoint."""
    ours, theirs = (one.model.model_dump() for one in (config, earlier.config))
    read = ("dropout", "attention_dropout", "item_init", "item_std", "item_anchor", "repeats", "evidence")
    for name in ours:
        if name not in read and ours[name] != theirs.get(name):
            raise ConfigError(
                f"model.{name} is {ours[name]}, and {theirs.get(name)} in {earlier.name}: its weights do not "
                f"fit; --set model.{name}={theirs.get(name)}, or leave --from out"
            )
    if load_encoder(earlier).item_rows is None:  # and says what is wrong with it
        raise ConfigError(
            f"{earlier.name} is a {ours['name']}, whose items have no embeddings of their own to start from; "
            "leave --from out"
        )
    inputs.require_items(earlier)


def keep_start(run: RunDirectory, earlier: RunDirectory) -> None:
    """Put the best weights of `earlier` into the new `run`, which needs the earlier one no more."""
    with whole_folder(run.model_dir / START) as work:
        weights = find_checkpoint(earlier.checkpoints / "best") / WEIGHTS
        (work / WEIGHTS).write_bytes(weights.read_bytes())
        write_json(work / IDS, read_json(earlier.model_dir / inputs.ITEMS))
    note = {"run": earlier.name, "model": model_hash(earlier)}
    write_json(run.meta_path, {**run.meta(), "started_from": note}, seal=True)


def start_warm(
    folder: Path, encoder: SequenceEncoder, items: Vocabulary, vectors: NDArray[np.float32] | None
) -> tuple[int, int]:
    """Give `encoder` the weights kept in `folder`.

    An item of both runs keeps its embedding. A new one gets what its text says, by the linear map that
    explains the kept embeddings best (ridge regression); without text vectors it keeps its random start.

    Args:
        items: of the new dataset. vectors: their texts', float32 [N, E].

    Returns:
        (items that were known, new ones)
    """
    kept = load_file(folder / WEIGHTS)
    old = {name: row for row, name in enumerate((read_json(folder / IDS) or {})["ids"])}
    rows = np.array([old.get(name, -1) for name in items.ids])
    known = np.flatnonzero(rows >= 0)
    if not len(known):
        raise ConfigError("no item of the run that --from names is in this dataset; train without --from")
    with torch.no_grad():
        of_items = encoder.item_rows or {}
        for name, weight in encoder.state_dict().items():
            if name in of_items:
                first = of_items[name]
                weight[torch.from_numpy(known + first)] = kept[name][torch.from_numpy(rows[known] + first)]
            elif not name.startswith(("evidence.", "counts.")):  # found anew
                weight.copy_(kept[name])
        fresh = np.flatnonzero(rows < 0)
        if len(fresh) and vectors is not None:
            embeddings = encoder.items.weight[1:].numpy()
            mapped = from_text(vectors[known], embeddings[known], vectors[fresh])
            encoder.items.weight[torch.from_numpy(fresh + 1)] = torch.from_numpy(mapped)
    return len(known), len(fresh)
