"""A flipped bit or a changed digit, in every kind of file that is kept: never another answer in silence.

Each trial damages one file and asks what is read from it. Right are the same answer as before, an answer
after a warning, and a refusal of one line. `make soak` tries more, with other seeds.
"""

from __future__ import annotations

import json
import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sracl_core.data.dataset import load_dataset
from sracl_core.errors import SraclError
from sracl_core.evaluation.stored import load_lists, load_ranks
from sracl_core.explorer.loading import LoadedRun
from sracl_core.retrieval.neighbors import cached_neighbors
from sracl_core.runs.directory import open_run
from sracl_core.runs.reader import read_history
from sracl_core.runs.summarizing import damage
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.llm.answers_db import Answer, LlmCache
from sracl_core.semantics.store import VectorStore
from sracl_core.service.exported import open_export
from sracl_core.service.exporting import export_run
from sracl_core.settings.deciding import deciding_settings
from sracl_core.settings.stages import RetrievalConfig
from sracl_core.studies import storage
from sracl_core.training import checkpoint, inputs
from tests.reliability.figures import SEED, note, tried
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

TRIALS = tried("MUTATIONS")
TEXTS = [f"text {number} of a shop" for number in range(120)]
SUBJECTS = [(str(number), number.to_bytes(16, "big")) for number in range(60)]


@dataclass(frozen=True)
class Kept:
    """What a shop keeps: a dataset, a finished run of it, and a cache."""

    base: Path

    @property
    def run(self) -> Path:
        return next((self.base / "runs").iterdir())

    @property
    def cache(self) -> Path:
        return self.base / "cache"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    base = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TextEncoder, "encode", hashed_words)
        patched.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        tiny_run(tiny_config(tiny_dataset(base), {"training.max_epochs": 2}), base / "runs")
        with_answers = LlmCache()
        with_answers.want("job", SUBJECTS)
        for subject, key in SUBJECTS:
            with_answers.store(key, "model", Answer("json", f"What {subject} is about."))
        with_answers.close()
        assert set(read(Kept(base), "llm.sqlite")) == {subject for subject, _ in SUBJECTS}
        VectorStore().vectors(Words(), TEXTS)
        export_run(LoadedRun.open(Kept(base).run), base / "export")
        make_study(base / "study.sqlite")
        yield Kept(base)


def make_study(path: Path) -> None:
    """Three trials, one of them pruned."""
    from optuna.trial import TrialState

    storage.begin(path, {"method": "m", "searched": [1, 2, 3]}, {"layers": 2})
    for value in (0.25, None, 0.5):
        study = storage.load_study(path)
        trial = study.ask()
        trial.report(trial.suggest_int("layers", 1, 3) / 8, 1)
        trial.set_user_attr("run", f"tune-{trial.number}")
        storage.tell(study, trial, value, TrialState.PRUNED if value is None else None)


class Words(TextEncoder):
    """Vectors of hashed words under a name of its own."""

    def __init__(self) -> None:
        self.name, self.fingerprint = "words", "0" * 64


def vectors_of(texts: list[str]) -> np.ndarray:
    return VectorStore().vectors(Words(), texts)


def table(kept: Kept) -> list[Any]:
    vectors = np.random.default_rng(0).normal(size=(90, 8)).astype(np.float32)
    found = cached_neighbors(vectors, 4, RetrievalConfig(method="exact"))
    return [found.ids.tolist(), found.scores.tolist(), found.recall, found.method]


def answers(kept: Kept) -> dict[str, Any]:
    cache = LlmCache(read_only=True)
    try:
        found = dict(cache.texts("job"))
    finally:
        cache.close()
    if len(found) < len(SUBJECTS):
        raise SraclError("a training says how many texts have not been asked for yet")
    return found


def known(found: Any, names: str) -> dict[str, Any]:
    """Some entries: where the name of a checksum is damaged, it is an entry more, which decides nothing."""
    return {name: found.get(name) for name in names.split()}


def small_files(kept: Kept) -> Any:
    """What lists and screens show of a run; what is wrong with it is shown there, too."""
    run = open_run(kept.run)
    problem = damage(run)
    if problem:
        raise SraclError(problem)
    return [
        known(run.meta(), "name created argv seed dataset protocol headline config semantics inputs"),
        known(run.state(), "pid process_start host status stage step epoch best_epoch best_valid error"),
        known(run.results(), "protocol valid test best_epoch training_seconds stages"),
    ]


def history(kept: Kept) -> Any:
    found = read_history(kept.run)
    steps = {name: list(values) for name, values in found.steps.items()}
    told = "epoch step loss next_item inter intra seconds elapsed valid best"
    epochs, ended = [known(record, told) for record in found.epochs], known(found.ended or {}, "status")
    return [epochs, json.dumps(steps), len(found.messages), list(found.stages), ended]


def weights(kept: Kept) -> Any:
    encoder = checkpoint.load_encoder(open_run(kept.run))
    return {name: value.tolist() for name, value in encoder.state_dict().items()}


def goes_on(kept: Kept) -> Any:
    folder = checkpoint.find_checkpoint(kept.run / "checkpoints/last")
    state = checkpoint.read_state(folder)
    told = known(state, "step epoch batch best_score best_epoch elapsed sums counted n_items")
    names = ("model", "objectives", "optimizer", "average")
    tensors = {name: checkpoint.load_tensors(folder, name) for name in names}
    return [told, {name: {key: v.tolist() for key, v in part.items()} for name, part in tensors.items()}]


def study(kept: Kept) -> Any:
    path = kept.base / "study.sqlite"
    with storage.told(path):
        found = storage.load_study(path)
        trials = [
            (one.state.name, sorted(one.params.items()), one.value, one.user_attrs)
            for one in found.get_trials(deepcopy=False)
        ]
        return [storage.about(path, found), trials]


def exported(kept: Kept) -> Any:
    found = open_export(kept.base / "export")
    about = known(found.about, "run dataset dataset_identity model max_length repeats")
    return [about, found.catalogue.ids, found.titles, found.scores([np.arange(5)]).tolist()]


def dataset(kept: Kept) -> Any:
    found = load_dataset(kept.base / "tiny")
    told = known(found.manifest, "name identity counts source filters funnel licence citation notes files")
    return [found.identity, told, found.sequences.values.tolist(), found.titles()]


Read = Callable[[Kept], Any]
ARTEFACTS: dict[str, tuple[str, Read]] = {
    "interactions.parquet": ("tiny/interactions.parquet", dataset),
    "items.parquet": ("tiny/items.parquet", dataset),
    "dataset.json": ("tiny/dataset.json", dataset),
    "config.yaml": ("runs/*/config.yaml", lambda kept: deciding_settings(open_run(kept.run).config)),
    "meta.json": ("runs/*/meta.json", small_files),
    "state.json": ("runs/*/state.json", small_files),
    "results.json": ("runs/*/results.json", small_files),
    "metrics.jsonl": ("runs/*/metrics.jsonl", history),
    "ranks.npz": (
        "runs/*/ranks.npz",
        lambda kept: [
            {name: array.tolist() for name, array in part.items()}
            for run in [open_run(kept.run)]
            for part in (load_ranks(run, "valid"), load_ranks(run, "test"), load_lists(run))
        ],
    ),
    "item_vectors.npy": (
        "runs/*/model/item_vectors.npy",
        lambda kept: inputs.read_vectors(open_run(kept.run)).tolist(),
    ),
    "items.json": (
        "runs/*/model/items.json",
        lambda kept: inputs.require_items(open_run(kept.run)),
    ),
    "prefix_neighbors": (
        "runs/*/model/prefix_neighbors/*",
        lambda kept: inputs.read_table(open_run(kept.run), "prefix_neighbors").ids.tolist(),
    ),
    "best": ("runs/*/checkpoints/best/*", weights),
    "last": ("runs/*/checkpoints/last/*", goes_on),
    "vectors": (
        "cache/vectors/00000000000000000000000000000000.sqlite",
        lambda _: vectors_of(TEXTS).tolist(),
    ),
    "neighbors": ("cache/neighbors/*/*", table),
    "llm.sqlite": ("cache/llm.sqlite", answers),
    "export": ("export/[!Rr]*", exported),
    "study": ("study.sqlite", study),
}


def read(kept: Kept, name: str) -> Any:
    return ARTEFACTS[name][1](kept)


def flipped(content: bytes, rng: random.Random) -> bytes:
    """One bit flipped, or one digit of a text replaced."""
    changed = bytearray(content)
    digits = [at for at, byte in enumerate(content) if chr(byte).isdigit()] if rng.random() < 0.5 else []
    if digits and content[:1] in (b"{", b"d"):
        at = rng.choice(digits)
        changed[at] = ord(rng.choice([digit for digit in "0123456789" if digit != chr(content[at])]))
    else:
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@contextmanager
def damaged(kept: Kept, name: str, rng: random.Random) -> Iterator[None]:
    """One file of the artefact damaged; afterwards all is as it was."""
    files = sorted(path for path in kept.base.glob(ARTEFACTS[name][0]) if path.is_file())
    path = rng.choice(files)
    before, folder = path.read_bytes(), kept.base / "before"
    shutil.copytree(kept.cache, folder)
    try:
        path.write_bytes(flipped(before, rng))
        yield
    finally:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(before)
        shutil.rmtree(kept.cache)
        folder.rename(kept.cache)


def trial(kept: Kept, name: str, right: str, rng: random.Random, said: list[str]) -> str:
    """What became of one damage: "same", "told" or "refused"; the assertion that none of them fails."""
    said.clear()
    with damaged(kept, name, rng):
        try:
            answer: str | None = repr(read(kept, name))
        except SraclError as error:
            refusal = str(error)
            answer = None
    if answer is None:
        assert refusal
        assert "\n" not in refusal
        return "refused"
    assert answer == right or said, f"{name}: another answer, and nothing was said"
    return "told" if said else "same"


@pytest.mark.parametrize("name", ARTEFACTS)
def test_damage_never_changes_an_answer_in_silence(
    kept: Kept, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    right, rng = repr(read(kept, name)), random.Random(f"{SEED} {name}")
    assert not caplog.messages
    outcomes = Counter(
        trial(kept, name, right, rng, _Said(caplog))
        for _ in range(TRIALS // len(ARTEFACTS) + 1 if TRIALS else 4 if name == "study" else 12)
    )
    assert repr(read(kept, name)) == right
    if name not in ("config.yaml", "llm.sqlite", "study", "vectors"):  # much of these decides nothing
        assert outcomes["refused"] + outcomes["told"] > 0, outcomes
    note("mutations", name, outcomes)


class _Said(list[str]):
    """The warnings since it was cleared."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def clear(self) -> None:
        self.caplog.clear()

    def __bool__(self) -> bool:
        return any(record.levelno >= logging.WARNING for record in self.caplog.records)
