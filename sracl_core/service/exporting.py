"""A run's best model as a folder that answers without torch: ONNX, arrays, an index, a script."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.arrays import save_array
from sracl_core.errors import InputError
from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import storage_error, whole_folder, write_json, write_text
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.evidence import DECAY, FLOORS
from sracl_core.rules.catalogue import Catalogue
from sracl_core.sealed import file_hash
from sracl_core.service import folder as names
from sracl_core.training import inputs
from sracl_core.training.checkpoint import model_hash

TOLERANCE = 1e-4
SAMPLE = 256
LINKS, BREADTH, SEARCHED = 32, 200, 200
"""hnswlib's M, ef_construction and ef."""


class _Padded(nn.Module):
    """An encoder whose forward is `padded`."""

    def __init__(self, encoder: SequenceEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, items_RL: Tensor) -> Tensor:
        return self.encoder.padded(items_RL)


def export_run(loaded: LoadedRun, out: Path) -> dict[str, Any]:
    """Write the folder `out` (see its README) and return its export.json.

    What onnxruntime says is compared with the encoder on histories of every length before anything takes
    its place. Raises InputError where `out` exists, an extra is missing, or the backbone has no such form.
    """
    if out.exists() and not (out / names.ABOUT).is_file():
        raise InputError(f"{out} exists and is no export; name a folder that does not")
    require()
    with whole_folder(out, mark=names.ABOUT, parents=True) as work:
        encoder, catalogue = loaded.encoder.eval(), loaded.catalogue
        write_onnx(encoder, work / names.ENCODER)
        vectors = encoder.searched.detach().numpy()
        difference, states = _difference(loaded, work / names.ENCODER, vectors)
        _write_arrays(loaded, catalogue, vectors, work)
        recall = _write_index(vectors, states, work / names.INDEX)
        about = {
            "format_version": names.VERSION,
            "run": loaded.run.name,
            "dataset": loaded.dataset.name,
            "dataset_identity": loaded.dataset.identity,
            "model": model_hash(loaded.run),
            "text_encoder": loaded.config.semantics.encoder,
            "text_encoder_hash": inputs.recorded(loaded.run).get("encoder"),
            "backbone": loaded.config.model.name,
            "items": len(catalogue),
            "added_items": catalogue.added,
            "dimension": vectors.shape[1],
            "max_length": encoder.max_length,
            "repeats": catalogue.repeats,
            "evidence": _evidence(encoder),
            "counts": [0.0, 0.0] if encoder.counts is None else encoder.counts.weights.tolist(),
            "index": {"space": "ip", "ef": SEARCHED, "recall_at_10": recall},
            "largest_difference": difference,
        }
        for name in ("README.md", "recommend.py"):
            text = files("sracl_core.service").joinpath("export_files", name).read_text(encoding="utf-8")
            write_text(work / name, text)
        about["files"] = {name: file_hash(work / name) for name in names.CHECKED}
        write_json(work / names.ABOUT, about, seal=True)
    return about


def require() -> None:
    """Raises InputError where the packages of the extra are missing."""
    for name in ("onnx", "onnxruntime"):
        try:
            __import__(name)
        except ImportError as error:
            raise InputError(f"export needs {name}: pip install 'sracl-tui[export]'") from error


def write_onnx(encoder: SequenceEncoder, path: Path) -> None:
    """The encoder as ONNX: int64 items [rows, length] to float32 states [rows, dimension].

    Raises InputError for a backbone that has no such form.
    """
    # Two rows, one of them padded, shorter than the window: nothing that is drawn is of a fixed size.
    items_RL = torch.ones(2, max(2, encoder.max_length - 1), dtype=torch.int64)
    items_RL[0, 0] = 0
    axes = {"items": {0: "rows", 1: "length"}, "states": {0: "rows"}}
    try:
        with torch.no_grad(), _quiet():
            # The exporter by tracing: a second, where the one by torch.export takes half a minute.
            torch.onnx.export(
                _Padded(encoder).eval(),
                (items_RL,),
                str(path),
                input_names=["items"],
                output_names=["states"],
                dynamic_axes=axes,
                opset_version=18,
                dynamo=False,
            )
    except NotImplementedError as error:
        raise InputError(f"{error}; `sracl serve RUN` answers for the run itself") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of branches on sizes; what they decide is compared afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _difference(loaded: LoadedRun, path: Path, vectors: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest difference of a score between onnxruntime and the encoder, and the states [R, E]."""
    import onnxruntime

    encoder = loaded.encoder
    sequences = loaded.dataset.sequences
    rows = np.unique(np.linspace(0, len(sequences) - 1, SAMPLE).astype(np.int64))
    histories = sequences.take(rows).latest(encoder.max_length)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    states = session.run(None, {"items": histories.padded().astype(np.int64)})[0]
    one = histories.heads(np.minimum(histories.lengths, 1))
    alone = session.run(None, {"items": one.padded().astype(np.int64)})[0]
    with torch.no_grad():
        expected = [encoder.item_scores(encoder.encode(some)).numpy() for some in (histories, one)]
    found = states @ vectors.T, alone @ vectors.T
    difference = max(float(np.abs(a - b).max()) for a, b in zip(expected, found, strict=True))
    if difference > TOLERANCE:
        raise InputError(
            f"the exported {loaded.config.model.name} differs from the run by {difference:.1e} in a score "
            f"(at most {TOLERANCE:g}); its `padded` and `searched` do not say what its `item_scores` says"
        )
    return difference, states


def _evidence(encoder: SequenceEncoder) -> dict[str, Any]:
    """What export.json says of the tables of related items, whose kinds are in this order."""
    if encoder.evidence is None:
        return {"decay": DECAY, "lift": 0.0, "kinds": {}}
    weights = dict(zip(encoder.evidence.kinds, encoder.evidence.weights.tolist(), strict=True))
    kinds = {kind: {"weight": weight, "floor": FLOORS[kind]} for kind, weight in weights.items()}
    return {"decay": DECAY, "lift": float(encoder.evidence.lift), "kinds": kinds}


def _write_arrays(loaded: LoadedRun, catalogue: Catalogue, vectors: np.ndarray, work: Path) -> None:
    evidence = loaded.encoder.evidence
    none = np.zeros((0, len(catalogue), 0))
    save_array(work / names.VECTORS, vectors)
    save_array(work / names.TEXTS, np.asarray(catalogue.vectors()))
    save_array(work / names.REPEATS, loaded.encoder.repeat_bias.numpy())
    save_array(
        work / names.RELATED, (none if evidence is None else evidence.items.numpy() - 1).astype(np.int32)
    )
    save_array(
        work / names.SHARES, (none if evidence is None else evidence.shares.numpy()).astype(np.float32)
    )
    save_array(work / names.POPULARITY, catalogue.popularity)
    write_json(
        work / names.ITEMS, {"ids": catalogue.ids, "titles": loaded.titles[1:], "columns": catalogue.columns}
    )


def _write_index(vectors: np.ndarray, states: np.ndarray, path: Path) -> float:
    """Write hnswlib's index of the vectors by inner product; its recall of the best 10 of `states`."""
    import hnswlib

    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(len(vectors), ef_construction=BREADTH, M=LINKS, random_seed=42)
    index.add_items(vectors, np.arange(len(vectors)))
    k = min(10, len(vectors))
    index.set_ef(max(SEARCHED, k))
    found, _ = index.knn_query(states, k)
    exact = np.argsort(-(states @ vectors.T), axis=1)[:, :k]
    index.save_index(str(path))
    if path.stat().st_size != index.index_file_size():  # hnswlib does not look whether its writes succeed
        raise storage_error(OSError(errno.ENOSPC, "the index is cut"), path)
    shared = [len(set(a) & set(b)) for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
    return float(np.mean(shared)) / k
