"""What the shell offers after a tab: runs, datasets, presets and settings that are there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType


def command_of(environment: dict[str, str]) -> str | None:
    """The command whose words are being completed, so that no other is loaded; None before there is one.

    zsh and fish say the words in _TYPER_COMPLETE_ARGS, bash in COMP_WORDS.
    """
    typed = environment.get("_TYPER_COMPLETE_ARGS") or environment.get("COMP_WORDS") or ""
    words = typed.split()
    if not typed.endswith((" ", "\n")):
        words = words[:-1]
    return next((word for word in words[1:] if not word.startswith("-")), None)


def without_coercion() -> None:
    """Let typer build commands without pydantic, which it loads to convert values, half of the time here.

    While a line is completed no value is converted. A typer that has no such part is as it was.
    """
    instead = ModuleType("typer._adapters")
    instead.__dict__["try_build_adapter"] = lambda annotation, parameter_info: None
    sys.modules.setdefault(instead.__name__, instead)


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
    key, equals, _ = incomplete.partition("=")
    every = _choices_of_settings()
    offered = (
        [f"{key}={choice}" for choice in every.get(key, ())] if equals else [f"{name}=" for name in every]
    )
    return sorted(text for text in offered if text.startswith(incomplete))


def _choices_of_settings() -> Mapping[str, list[str]]:
    """The choices of each setting, [] where it is free: as last written down, while what states them is.

    The settings' models take longer to import than anybody waits for a tab.
    """
    from sracl_core.files import cache_folder, read_json

    path = cache_folder() / "completion.json"
    kept = read_json(path) or {}
    stamps = kept.get("stamps")
    if not isinstance(stamps, dict) or _stamps(stamps) != stamps:
        from sracl_core.settings.known import settings as known

        choices = {name: list(one.choices) for name, one in known().items()}
        kept = {"stamps": _stamps(_stating()), "choices": choices}
        _keep(path, kept)
    found: dict[str, list[str]] = kept["choices"]
    return found


def _stating() -> Iterator[str]:
    """The files that state settings, and the folders that change when a method or a package comes."""
    from sracl_core.methods import backbones, floors, objectives

    core = Path(__file__).parents[1]
    yield from map(str, (core / "settings").glob("*.py"))
    yield from (str(core / name) for name in ("models", "objectives", "floors"))
    yield from (folder for folder in sys.path if folder)
    for method in (*backbones().values(), *objectives().values(), *floors().values()):
        yield str(sys.modules[method.package].__file__)


def _stamps(paths: Iterable[str]) -> dict[str, int | None]:
    """When each was changed; None for what is not there."""
    return {path: Path(path).stat().st_mtime_ns if Path(path).exists() else None for path in paths}


def _keep(path: Path, value: object) -> None:
    from sracl_core.errors import StorageError
    from sracl_core.files import make_folder, write_json

    try:
        make_folder(path.parent)
        write_json(path, value, durable=False, seal=True)
    except StorageError:
        return  # a tab says nothing
