"""The screens: each is a folder with what it alone draws, found by its place in the row.

A screen is a package with `TITLE`, `PLACE` (a number: where its tab stands), and a module `screen`
that holds one TabScreen. Other packages add theirs by an entry point of the group `sracl.screens`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sracl_tui.screens.base import TabScreen

GROUP = "sracl.screens"


@dataclass(frozen=True)
class Place:
    """A screen before it is made: `name` is its mode, `package` where it lies."""

    name: str
    title: str
    package: str

    def load(self) -> type[TabScreen]:
        """Its class. Imported when it is first shown: start-up pays for one screen only."""
        from sracl_tui.screens.base import TabScreen

        module = importlib.import_module(f"{self.package}.screen")
        return next(
            held
            for held in vars(module).values()
            if isinstance(held, type) and issubclass(held, TabScreen) and held.__module__ == module.__name__
        )


@functools.cache
def find() -> tuple[Place, ...]:
    """All screens, in the order of their tabs."""
    own = {info.name: f"{__name__}.{info.name}" for info in pkgutil.iter_modules(__path__) if info.ispkg}
    others = {point.name: point.value for point in entry_points(group=GROUP)}
    found = []
    for name, package in {**others, **own}.items():
        module = importlib.import_module(package)
        found.append((module.PLACE, Place(name, module.TITLE, package)))
    return tuple(place for _, place in sorted(found, key=lambda pair: (pair[0], pair[1].name)))
