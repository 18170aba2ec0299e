"""Tell what `make soak` found as Markdown: results/reliability.json becomes reliability.md beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "reliability.json"


def table(part: str, rows: dict[str, dict[str, Any]]) -> list[str]:
    """One part: a line for each of its names, and what they come to."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [f"## {part}", "", f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {name} | {' | '.join(str(row.get(column, 0)) for column in columns)} |"
        for name, row in rows.items()
    ]
    if len(rows) > 1 and part != "training beside a dashboard":
        sums = [sum(row.get(column, 0) for row in rows.values()) for column in columns]
        lines.append(f"| **in all** | {' | '.join(f'**{value}**' for value in sums)} |")
    return [*lines, ""]


def main() -> None:
    """Write the tables."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    head = f"`make soak`, {found.pop('date')}, {found.pop('machine')}, seed {found.pop('seed')}."
    asked = ", ".join(f"{name} {value}" for name, value in found.pop("asked", {}).items())
    head += f" Asked for: {asked}."
    lines = ["# Kills, damage, full disks, rubbish", "", head, ""]
    for part, rows in found.items():
        lines += table(part, rows)
    RESULTS.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
