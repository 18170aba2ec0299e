"""Which settings of a method are searched, and where: as they stand beside the settings themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sracl_core.errors import ConfigError
from sracl_core.settings.known import flatten, settings
from sracl_core.settings.models import RunConfig
from sracl_core.settings.space import Choices, Range, Space
from sracl_core.settings.validation import validated


def search_space(config: RunConfig, fixed: Collection[str] = ()) -> dict[str, Space]:
    """The space of each setting that `config`'s method reads, by dotted key, but for those in `fixed`.

    What is off, being 0, stays off: a part more would make another method of it. A setting that only another
    choice would read, and a value that `config` refuses, are left out.
    """
    read = ("model.",) if config.floor else ("model.", "training.", *map(_section, config.active_objectives))
    found, values = dict[str, Space](), flatten(config)
    for key, setting in settings(config.model.name).items():
        declared = next((one for one in setting.field.metadata if isinstance(one, Range | Choices)), None)
        if declared is None or key in fixed or not key.startswith(read) or not values[key]:
            continue
        if space := _allowed(config, key, declared):
            found[key] = space
    return found


def chosen(config: RunConfig, values: dict[str, Any]) -> RunConfig:
    """`config` with `values` by dotted key. Raises ConfigError for values that do not go together."""
    return validated({**flatten(config), **values}, {})


def _section(objective: str) -> str:
    return f"objectives.{objective}."


def _allowed(config: RunConfig, key: str, space: Space) -> Space | None:
    def fits(value: Any) -> bool:
        try:
            return chosen(config, {key: value}) is not None
        except ConfigError:
            return False

    if isinstance(space, Choices):
        values = tuple(value for value in space.values if fits(value))
        return Choices(values) if len(values) > 1 else None
    whole = isinstance(flatten(config)[key], int)
    ends = [int(end) if whole else end for end in (space.low, space.high)]
    return space if all(map(fits, ends)) else None
