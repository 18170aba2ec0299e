"""An export, opened without torch: what `LoadedRun` is for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sracl_core.arrays import open_array
from sracl_core.errors import InputError
from sracl_core.files import read_json, require_readable
from sracl_core.progress import Progress
from sracl_core.rules.catalogue import Catalogue
from sracl_core.sealed import file_hash
from sracl_core.semantics.encode import AskedTexts, TextEncoder, load_encoder
from sracl_core.service import folder as names

Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """What lists are made with.

    name: of the run. scores: of all N items after each of H histories, float32 [H, N]; a history is row
    numbers int64 [L], L at least 1. history: the rows that a user of the dataset took, None where users are
    not known here.
    """

    name: str
    about: dict[str, Any]
    catalogue: Catalogue
    titles: list[str]
    scores: Callable[[Sequence[Rows]], NDArray[np.float32]]
    history: Callable[[str], Rows] | None = None


def is_export(path: Path) -> bool:
    """Whether a folder is an export."""
    return (path / names.ABOUT).is_file()


def open_export(path: Path, progress: Progress | None = None) -> Model:
    """Open an export. Raises InputError where it is damaged or of another format version."""
    about = _read(path / names.ABOUT)
    version = about.get("format_version")
    if version not in names.READ:
        way = (
            "update sracl" if isinstance(version, int) and version > names.VERSION else "export the run again"
        )
        read = " and ".join(map(str, names.READ))
        raise InputError(f"{path} has format version {version}, this program reads {read}; {way}")
    _require_whole(path, about.get("files"))
    items = _read(path / names.ITEMS)
    arrays = {
        name: _array(path / name)
        for name in (names.VECTORS, names.TEXTS, names.REPEATS, names.POPULARITY, names.RELATED, names.SHARES)
    }
    n = len(items["ids"])
    if not all(len(arrays[name]) == n for name in (names.VECTORS, names.TEXTS, names.POPULARITY)):
        raise InputError(f"{path} is damaged: its arrays have not one row an item; export the run again")
    return Model(
        name=str(about["run"]),
        about=about,
        catalogue=Catalogue(
            ids=items["ids"],
            columns=items["columns"],
            popularity=np.asarray(arrays[names.POPULARITY]),
            repeats=float(about["repeats"]),
            vectors=lambda: np.asarray(arrays[names.TEXTS]),
            encode=AskedTexts(
                cache(partial(_text_encoder, str(about["text_encoder"]), about.get("text_encoder_hash"))),
                progress,
            ),
            added=int(about.get("added_items", 0)),
        ),
        titles=items["titles"],
        scores=_scores(path, about["evidence"], about.get("counts", [0.0, 0.0]), arrays),
    )


def _scores(
    path: Path, evidence: Mapping[str, Any], counts: Sequence[float], arrays: Mapping[str, NDArray[Any]]
) -> Callable[[Sequence[Rows]], NDArray[np.float32]]:
    vectors, bias = np.asarray(arrays[names.VECTORS]), np.asarray(arrays[names.REPEATS])
    related, shares = np.asarray(arrays[names.RELATED]), np.asarray(arrays[names.SHARES])
    kinds = [(float(kind["weight"]), float(kind["floor"])) for kind in evidence["kinds"].values()]
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("an export needs onnxruntime: pip install 'sracl-tui[export]'") from error
    options = onnxruntime.SessionOptions()
    # One short history at a time: threads wait for each other longer than they compute.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path / names.ENCODER), options, ["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{path / names.ENCODER} is missing or damaged; export the run again") from error

    # A product with one state takes a third of the time where a dimension's numbers stand together.
    by_dimension, biased = np.ascontiguousarray(vectors.T), bool(bias.any())
    ages_of = np.arange(len(bias) - 1, -1, -1)

    def scores(histories: Sequence[Rows]) -> NDArray[np.float32]:
        each = [rows[-len(bias) :] for rows in histories]
        padded = np.zeros((len(each), max(map(len, each))), dtype=np.int64)
        for place, latest in enumerate(each):
            padded[place, -len(latest) :] = latest + 1
        states = session.run(None, {"items": padded})[0]
        found: NDArray[np.float32] = states @ by_dimension
        beside(found, each)
        if any(counts):
            for row, history in zip(found, histories, strict=True):
                held, n = np.unique(history, return_counts=True)
                row[held] += (counts[0] + counts[1] * np.log1p(n)).astype(np.float32)
        return found

    def beside(found: NDArray[np.float32], each: Sequence[Rows]) -> None:
        """Add what stands beside the states, evidence and repeats, for all histories at once."""
        lengths = np.array([len(latest) for latest in each])
        ages = np.concatenate([ages_of[-length:] for length in lengths])
        items = np.concatenate(each)
        starts = np.repeat(np.arange(len(each)) * len(vectors), lengths)
        held, flat = starts + items, found.reshape(-1)
        before = flat[held]
        weight = float(evidence["decay"]) ** ages
        weight /= np.repeat(np.add.reduceat(weight, np.cumsum(lengths) - lengths), lengths)
        for of_kind, all_shares, (strength, floor) in zip(related, shares, kinds, strict=True):
            share = all_shares.take(items, axis=0)
            there = share > 0
            places = (starts[:, None] + of_kind.take(items, axis=0))[there]
            sums = np.bincount(places, (share * weight.astype(np.float32)[:, None])[there])
            # What stands here twice is written twice, the same: cheaper than to look for it.
            flat[places] += (strength * np.log1p(sums[places] / floor)).astype(np.float32)
        flat[held] = before + float(evidence["lift"])
        if biased:
            np.add.at(flat, held, bias[ages])

    return scores


def _text_encoder(name: str, expected: str | None) -> TextEncoder:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise InputError("texts need the sentence encoder: pip install sracl-tui with torch") from error
    encoder = load_encoder(name, given=False)
    if expected not in (None, encoder.fingerprint):
        raise InputError(f"the encoder '{name}' is not the one that made this export's text vectors")
    return encoder


def _require_whole(path: Path, hashes: object) -> None:
    """A byte of an array that changed would change answers without a word."""
    for name in names.CHECKED:
        try:
            found = file_hash(path / name)
        except OSError as error:
            raise InputError(f"{path / name} is missing; export the run again") from error
        if not isinstance(hashes, dict) or hashes.get(name) != found:
            raise InputError(f"{path / name} is not as it was exported; export the run again")


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if found is None:
        require_readable(path)
        raise InputError(f"{path} is missing or damaged; export the run again")
    return found


def _array(path: Path) -> NDArray[Any]:
    try:
        return open_array(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is missing or damaged; export the run again") from error
