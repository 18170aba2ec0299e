"""Draws benchmarks/results/scale.json as docs/growth.svg and prints it as a Markdown table.

    python benchmarks/scale_plot.py

Both axes are logarithmic: a line that rises as steeply as the gray one grows in proportion to the users.
Training and ranking are those of the runs without neighbor tables (--memory-gb 0); tables, and training
with the losses that read them, come from the runs that made them.
"""

from __future__ import annotations

import json
from math import log10
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DRAWN = HERE.parent / "docs" / "growth.svg"
STAGES = {
    "prepare": ("prepare", "#4269d0"),
    "item_neighbors": ("item neighbors", "#c98a00"),
    "prefix_neighbors": ("prefix neighbors", "#d6453d"),
    "train_with_tables": ("200 steps, all losses", "#777777"),
    "train_200_steps": ("200 steps, next-item", "#2a8a7a"),
    "evaluate_10000_users": ("ranking 10,000 users", "#8a56b5"),
}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 440, 320, 52, 140, 34, 40


def panel(results: list[dict[str, Any]], key: str, title: str, left: int) -> list[str]:
    """One plot of `key` of every stage against the number of users."""
    points: dict[str, list[tuple[int, float]]] = {name: [] for name in STAGES}
    for one in results:
        for name in STAGES:
            if key in one["stages"].get(name, {}):
                points[name].append((one["users"], one["stages"][name][key]))
    values = [max(value, 0.1) for line in points.values() for _, value in line]
    users = [one["users"] for one in results]
    low, high = int(log10(min(values)) // 1), int(-(-log10(max(values)) // 1))
    first, last = log10(min(users)), log10(max(users))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - first) / ((last - first) or 1)
        up = (log10(max(y, 0.1)) - low) / ((high - low) or 1)
        inner = WIDTH - LEFT - RIGHT
        return left + LEFT + across * inner, HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    drawn = [f'<text x="{left + LEFT}" y="18" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        (x1, y), (x2, _) = place(min(users), 10**power), place(max(users), 10**power)
        drawn.append(f'<path d="M{x1:.1f} {y:.1f}H{x2:.1f}" stroke="#ddd"/>')
        drawn.append(f'<text x="{x1 - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for count in users:
        x, y = place(count, 10**low)
        drawn.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{count:,}</text>')
    foot, rise = place(min(users), 10**low), place(max(users), 10 ** min(high, low + last - first))
    line = f"M{foot[0]:.1f} {foot[1]:.1f}L{rise[0]:.1f} {rise[1]:.1f}"
    drawn.append(f'<path d="{line}" stroke="#999" stroke-dasharray="4 3"/>')
    taken: list[float] = []
    for name, found in sorted(points.items(), key=lambda one: -one[1][-1][1] if one[1] else 0):
        if len(found) > 1:  # a single dot shows no growth; the table has it
            drawn += _line([place(*point) for point in found], *STAGES[name], left, taken)
    return drawn


def _line(
    places: list[tuple[float, float]], label: str, color: str, left: int, taken: list[float]
) -> list[str]:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places]
    at = max([places[-1][1] + 4, *(other + 14 for other in taken)])
    taken.append(at)
    text = f'<text x="{left + WIDTH - RIGHT + 8}" y="{at:.1f}" fill="{color}">{label}</text>'
    return [f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>', *marks, text]


def table(results: list[dict[str, Any]]) -> str:
    """CPU seconds and peak memory of each stage, a column a size."""
    head = [f"{one['users']:,} users, {one['items']:,} items" for one in results]
    rows = [["stage", *head], ["---"] * (len(head) + 1)]
    for name, (label, _) in STAGES.items():
        cells = []
        for one in results:
            stage = one["stages"].get(name, {})
            if "cpu_seconds" not in stage:
                needed = f"; needs {stage['left_out']}" if "left_out" in stage else ""
                cells.append(f"not measured{needed}")
            else:
                cells.append(f"{stage['cpu_seconds']:,.1f} s, {stage['peak_mb'] / 1000:.1f} GB")
        rows.append([label, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def merged(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a size: the run without tables, and what other runs of that size found of tables."""
    full = [one for one in results if one["prefixes_kept"] == "all" and one["width"] == 384]
    sizes = [one for one in full if one["memory_gb"] == 0]
    for size in sizes:
        for other in full:
            if other["asked"] == size["asked"] and other is not size:
                tables = {name: other["stages"][name] for name in ("item_neighbors", "prefix_neighbors")}
                size["stages"] |= tables
                if "cpu_seconds" in tables["prefix_neighbors"]:
                    size["stages"]["train_with_tables"] = other["stages"]["train_200_steps"]
    return sizes


def main() -> None:
    results = merged(json.loads((HERE / "results" / "scale.json").read_text())["results"])
    body = panel(results, "cpu_seconds", "CPU seconds", 0)
    body += panel(results, "peak_mb", "Peak memory, MB", WIDTH)
    DRAWN.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )
    print(table(results))


if __name__ == "__main__":
    main()
