"""Processes that share each batch reach what one process reaches."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sracl_core import device
from sracl_core.cli import main
from sracl_core.data.sources import load_sources
from sracl_core.errors import ConfigError
from sracl_core.explorer import Explorer
from sracl_core.models import item_shard, text_map
from sracl_core.pipeline.estimate import plan
from sracl_core.pipeline.longer import with_epochs
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import evaluate, resume
from sracl_core.pipeline.starting import start_encoder
from sracl_core.retrieval import cells, hnsw
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.silent import SilentWriter
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.team import Team
from sracl_core.training.checkpoint import load_tensors
from sracl_core.training.loop import require_shareable
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run
from tests.training.team_members import (
    commanded_together,
    crowded_together,
    resumed_together,
    semantics_hashes,
    semantics_together,
    trained_together,
)

# Masks of dropout are drawn by process: without them all numbers are one process's.
STILL: dict[str, Any] = {
    "model.dropout": 0.0,
    "model.attention_dropout": 0.0,
    "training.max_epochs": 2,
    "training.average_decay": 0.9,
    "objectives.sracl.synthesizer_dropout": 0.0,
}
BARE: dict[str, Any] = {**STILL, "objectives.sracl.weight": 0.0}
SHARDED: dict[str, Any] = {**BARE, "training.shard_items": True}
SAMPLED: dict[str, Any] = {
    "objectives.next_item.loss": "sampled",
    "objectives.next_item.negatives": 20,
    "training.item_adam": "lazy",
}
BY_SEQUENCES: dict[str, Any] = {"objectives.next_item.examples": "sequences", "training.batch_size": 7}
OTHERS = {name: value for name, value in SHARDED.items() if name != "model.attention_dropout"}
CASES: dict[str, dict[str, Any]] = {
    "every-loss-gathered": {
        **STILL,
        "objectives.next_item.smoothing": 0.2,
        "model.repeats": "counted",
        "model.evidence": "both",
        "objectives.next_item.residual": True,
    },
    "sampled-lazily": {**BARE, **SAMPLED},
    "yes-or-no": {**BARE, "objectives.next_item.loss": "bce"},
    "whole-sequences": {**BARE, **BY_SEQUENCES, "objectives.next_item.smoothing": 0.2},
    "sequences-beside-anchors": {**STILL, **BY_SEQUENCES, "objectives.next_item.loss": "bce"},
    "views-gathered": {**BARE, "objectives.duorec.weight": 0.1, "objectives.iclrec.weight": 0.1,
                       "objectives.iclrec.clusters": 8},
    "items-by-softmax": {**SHARDED, "objectives.next_item.smoothing": 0.2, "model.item_anchor": 0.001,
                         "model.repeats": "fitted"},
    "items-by-sequences": {**SHARDED, **BY_SEQUENCES},
    "items-of-gru4rec": {**OTHERS, "model.name": "gru4rec", "training.weight_decay": 1e-4},
    "items-of-comirec": {**OTHERS, "model.name": "comirec", "objectives.next_item.loss": "bce"},
    "items-lazily": {**SHARDED, **SAMPLED, "objectives.next_item.smoothing": 0.2},
}  # fmt: skip

TIMES = {"time", "seconds", "elapsed", "prefixes_per_second"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("team"))


def epochs(run: RunDirectory) -> list[dict[str, Any]]:
    records = map(json.loads, run.metrics_path.read_text().splitlines())
    return [record for record in records if record["event"] == "epoch"]


def assert_same_weights(alone: RunDirectory, shared: RunDirectory) -> None:
    """And moments and averages, of the last step and of the best epoch."""
    for which, files in (("last", ("model", "optimizer", "average")), ("best", ("model",))):
        for file in files:
            mine, theirs = (load_tensors(run.checkpoints / which, file) for run in (alone, shared))
            assert mine.keys() == theirs.keys()
            for name in mine:
                assert mine[name].shape == theirs[name].shape
                np.testing.assert_allclose(theirs[name], mine[name], rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("size", [2, 3])
def test_a_team_has_the_losses_and_the_ranks_of_one_process(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))
    cases = CASES
    if size == 3:
        config = tiny_config(dataset, BARE)
        prefixes = load_sources(config).prefixes
        small = {"training.batch_size": len(prefixes) - 1, "evaluation.batch_size": 7}
        windows = len(prefixes.windows(config.model.max_length))
        by_sequences = {**BY_SEQUENCES, "training.batch_size": windows - 1}
        cases = {
            "a-batch-of-one": {**STILL, **small},
            "items-by-three": {**SHARDED, **small},
            "a-sequence": {**BARE, **by_sequences},
            "a-sequence-yes-or-no": {**BARE, **by_sequences, "objectives.next_item.loss": "bce"},
            "items-by-one-row": {**SHARDED, **by_sequences, **SAMPLED},
        }
    trained_together(size, dataset, tmp_path, cases)
    for name, changes in cases.items():
        alone = tiny_run(tiny_config(dataset, changes), tmp_path / "alone", name)
        (shared,) = map(RunDirectory, tmp_path.glob(f"*-{name}"))
        assert len(epochs(alone)) == len(epochs(shared)) == 2
        for mine, theirs in zip(epochs(alone), epochs(shared), strict=True):
            parts = {name for name, value in mine.items() if isinstance(value, float)} - TIMES
            assert "loss" in parts
            for part in parts:
                assert theirs[part] == pytest.approx(mine[part], rel=1e-5, abs=1e-6), (name, part)
        assert_same_weights(alone, shared)
        ranks = [np.load(run.ranks_path) for run in (alone, shared)]
        assert sorted(ranks[0]) == sorted(ranks[1])
        for part in ranks[0]:
            assert ranks[0][part].shape == ranks[1][part].shape
            same = np.mean(ranks[0][part] == ranks[1][part])
            assert same > 0.97, (name, part)  # scores within 1e-6 of one another may change places


def test_shared_items_make_the_run_of_one_process_which_any_number_goes_on_with(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))
    changes = {**CASES["items-lazily"], "training.max_epochs": 1}
    trained_together(2, dataset, tmp_path, {"shared": changes})
    (shared,) = map(RunDirectory, tmp_path.glob("*-shared"))
    stored = shared.results()
    assert stored is not None
    again = evaluate(shared)
    assert again["parameters"] == stored["parameters"]
    assert again["test"]["masked"] == pytest.approx(stored["test"]["masked"], abs=0.02)
    assert len(Explorer.open(shared.path).recommend(history=["aquarium-001"], k=3).items) == 3

    shared = with_epochs(shared, 2)
    with RunWriter(shared) as writer:
        resume(shared, writer)
    assert (main.run(["runs", "show", str(shared.path)]), shared.state()["processes"]) == (0, 1)
    assert not re.search("^processes", capsys.readouterr().out, re.MULTILINE)
    shared = with_epochs(shared, 3)
    resumed_together(3, dataset, shared.path)
    assert main.run(["runs", "show", str(shared.path)]) == 0
    assert re.search(r"^processes +3$", capsys.readouterr().out, re.MULTILINE)
    told = map(json.loads, shared.metrics_path.read_text().splitlines())
    began = [one["processes"] for one in told if one["event"] in ("run_started", "run_resumed")]
    assert began == [2, 1, 3]
    alone = tiny_run(tiny_config(dataset, {**changes, "training.max_epochs": 3}), tmp_path / "alone")
    assert len(epochs(shared)) == len(epochs(alone)) == 3
    assert_same_weights(alone, shared)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({**STILL}, "objectives.sracl"),
        ({**BARE, "model.evidence": "words"}, "model.evidence=words"),
        ({"model.name": "bert4rec"}, "objectives.masked_item"),
    ],
)
def test_what_reads_all_items_is_refused_where_they_are_shared_out(
    dataset: Path, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=f"training.shard_items does not go with {named}"):
        tiny_config(dataset, {**changes, "training.shard_items": True})


def test_more_processes_than_items_are_refused_where_items_are_shared_out(dataset: Path) -> None:
    session: Any = SimpleNamespace(encoder=SimpleNamespace(n_items=3), objectives={})
    whole, shared = (tiny_config(dataset, changes).training for changes in (BARE, SHARDED))
    require_shareable(session, whole, Team(0, 4))
    require_shareable(session, shared, Team(0, 3))
    with pytest.raises(ConfigError, match="some of 4 processes without an item of 3"):
        require_shareable(session, shared, Team(0, 4))


def test_commands_of_a_team_that_say_different_things_are_refused(dataset: Path, tmp_path: Path) -> None:
    run = new_run(tiny_config(dataset), tmp_path)
    commanded_together(dataset, run.path)
    assert [path.name for path in tmp_path.iterdir()] == [run.name]


def test_where_one_process_runs_out_of_memory_all_end_and_one_goes_on(dataset: Path, tmp_path: Path) -> None:
    run = new_run(tiny_config(dataset, BARE), tmp_path)
    crowded_together(dataset, run.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))
        with RunWriter(run) as writer:
            resume(run, writer)
    assert [record["epoch"] for record in epochs(run)] == [0, 1]


class Largest(TorchDispatchMode):
    """Notes the largest tensor that is made inside."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.numbers = max(self.numbers, found.numel() if isinstance(found, torch.Tensor) else 0)
        return found


def test_texts_and_neighbors_are_found_together_as_by_one_process(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third process has not the sentence encoder: it encodes nothing, and searches like the others."""
    semantics_together(3, dataset, tmp_path, lacking=2)
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "alone"))
    monkeypatch.setattr(hnsw, "_ROWS_AN_INDEX", 0)  # as they were, afterwards
    monkeypatch.setattr(hnsw, "_REFINED_ROWS", 0)
    monkeypatch.setattr(cells, "_ROWS", 0)
    monkeypatch.setattr(cells, "_MOST_ROWS", 0)
    monkeypatch.setitem(device._SEARCHED_ROWS_AT_ONCE, "cpu", 0)
    assert json.loads((tmp_path / "hashes.json").read_text()) == semantics_hashes(dataset)
    encoded = [json.loads((tmp_path / f"encoded-{rank}.json").read_text()) for rank in range(3)]
    assert encoded[0]
    assert encoded[1]
    assert not encoded[2]
    assert len({*encoded[0], *encoded[1]}) == len(encoded[0]) + len(encoded[1])


@pytest.mark.parametrize("name", ["sasrec", "gru4rec", "lrurec"])
@pytest.mark.parametrize("start", ["random", "text"])
def test_shared_items_start_as_those_of_one_process_and_no_process_holds_them_all(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, name: str, start: str
) -> None:
    n_items, size, parts = 4992, 6, []
    config = tiny_config(dataset, {"model.name": name, "model.item_init": start, "model.hidden_size": size})
    sources: Any = SimpleNamespace(dataset=SimpleNamespace(n_items=n_items))
    vectors = np.random.default_rng(1).standard_normal((n_items, 24), dtype=np.float32)
    semantics: Any = SimpleNamespace(item_vectors=vectors)
    alone = start_encoder(config, sources, semantics).state_dict()
    monkeypatch.setattr(item_shard, "DRAWN_AT_ONCE", 16)
    monkeypatch.setattr(text_map, "ROWS_AT_ONCE", 16)
    for rank in range(3):
        with item_shard.shared_out(Team(rank, 3)), Largest() as largest:
            shared = start_encoder(config, sources, semantics)
        assert largest.numbers <= (1 + n_items) * size / 2
        state = shared.state_dict()
        parts.append(state.pop("items.weight")[rank > 0 :])
        for weight, value in state.items():
            assert torch.equal(value, alone[weight]), weight
    # As a run does that starts from an earlier one: all of them, and then this process's part.
    whole = start_encoder(config, sources, semantics)
    whole.share_items(Team(1, 3))
    assert torch.equal(whole.item_embeddings[1:], alone["items.weight"][1:][whole.own_items])
    near = 1e-8 if start == "text" else 0.0
    torch.testing.assert_close(torch.cat(parts), alone["items.weight"], rtol=0, atol=near)


def test_each_of_a_team_needs_less_memory_and_least_where_items_are_shared_out(dataset: Path) -> None:
    changes = {**BARE, "model.hidden_size": 2048, "evaluation.batch_size": 1}
    one, two, shared = (
        plan(tiny_config(dataset, {**changes, "training.shard_items": shares}), processes=processes).memory_mb
        for processes, shares in [(1, False), (2, False), (2, True)]
    )
    assert one > two > shared


def test_a_silent_writer_answers_whatever_a_writer_does() -> None:
    public = {name for name in vars(RunWriter) if not name.startswith("_")}
    assert public - {"message"} <= vars(SilentWriter).keys()  # a message is an event


def test_shares_follow_one_another_and_leave_out_nobody() -> None:
    for size in (1, 2, 3, 5):
        for n in (0, 1, 2, 7, 12):
            parts = [np.arange(n)[Team(rank, size).share(n)] for rank in range(size)]
            assert np.concatenate(parts).tolist() == list(range(n))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1
