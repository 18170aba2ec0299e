"""Values as JSON can have them: no arrays, no paths, nothing that is not finite."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any


def jsonable(value: Any) -> Any:
    """What `json.dumps` asks about values it does not know: numpy numbers and arrays, paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def without_non_finite(value: Any, name: str = "") -> tuple[Any, list[str]]:
    """`value` with NaN and infinities as None, and the dotted names of where they stood.

    >>> without_non_finite({"loss": float("nan"), "valid": {"HR@5": 0.5}})
    ({'loss': None, 'valid': {'HR@5': 0.5}}, ['loss'])
    """
    if isinstance(value, dict):
        parts = {
            key: without_non_finite(inner, f"{name}.{key}" if name else str(key))
            for key, inner in value.items()
        }
        return {key: part[0] for key, part in parts.items()}, [
            bad for part in parts.values() for bad in part[1]
        ]
    if isinstance(value, list | tuple):
        listed = [without_non_finite(inner, f"{name}.{place}") for place, inner in enumerate(value)]
        return [part[0] for part in listed], [bad for part in listed for bad in part[1]]
    if hasattr(value, "tolist"):
        return without_non_finite(value.tolist(), name)
    if isinstance(value, float) and not math.isfinite(value):
        return None, [name]
    return value, []


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name, in order.

    >>> flat({"training": {"seed": 3}, "floor": None})
    {'training.seed': 3, 'floor': None}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `flat` was made of.

    >>> nested({"training.seed": 3, "floor": None})
    {'training': {'seed': 3}, 'floor': None}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        *parts, last = name.split(".")
        inner = found
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return found
