"""Runs that take a second: a small part of the sample, a small model, and texts hashed to vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sracl_core import disk
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.models.base import SequenceEncoder
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import train
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.known import settings
from sracl_core.settings.models import FIRST_BACKBONE, RunConfig
from sracl_core.settings.validation import validated

SAMPLE = Path(__file__).parents[1] / "sample_data"
TINY: dict[str, Any] = {
    "model.hidden_size": 16,
    "model.layers": 1,
    "model.inner_size": 32,
    "retrieval.k": 5,
    "training.batch_size": 192,
    "training.max_epochs": 5,
    "training.threads": 1,
    "training.device": "cpu",
}
HASHED_SIZE = 32


def hashed_words(_: TextEncoder, texts: Sequence[str], *__: Any, **___: Any) -> np.ndarray:
    """In place of `TextEncoder.encode`: vectors of length 1, the sum of what each word's hash draws.

    It needs no model and is the same on every machine.
    """

    def of_word(word: str) -> np.ndarray:
        seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        return np.random.default_rng(seed).standard_normal(HASHED_SIZE)

    words = {word: of_word(word) for word in {word for text in texts for word in text.split()}}
    sums = np.array([np.sum([words[word] for word in text.split()], axis=0) for text in texts])
    return (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)


def given_counts(encoder: SequenceEncoder, *_: object) -> int:
    """In place of `fit_counts`: weights to see, where nobody takes anything again."""
    assert encoder.counts is not None
    encoder.counts.weights.copy_(torch.tensor([0.3, 0.7]))
    return 1_000


def tiny_dataset(folder: Path) -> Path:
    """Forty users of the sample, prepared in `folder`/tiny."""
    prepare(SAMPLE, folder / "tiny", PrepareOptions(sample_users=40))
    return folder / "tiny"


def tiny_config(dataset: Path, changes: dict[str, Any] | None = None) -> RunConfig:
    """Small settings for a small dataset; `changes` by dotted name."""
    wanted = {**TINY, "dataset.path": str(dataset), **(changes or {})}
    known = settings(wanted.get("model.name", FIRST_BACKBONE))
    return validated({key: value for key, value in wanted.items() if key in known or key not in TINY}, {})


def left_behind(path: Path) -> Path:
    """The name under which a process that is dead now was making `path`."""
    beside = disk.beside(path)
    return beside.with_name(beside.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-"))


def tiny_run(config: RunConfig, runs: Path, name: str = "tiny") -> RunDirectory:
    """Train in this process."""
    run = new_run(config, runs, name)
    with RunWriter(run) as writer:
        train(run, writer)
    return run
