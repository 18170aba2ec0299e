"""Sections that are made in Python with what they cannot take: refused in one line, as elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from sracl_core.errors import ConfigError, nearest
from sracl_core.methods import backbones, floors

LONGEST = 60
"""So much of a value an error quotes."""

if TYPE_CHECKING:
    Told = BaseModel
else:

    class _Kind(type(BaseModel)):
        """Of classes whose call raises ConfigError where pydantic raises an error of many lines.

        What reads files validates without such a call, and tells an error with where it stood.
        """

        def __call__(cls, *args: Any, **values: Any) -> Any:
            """A section of these values."""
            try:
                return super().__call__(*args, **values)
            except ValidationError as error:
                said = "; ".join(_line(cls, detail) for detail in error.errors())
                raise ConfigError(f"{cls.__name__}: {said}") from error

    class Told(BaseModel, metaclass=_Kind):
        """Base of what is told so."""


def _line(kind: Any, detail: Any) -> str:
    """What is wrong with one value, and by which rule."""
    place = list(detail["loc"])
    methods = backbones() | floors()
    for at, part in enumerate(place):
        if part in methods and place[at - 1] == "model":  # pydantic's word for which of them was tried
            del place[at]
            break
    key = ".".join(str(part) for part in place)
    if detail["type"] == "extra_forbidden":
        for part in detail["loc"][:-1]:
            field = getattr(kind, "model_fields", {}).get(part)
            kind = field.annotation if field else methods[part].settings if part in methods else None
        return f"there is no '{key}'{nearest(str(place[-1]), getattr(kind, 'model_fields', {}))}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{key} = {detail['input']!r:.{LONGEST}}: {message}" if key else message
