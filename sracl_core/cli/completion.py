"""What the shell offers after a tab: runs, datasets, presets and settings that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def command_of(environment: dict[str, str]) -> str | None:
    """The command whose words are being completed, so that no other is loaded; None before there is one.

    zsh and fish say the words in _TYPER_COMPLETE_ARGS, bash in COMP_WORDS.
    """
    typed = environment.get("_TYPER_COMPLETE_ARGS") or environment.get("COMP_WORDS") or ""
    words = typed.split()
    if not typed.endswith((" ", "\n")):
        words = words[:-1]
    return next((word for word in words[1:] if not word.startswith("-")), None)


def presets(incomplete: str) -> list[str]:
    """Names of presets."""
    folder = Path(__file__).parents[1] / "presets"
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem.startswith(incomplete))


def trackers(incomplete: str) -> list[str]:
    """Programs of others that a run's numbers can go to."""
    from sracl_core.methods import TRACKERS, names

    return [name for name in names(*TRACKERS) if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Runs in SRACL_RUNS_DIR or runs, newest first, by name and by the end of it."""
    folder = Path(os.environ.get("SRACL_RUNS_DIR", "runs"))
    names = sorted((path.parent.name for path in folder.glob("*/meta.json")), reverse=True)
    every = ["last", *(name.split("-", 2)[-1] for name in names), *names]
    return [name for name in dict.fromkeys(every) if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    """Prepared datasets below the folder that is being typed, or in SRACL_DATA_DIR or data."""
    typed, _, _ = incomplete.rpartition("/")
    folders = [Path(typed)] if typed else [Path(os.environ.get("SRACL_DATA_DIR", "data")), Path()]
    found = (str(path.parent) for folder in folders for path in folder.glob("*/dataset.json"))
    return sorted({name for name in found if name.startswith(incomplete)})


def settings(incomplete: str) -> list[str]:
    """KEY= of every setting; after the `=` what the setting can be, where that is a choice."""
    return sorted(_settings(incomplete))


def _settings(incomplete: str) -> Iterator[str]:
    from sracl_core.settings.known import settings as known

    key, equals, _ = incomplete.partition("=")
    every = known()
    if not equals:
        yield from (f"{name}=" for name in every if name.startswith(incomplete))
    elif key in every:
        offered = (f"{key}={choice}" for choice in every[key].choices)
        yield from (text for text in offered if text.startswith(incomplete))
