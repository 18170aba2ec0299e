"""Where settings come from that no command names; light, so that a start can ask whether there are any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT_PREFIX = "SRACL_"
PROJECT_FILE = "sracl.yaml"
OTHER_VARIABLES = ("RUNS_DIR", "CACHE_DIR", "DATA_DIR", "LLM_API_KEY", "TOKEN", "DEBUG", "ASCII")
"""What is read of the environment beside settings, without the prefix."""


def user_file() -> Path:
    """The user's own settings; need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_dir("sracl", appauthor=False)) / "config.yaml"


def any_settings(environment: Mapping[str, str]) -> bool:
    """Whether the user's file, this folder's, or a variable such as SRACL_TRAINING__SEED is there."""
    named = (name for name in environment if name.startswith(ENVIRONMENT_PREFIX))
    return user_file().is_file() or Path(PROJECT_FILE).is_file() or any("__" in name for name in named)
