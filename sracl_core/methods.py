"""The methods of a package, found rather than listed: one folder each, or one file where a file is enough.

A method is a package with a ``Settings`` model in its ``__init__`` (which imports no torch) and its
code in a module beside it, named by what the kind of method calls it ("encoder", "objective").
Other distributions add theirs by an entry point whose value is such a package:

    [project.entry-points."sracl.backbones"]
    bsarec = "their_package.bsarec"

A reader, a split, a metric and a tracker have no settings of their own: each is a module that holds one
value of its kind (READER, SPLIT, METRIC, TRACKER), and an entry point names such a module.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from sracl_core.errors import ConfigError

READERS = "sracl_core.data.readers", "sracl.readers"
SPLITS = "sracl_core.data.splits", "sracl.splits"
METRICS = "sracl_core.evaluation.metrics", "sracl.metrics"
TRACKERS = "sracl_core.runs.trackers", "sracl.trackers"
"""Where methods without settings of their own are, and the group of others' entry points."""


@dataclass(frozen=True)
class Method:
    """One method: what it is called, what can be set, and where its code lies."""

    name: str
    package: str
    settings: type[Any]

    def load(self, module: str) -> Any:
        """Its code: the module of that name in its package."""
        return importlib.import_module(f"{self.package}.{module}")


def registered(group: str) -> list[EntryPoint]:
    """What other distributions register under `group`, by name."""
    return sorted(_every_point().select(group=group), key=lambda point: point.name)


@cache
def _every_point() -> Any:
    """Found once: every search reads a file of each distribution that is installed."""
    return entry_points()


@cache
def find(package: str, group: str) -> dict[str, Method]:
    """The methods in the folders of `package`, and those that distributions register under `group`.

    Raises ConfigError as `held` does.
    """
    found = held(package, group, "Settings", folders=True)
    return {name: Method(name, module.__name__, settings) for name, (module, settings) in found.items()}


@cache
def names(package: str, group: str) -> list[str]:
    """What `values` would find, without importing any of it."""
    place = find_spec(package)
    assert place is not None
    own = [module.name for module in pkgutil.iter_modules(place.submodule_search_locations)]
    others = [point.name for point in registered(group)]
    return sorted({name for name in [*own, *others] if name != "base"})


@cache
def values(package: str, group: str, constant: str) -> dict[str, Any]:
    """What the modules of `package`, and those registered under `group`, hold under the name `constant`.

    Raises ConfigError as `held` does.
    """
    return {name: value for name, (_, value) in held(package, group, constant).items()}


def held(package: str, group: str, constant: str, folders: bool = False) -> dict[str, tuple[ModuleType, Any]]:
    """The modules of `package`, and those registered under `group`, with what each calls `constant`.

    A module without it is a helper of the others; with `folders` none but packages are looked at. Raises
    ConfigError, naming the culprit, for two of one name and for a registered one that cannot be imported or
    does not hold it.
    """
    found = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.ispkg or not folders:
            module = importlib.import_module(f"{package}.{info.name}")
            if (value := getattr(module, constant, None)) is not None:
                found[info.name] = module, value
    for point in registered(group):
        if point.name in found:
            raise ConfigError(f"{_place(point)}: '{point.name}' is there already; give it another name")
        try:
            module = point.load()
            found[point.name] = module, getattr(module, constant)
        except Exception as error:
            raise ConfigError(f"{_place(point)} cannot be used: {error}; mend or uninstall it") from error
    return found


def _place(point: EntryPoint) -> str:
    whose = f" of {point.dist.name}" if point.dist is not None else ""
    return f"the entry point {point.group}: {point.name} = {point.value}{whose}"


def backbones() -> dict[str, Method]:
    """The sequence encoders, by name."""
    return find("sracl_core.models", "sracl.backbones")


def floors() -> dict[str, Method]:
    """What counts and does not learn, by name."""
    return find("sracl_core.floors", "sracl.floors")


def objectives() -> dict[str, Method]:
    """What can be minimized, by name."""
    return find("sracl_core.objectives", "sracl.objectives")
