"""Values as JSON can have them: no arrays, no paths, nothing that is not finite."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from sracl_core.plain import plain


def jsonable(value: Any) -> Any:
    """What `json.dumps` asks about values it does not know: numpy numbers and arrays, paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


class RepeatedNameError(ValueError):
    """An object says one name twice, of which Python's reader would take the last in silence."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its names and values, for a JSON reader's `object_pairs_hook`; see `loads_once`."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name in names if names.count(name) > 1)
        raise RepeatedNameError(f"'{plain(again[:60])}' stands in an object twice; keep one")
    return found


def loads_once(text: str) -> Any:
    """`json.loads` for what others write. Raises RepeatedNameError, a ValueError as that does.

    >>> loads_once('{"seed": 1, "seed": 2}')
    Traceback (most recent call last):
    ...
    sracl_core.json_values.RepeatedNameError: 'seed' stands in an object twice; keep one
    """
    return _ONCE.decode(text)


_ONCE = json.JSONDecoder(object_pairs_hook=once)


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
