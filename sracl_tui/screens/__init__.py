"""The screens: each is a folder with what it alone draws, found by its place in the row.

A screen is a package with `TITLE`, `PLACE` (a number: where its tab stands), and a module `screen`
that holds one TabScreen. Other packages add theirs by an entry point of the group `sracl.screens`.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sracl_core.methods import held

if TYPE_CHECKING:
    from sracl_tui.screens.base import TabScreen

FUNCTION_KEYS = 4
"""As many screens have a function key beside their digit; the keys above are the screens' own."""


@dataclass(frozen=True)
class Place:
    """A screen before it is made: `name` is its mode, `package` where it lies, `keys` what shows it."""

    name: str
    title: str
    package: str
    keys: tuple[str, ...]

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
    """All screens, in the order of their tabs. Raises ConfigError for one that cannot be had."""
    found = held(__name__, "sracl.screens", "PLACE", folders=True)
    ordered = sorted((place, name, module) for name, (module, place) in found.items())
    return tuple(
        Place(name, module.TITLE, module.__name__, (f"F{at}", str(at))[at > FUNCTION_KEYS :])
        for at, (_, name, module) in enumerate(ordered, start=1)
    )
