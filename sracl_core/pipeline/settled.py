"""Settings that mean the same tomorrow and from another folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sracl_core.semantics.encode import is_bundled
from sracl_core.settings.models import RunConfig


def settled(config: RunConfig) -> RunConfig:
    """`config` with absolute paths, and by name the model whose texts were taken up last.

    Raises DataError where training reads texts of a language model and there are none.
    """
    if config.dataset.path and Path(config.dataset.path).exists():
        config = config.with_dataset(Path(config.dataset.path).resolve())
    changes: dict[str, Any] = {}
    encoder = Path(config.semantics.encoder).expanduser()
    if not is_bundled(config.semantics.encoder) and encoder.is_dir():
        changes["semantics"] = config.semantics.model_copy(update={"encoder": str(encoder.resolve())})
    if config.read_llm_texts and not config.describe.model:
        # polars and the prompts take time that a study whose runs are all there need not pay.
        from sracl_core.data.sources import load_sources
        from sracl_core.semantics.llm.texts import latest_model

        sources = load_sources(config)
        model = latest_model(sources.dataset, sources.split.train, config.read_llm_texts)
        changes["describe"] = config.describe.model_copy(update={"model": model})
    return config.model_copy(update=changes)
