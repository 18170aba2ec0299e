"""A comparison of runs as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sracl_core.cli import output
from sracl_core.settings.models import MASKS


def print_comparison(comparison: dict[str, Any]) -> None:
    """The comparison as tables."""
    names = comparison["runs"]
    for letter, name in zip(_letters(names), names, strict=True):
        output.tell(f"{letter}  {name}")
    letters = _letters(names)
    output.tell()
    if unlike := comparison["differing"]:
        output.tell(f"NOT COMPARABLE: {', '.join(unlike)} differ; metrics below say nothing together")
        output.print_table(
            ["differs", *letters], [[name, *map(_short, some)] for name, some in unlike.items()]
        )
        output.tell()
    if comparison["settings"]:
        output.print_table(
            ["setting", *letters], [[key, *values] for key, values in comparison["settings"].items()]
        )
    else:
        output.tell("the settings are the same")
    output.tell()
    rows = [
        [f"{name} {mask}", *values] for mask in MASKS for name, values in comparison["metrics"][mask].items()
    ]
    part = f"{comparison['part']}, not comparable" if unlike else comparison["part"]
    output.print_table([part, *letters], rows)
    rows = [
        [
            f"{letter} - {letters[0]}",
            test["metric"],
            test["mask"],
            test["difference"],
            test["p_value"],
            test["users"],
        ]
        for letter, tests in zip(letters[1:], comparison["paired"] or [[]] * len(letters[1:]), strict=True)
        for test in tests
    ]
    if rows:
        output.tell()
        output.tell("paired randomization test over users, two-sided, each by itself")
        output.print_table(["runs", "metric", "seen items", "difference", "p", "users"], rows)


def _short(value: Any) -> Any:
    """A value of a protocol in a cell: the start of a hash, the choices of a table that were made."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {choice}" for name, choice in value.items() if choice is not None)
    return f"{value[:12]}…" if isinstance(value, str) and len(value) == 64 else value


def _letters(names: Sequence[str]) -> list[str]:
    return [chr(ord("A") + place) if place < 26 else str(place) for place in range(len(names))]
