from __future__ import annotations

import pytest

from sracl_core.explorer.loading import LoadedRun
from sracl_core.pipeline import fitting
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import given_counts, hashed_words, tiny_config, tiny_dataset, tiny_run


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A tiny run whose texts are hashed words."""
    base = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setattr(fitting, "fit_counts", given_counts)
        changes = {"model.repeats": "counted", "model.evidence": "both", "training.max_epochs": 2}
        run = tiny_run(tiny_config(tiny_dataset(base), changes), base / "runs")
    opened = LoadedRun.open(run.path)
    assert opened.encoder.evidence is not None
    assert opened.encoder.evidence.weights.all(), "an export is compared with a run that has evidence"
    return opened
