"""Every key that can be set, and the values of a configuration by key."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sracl_core.methods import Method, backbones, floors
from sracl_core.settings.models import FIRST_BACKBONE, RunConfig


@dataclass(frozen=True)
class Setting:
    """One key that can be set, e.g. "training.seed"."""

    key: str
    field: FieldInfo

    @property
    def default(self) -> Any:
        """Its value when nobody sets it."""
        return self.field.get_default(call_default_factory=True, validated_data={})

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it allows, () when it is no choice among words."""
        if self.key == "model.name":
            return tuple(backbones())
        if typing.get_origin(self.field.annotation) is typing.Literal:
            return tuple(str(word) for word in typing.get_args(self.field.annotation))
        return ()


def settings(backbone: str | None = None) -> dict[str, Setting]:
    """Every key that can be set, in the order of the configuration.

    With a `backbone` or a floor, its own alone; else those of every backbone, each as the first that has it.
    """
    return dict(_of(backbone, (*backbones().values(), *floors().values())))


@cache
def _of(backbone: str | None, methods: tuple[Method, ...]) -> dict[str, Setting]:
    """`settings`, while there are these methods: a table of many runs asks hundreds of times."""
    found: dict[str, Setting] = {}
    for setting in _walk(RunConfig, "", backbone):
        found.setdefault(setting.key, setting)
    return found


def every_setting() -> dict[str, Setting]:
    """Those of `settings`, and those of floors, which no form offers but a run's file may hold."""
    found = settings()
    for name in floors():
        for key, setting in settings(name).items():
            found.setdefault(key, setting)
    return found


def meant(written: str, known: Iterable[str]) -> list[str]:
    """The keys of `known` that somebody may mean who wrote another, the likeliest first; [] where none is.

    A name without its section may stand in several; a training's comes first and a language model's last.
    """
    keys, name = list(known), written.rpartition(".")[2].casefold()
    if found := [key for key in keys if key.casefold() == written.casefold()]:
        return found
    if not (found := _named(keys, name)):
        found = difflib.get_close_matches(written, keys, n=1)
    if not found and "." not in written:
        close = difflib.get_close_matches(name, {key.rpartition(".")[2] for key in keys}, n=1)
        found = _named(keys, *close)
    places = ("training", "model", "dataset", "objectives.sracl")
    return sorted(found, key=lambda key: (key.startswith("describe."), not key.startswith(places)))


def _named(keys: list[str], *names: str) -> list[str]:
    return [key for key in keys if key.rpartition(".")[2].casefold() in names]


def flatten(config: BaseModel, prefix: str = "") -> dict[str, Any]:
    """The values of `config` by dotted key, in order."""
    flat: dict[str, Any] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = list(value) if isinstance(value, tuple) else value
    return flat


def _walk(model: type[BaseModel], prefix: str, backbone: str | None) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if prefix + name == "model":
            found = backbones() | floors()
            for one in [backbone] if backbone else dict.fromkeys([FIRST_BACKBONE, *backbones()]):
                yield from _walk(found[one].settings, "model.", backbone)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk(kind, f"{prefix}{name}.", backbone)
        else:
            yield Setting(prefix + name, field)
