"""A configuration of dotted keys, or in one line what is wrong with it, where it stood, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sracl_core.errors import ConfigError
from sracl_core.json_values import nested
from sracl_core.methods import backbones
from sracl_core.settings.known import settings
from sracl_core.settings.models import RunConfig


def validated(values: Mapping[str, Any], origins: Mapping[str, str]) -> RunConfig:
    """A RunConfig of dotted keys. Raises ConfigError that names key, value, source and rule."""
    try:
        return RunConfig.model_validate(nested(values))
    except ValidationError as error:
        found = [_explain(detail, origins) for detail in error.errors()]
        problems: dict[str, str] = {}
        for key, rule, _ in found:
            problems[key] = f"{problems[key]}; {rule}" if key in problems else rule
        raise ConfigError("; ".join(told for *_, told in found), problems) from error


def _explain(detail: Any, origins: Mapping[str, str]) -> tuple[str, str, str]:
    """The setting or section that is wrong, the rule, and both with what was given and where."""
    place, message = list(detail["loc"]), str(detail["msg"]).removeprefix("Value error, ")
    if place[:1] == ["model"] and len(place) > 1:
        backbone = place.pop(1)
        if detail["type"] == "extra_forbidden":
            has = [key.removeprefix("model.") for key in settings(str(backbone)) if key.startswith("model.")]
            message = f"{backbone} has no such setting; it has {', '.join(has)}"
    if detail["type"] == "union_tag_invalid":
        place, message = ["model", "name"], f"input should be {_either(', '.join(map(repr, backbones())))}"
    key = ".".join(str(part) for part in place)
    owner = next((name for name in origins if key == name or key.startswith(f"{name}.")), None)
    if owner is None:
        return key, message, f"{key}: {message}" if key else message
    rule = message[:1].lower() + message[1:]
    given = detail["ctx"]["tag"] if detail["type"] == "union_tag_invalid" else detail["input"]
    return owner, rule, f"{key} = {given!r} ({origins[owner]}): {rule}"


def _either(tags: str) -> str:
    """Pydantic's list of tags as it writes choices: 'a', 'b' or 'c'."""
    *most, last = tags.split(", ")
    return f"{', '.join(most)} or {last}" if most else last
