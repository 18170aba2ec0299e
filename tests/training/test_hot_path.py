"""A step sends its sequences to the device once and fetches once: the losses and the norm of the gradient."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core.data.sources import load_sources
from sracl_core.errors import NonFiniteLossError
from sracl_core.pipeline.stages import build_semantics
from sracl_core.pipeline.starting import start_session
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.batches import make_batch
from sracl_core.training.loop import Trainer
from tests.tiny import hashed_words, tiny_config, tiny_dataset

FETCHES = ("item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__")


@pytest.fixture
def trainer(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """SRA-CL with everything on unless the test says otherwise, before its first step."""
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    changes = getattr(request, "param", {"objectives.next_item.smoothing": 0.2})
    config = tiny_config(tiny_dataset(tmp_path), changes)
    sources = load_sources(config)
    session = start_session(config, sources, build_semantics(config, sources), torch.device("cpu"))
    writer: Any = SimpleNamespace(event=lambda *words, **fields: None)
    run: Any = SimpleNamespace(path=tmp_path)
    made = Trainer(session, sources.prefixes, lambda beat: {}, config, run, writer)
    session.train_mode()
    return made


def test_a_step_fetches_once(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()
    for name in FETCHES:
        plain = getattr(torch.Tensor, name)

        def counting(
            self: torch.Tensor, *words: Any, plain: Any = plain, name: str = name, **named: Any
        ) -> Any:
            counted[name] += 1
            return plain(self, *words, **named)

        monkeypatch.setattr(torch.Tensor, name, counting)
    values = trainer._step(make_batch(trainer.prefixes, np.arange(64)))
    monkeypatch.undo()
    assert counted == {"tolist": 1}
    assert values["loss"] == pytest.approx(values["next_item"] + values["inter"] + values["intra"], rel=1e-5)


@pytest.mark.parametrize(
    ("trainer", "remedy"),
    [
        ({}, "a lower training.learning_rate or a higher objectives.sracl.temperature may help"),
        ({"objectives.sracl.weight": 0}, "no step was taken on it: a lower training.learning_rate may help"),
    ],
    indirect=["trainer"],
)
def test_no_step_is_taken_on_a_gradient_that_is_not_finite(trainer: Trainer, remedy: str) -> None:
    weight = trainer.session.encoder.items.weight
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(NonFiniteLossError, match=f"the gradient is not finite at step 0; .*{remedy}"):
        trainer._step(make_batch(trainer.prefixes, np.arange(64)))
    assert torch.equal(weight, before)
    assert trainer.session.state.step == 0
