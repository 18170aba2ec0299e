from __future__ import annotations

import pytest
import torch

from sracl_core.explorer.loading import LoadedRun
from sracl_core.models.base import SequenceEncoder
from sracl_core.pipeline import fitting
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run


def counted(encoder: SequenceEncoder, *_: object) -> bool:
    """In place of what would be chosen, where nobody takes anything again."""
    assert encoder.counts is not None
    encoder.counts.weights.copy_(torch.tensor([0.3, 0.7]))
    return True


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A tiny run whose texts are hashed words."""
    base = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setattr(fitting, "fit_counts", counted)
        changes = {"model.repeats": "counted", "model.evidence": "both", "training.max_epochs": 2}
        run = tiny_run(tiny_config(tiny_dataset(base), changes), base / "runs")
    opened = LoadedRun.open(run.path)
    assert opened.encoder.evidence is not None
    assert opened.encoder.evidence.weights.all(), "an export is compared with a run that has evidence"
    return opened
