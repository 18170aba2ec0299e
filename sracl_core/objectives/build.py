"""From settings to the objectives of a run."""

from __future__ import annotations

from collections.abc import Mapping

from sracl_core.methods import objectives
from sracl_core.objectives.base import Objective
from sracl_core.objectives.world import World
from sracl_core.settings.section import ObjectiveSettings


def build_objectives(settings: Mapping[str, ObjectiveSettings], world: World) -> dict[str, Objective]:
    """Each objective of `settings`, by name, before its first step."""
    known = objectives()
    return {name: known[name].load("objective").build(one, world) for name, one in settings.items()}
