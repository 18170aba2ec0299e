"""Which settings a method reads, and the refusal of what is said to no effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sracl_core.errors import ConfigError
from sracl_core.methods import backbones, floors, objectives
from sracl_core.settings.known import settings
from sracl_core.settings.models import RunConfig


def takes(method: str, key: str) -> bool:
    """Whether a backbone or a floor has the setting `key`; whether a run reads it depends on others, too.

    >>> takes("gru4rec", "model.heads"), takes("popular", "evaluation.ks"), takes("popular", "training.seed")
    (False, True, True)
    """
    section, _, rest = key.partition(".")
    if section == "model":
        return key in settings(method)
    if method in floors():
        return section not in ("objectives", "training") or rest in RunConfig.OF_FLOORS
    name = rest.partition(".")[0]
    main = section == "objectives" and name in objectives() and objectives()[name].settings.main
    return not main or name == backbones()[method].settings.main


def require_read(given: Mapping[str, str], runs: Sequence[RunConfig], rows: str = "this run") -> None:
    """Raise ConfigError for a setting of `given`, by key with its origin, that none of `runs` reads."""
    for key, origin in given.items():
        if why := needed(key, runs):
            where = origin if origin.endswith(f" {key}") else f"{origin}: {key}"
            raise ConfigError(f"{where} is not read by {rows}; it needs {why}")


def needed(key: str, runs: Sequence[RunConfig]) -> str:
    """What would read the setting `key`, "" where one of `runs` does."""
    if any(takes(one.model.name, key) and key not in one.unread for one in runs):
        return ""
    return next((one.unread[key] for one in runs if key in one.unread), "") or _owner(key)


def _owner(key: str) -> str:
    of = [name for name in backbones() | floors() if takes(name, key)]
    return "a method that is trained" if of == list(backbones()) else f"{' or '.join(of)}"
