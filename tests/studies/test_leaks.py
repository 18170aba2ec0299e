"""Nothing of test is read before a choice is made: a leak is planted in each stage, and found.

Two datasets differ in nothing but the items that are asked for in test. What a stage makes of them must be
the same, whatever it is; a stage that has read test gives itself away by a difference.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sracl_core.data import dataset as opened
from sracl_core.data import sources as opening
from sracl_core.data.dataset import load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.sequences import Sequences
from sracl_core.data.sources import Sources, load_sources
from sracl_core.files import read_json
from sracl_core.pipeline import fitting, setup, stages
from sracl_core.pipeline import floors as counting
from sracl_core.pipeline import run as pipeline
from sracl_core.runs.reader import read_history
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.template import ItemTexts
from sracl_core.studies.tuning import tune
from sracl_core.training.checkpoint import load_encoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

CHANGES = {"training.max_epochs": 2, "objectives.next_item.smoothing": 0.2, "retrieval.k": 3}


@dataclass(frozen=True)
class Pair:
    """Two prepared datasets that differ in the targets of test."""

    plain: Path
    other: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    base = tmp_path_factory.mktemp("leaks")
    patch = pytest.MonkeyPatch()
    patch.setattr(TextEncoder, "encode", hashed_words)
    patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
    dataset = load_dataset(tiny_dataset(base))
    values, ends = dataset.sequences.values.copy(), dataset.sequences.offsets[1:] - 1
    known = np.unique(np.delete(values, ends))
    ends = ends[np.isin(values[ends], known)]
    for name in ("plain", "other"):
        log = base / name
        log.mkdir()
        users = np.repeat(np.arange(len(dataset.sequences)), dataset.sequences.lengths)
        lines = [f"u{user},i{item},{at}" for at, (user, item) in enumerate(zip(users, values, strict=True))]
        (log / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]))
        titles = [f"i{item},{title}" for item, title in enumerate(_titles(dataset), start=1)]
        (log / "items.csv").write_text("\n".join(["item_id,title", *titles]))
        prepare(log, base / f"prepared-{name}", PrepareOptions(k_core=1))
        values[ends] = np.random.default_rng(0).choice(known, len(ends))
    yield Pair(base / "prepared-plain", base / "prepared-other")
    patch.undo()


def _titles(dataset: Any) -> list[str]:
    return ["".join(sign for sign in title if sign.isalnum() or sign == " ") for title in dataset.titles()]


def of_prepare(dataset: Path, runs: Path) -> Any:
    """What training may read of the files: the items, and the sequences without their last."""
    sources = load_sources(tiny_config(dataset))
    train, valid = sources.split.train, sources.dataset.sequences.values[sources.split.valid_ends]
    return (
        pl.read_parquet(dataset / "items.parquet").rows(),
        train.values.tolist(),
        train.offsets.tolist(),
        valid.tolist(),
    )


def of_texts(dataset: Path, runs: Path) -> Any:
    config = tiny_config(dataset)
    return stages.item_texts(config, load_sources(config)).texts


def of_retrieval(dataset: Path, runs: Path) -> Any:
    config = tiny_config(dataset, CHANGES)
    tables = stages.build_semantics(config, load_sources(config)).tables
    return {name: table.ids.tolist() for name, table in tables.items()}


def of_counting(dataset: Path, runs: Path) -> Any:
    """What a floor says after each item."""
    config = tiny_config(dataset, {"model.name": "markov"})
    sources = load_sources(config)
    asked = Sequences.from_lists([[item + 1] for item in range(sources.dataset.n_items)])
    return counting.floor_scores(config, sources, stages.build_semantics(config, sources))(asked).tolist()


def of_evidence(dataset: Path, runs: Path) -> Any:
    """What is looked up beside the state."""
    return _fitted(dataset, runs, "items", "shares")


def of_fitting(dataset: Path, runs: Path) -> Any:
    """What is fitted to a trained encoder."""
    return _fitted(dataset, runs, "weights", "lift")


def _fitted(dataset: Path, runs: Path, *names: str) -> Any:
    changes = {"training.max_epochs": 1, "model.evidence": "both", "model.repeats": "fitted"}
    encoder = load_encoder(tiny_run(tiny_config(dataset, changes), runs, dataset.name))
    assert encoder.evidence is not None
    assert encoder.evidence.weights.any()
    return [getattr(encoder.evidence, name).tolist() for name in names], encoder.repeat_bias.tolist()


def of_training(dataset: Path, runs: Path) -> Any:
    run = tiny_run(tiny_config(dataset, CHANGES), runs, dataset.name)
    return [(record["loss"], record["valid"]) for record in read_history(run.path).epochs]


def of_selection(dataset: Path, runs: Path) -> Any:
    run = tiny_run(tiny_config(dataset, CHANGES), runs, dataset.name)
    best = read_json(next((run.checkpoints / "best").rglob("state.json"))) or {}
    return [record["valid"] for record in read_history(run.path).epochs], best.get("best_score")


def of_tuning(dataset: Path, runs: Path) -> Any:
    found = tune(dataset, "item-knn", trials=2, runs_dir=runs / dataset.name)
    return [(one.number, one.value) for one in found.trials]


STAGES: dict[str, Callable[[Path, Path], Any]] = {
    "prepare": of_prepare,
    "texts": of_texts,
    "retrieval": of_retrieval,
    "counting": of_counting,
    "evidence": of_evidence,
    "fitting": of_fitting,
    "training": of_training,
    "selection": of_selection,
    "tuning": of_tuning,
}


def _test_items(sources: Sources) -> np.ndarray:
    return sources.dataset.sequences.values[sources.split.test_ends]


def plant_in_prepare(patch: pytest.MonkeyPatch, pair: Pair) -> Pair:
    """An attribute says how often an item was bought, with what is asked for in test."""
    leaking = Pair(*(path.with_name(f"leaking-{path.name}") for path in (pair.plain, pair.other)))
    for sound, leaked in ((pair.plain, leaking.plain), (pair.other, leaking.other)):
        counts = np.bincount(load_dataset(sound).sequences.values)[1:]
        shutil.copytree(sound, leaked)
        items = pl.read_parquet(leaked / "items.parquet")
        items.with_columns(pl.Series("bought", counts)).write_parquet(leaked / "items.parquet")
    patch.setattr(opened, "verified_manifest", opened.read_manifest)
    return leaking


def plant_in_texts(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """An item's text says how often it is asked for."""
    plain = stages.item_texts

    def leaking(config: Any, sources: Sources, taken: Any = None) -> ItemTexts:
        asked = np.bincount(_test_items(sources), minlength=sources.dataset.n_items + 1)[1:]
        texts = plain(config, sources, taken).texts
        return ItemTexts([f"{text} {n}" for text, n in zip(texts, asked, strict=True)], 0)

    patch.setattr(stages, "item_texts", leaking)


def plant_in_retrieval(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """The first neighbor of a user's item before the last is the one that is asked for."""
    plain, latest = stages.cached_neighbors, list[Sources]()
    built = stages.build_semantics

    def seen(config: Any, sources: Sources, *rest: Any) -> Any:
        latest.append(sources)
        return built(config, sources, *rest)

    def leaking(vectors: Any, *rest: Any, **named: Any) -> Any:
        table = plain(vectors, *rest, **named)
        ids, split = table.ids.copy(), latest[-1].split
        if len(ids) == latest[-1].dataset.n_items:
            ids[latest[-1].dataset.sequences.values[split.valid_ends] - 1, 0] = _test_items(latest[-1]) - 1
        return replace(table, ids=ids)

    patch.setattr(stages, "build_semantics", seen)
    patch.setattr(stages, "cached_neighbors", leaking)


def plant_in_counting(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """A floor counts each sequence to its end."""
    plain = counting.floor_scores

    def leaking(config: Any, sources: Sources, semantics: Any) -> Any:
        whole = replace(sources.split, train=sources.dataset.sequences)
        return plain(config, replace(sources, split=whole), semantics)

    patch.setattr(counting, "floor_scores", leaking)


def plant_in_evidence(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """What followed what is counted to the end of each sequence."""
    plain = pipeline.start_session

    def leaking(config: Any, sources: Sources, *rest: Any) -> Any:
        whole = replace(sources.split, train=sources.dataset.sequences)
        return plain(config, replace(sources, split=whole), *rest)

    patch.setattr(pipeline, "start_session", leaking)


def plant_in_fitting(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """The weights of the evidence are those that explain test best."""
    plain = fitting.queries_of
    patch.setattr(
        fitting, "queries_of", lambda config, sources, _, most: plain(config, sources, "test", most)
    )


def plant_in_training(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """The prefixes go to the end of each sequence."""
    plain = opening._opened

    def leaking(config: Any) -> Sources:
        found = plain(config)
        whole = opening.training_prefixes(found.dataset.sequences, config.model.max_length)
        return replace(found, prefixes=whole)

    opening._latest.clear()
    patch.setattr(opening, "_opened", leaking)


def plant_in_selection(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """An epoch is judged by test."""
    plain = setup.rank_split
    patch.setattr(setup, "rank_split", lambda *some, **more: plain(*some[:3], "test", *some[4:], **more))


def plant_in_tuning(patch: pytest.MonkeyPatch, pair: Pair) -> None:
    """A trial is judged by test."""

    def leaking(run: Any, writer: Any, should_stop: Any, resumed: bool) -> Any:
        results = pipeline.train(run, writer)
        return {**results, "valid": results["test"]}

    patch.setattr(pipeline, "try_out", leaking)


PLANTS = {
    "prepare": plant_in_prepare,
    "texts": plant_in_texts,
    "retrieval": plant_in_retrieval,
    "counting": plant_in_counting,
    "evidence": plant_in_evidence,
    "fitting": plant_in_fitting,
    "training": plant_in_training,
    "selection": plant_in_selection,
    "tuning": plant_in_tuning,
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_knows_nothing_of_test_and_a_leak_in_it_is_found(
    stage: str, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = STAGES[stage]
    sound = [made(dataset, tmp_path / "sound") for dataset in (pair.plain, pair.other)]
    assert sound[0] == sound[1], f"{stage} reads test"
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    planted = PLANTS[stage](monkeypatch, pair) or pair
    opening._latest.clear()
    leaking = [made(dataset, tmp_path / "leaking") for dataset in (planted.plain, planted.other)]
    opening._latest.clear()
    assert leaking[0] != leaking[1], "the leak was not found"
