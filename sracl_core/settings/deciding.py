"""Which settings decide a run's result, and the hash that says that two runs are to give the same."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from sracl_core.settings.known import flatten
from sracl_core.settings.models import RunConfig

ELSEWHERE = frozenset(
    {
        "dataset.path",  # what lies there is known by its identity
        "semantics.batch_size",
        "training.device",
        "training.threads",
        "training.checkpoint_minutes",
        "evaluation.batch_size",
    }
)
"""Where, how fast and in which pieces a run computes. Rounding may differ, what is computed does not."""

TEXTS_READ = frozenset({"describe.model", "describe.scope"})


def deciding_settings(config: RunConfig) -> dict[str, Any]:
    """The settings that decide a result, by dotted name.

    Of `describe` only what says which texts are read, and only where any are: how they are asked for
    is in the texts themselves.
    """
    read = TEXTS_READ if config.read_llm_texts else frozenset()
    return {
        name: value
        for name, value in flatten(config).items()
        if name not in ELSEWHERE and (not name.startswith("describe.") or name in read)
    }


def settings_hash(config: RunConfig) -> str:
    """The same for the same deciding settings."""
    return sha256(json.dumps(deciding_settings(config), sort_keys=True).encode()).hexdigest()
