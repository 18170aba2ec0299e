"""From what a model wrote to the text that the sentence encoder reads."""

from __future__ import annotations

import json
import re
from typing import Any

ITEM_FIELDS = ("summary", "audience")

ITEM_SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "item",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ITEM_FIELDS},
            "required": list(ITEM_FIELDS),
            "additionalProperties": False,
        },
    },
}

REPAIR = (
    "That is not the JSON object that was asked for. Answer again with one JSON object and nothing else, "
    'with the two texts "summary" and "audience".'
)

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_MARKS = re.compile(r'```[a-zA-Z]*|"? ?[{,]? ?"(?:summary|audience)" ?: ?"?')
"""Code fences, and what is left of a JSON object that was cut off; in a text without superfluous blanks."""


def item_answer(raw: str) -> str | None:
    """The summary and the audience of the first JSON object in `raw` that has both, else None.

    >>> item_answer('Sure! {"summary": "A soap.", "audience": "Everybody."} Anything else?')
    'A soap. Everybody.'
    """
    text = _THOUGHT.sub("", raw)
    decoder = json.JSONDecoder(strict=False)
    for found in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            continue
        parts = [_part(value.get(name)) for name in ITEM_FIELDS] if isinstance(value, dict) else [""]
        if all(parts):
            return " ".join(parts)
    return None


def plain_answer(raw: str) -> str:
    """`raw` without thoughts, code fences, remains of JSON and superfluous blanks; may be empty.

    >>> plain_answer('```json {"summary": "A soap for everybo')
    'A soap for everybo'
    """
    text = " ".join(_THOUGHT.sub("", raw).split())
    return " ".join(_MARKS.sub(" ", text).split())


def _part(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
