"""A comparison of runs as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sracl_core.cli import output
from sracl_core.studies.comparing import MASKS


def print_comparison(comparison: dict[str, Any]) -> None:
    """The comparison as tables."""
    names = comparison["runs"]
    for letter, name in zip(_letters(names), names, strict=True):
        output.tell(f"{letter}  {name}")
    letters = _letters(names)
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
    output.print_table([comparison["part"], *letters], rows)
    rows = [
        [
            f"{letter} - {letters[0]}",
            test["metric"],
            test["mask"],
            test["difference"],
            test["p_value"],
            test["users"],
        ]
        for letter, tests in zip(letters[1:], comparison["paired"], strict=True)
        for test in tests
    ]
    if rows:
        output.tell()
        output.tell("paired randomization test over users, two-sided")
        output.print_table(["runs", "metric", "seen items", "difference", "p", "users"], rows)


def _letters(names: Sequence[str]) -> list[str]:
    return [chr(ord("A") + place) if place < 26 else str(place) for place in range(len(names))]
