"""Draw validation NDCG@20 against minutes of training, from what record.py kept.

python benchmarks/curves.py docs/curves.svg benchmarks/results/fast-1.json benchmarks/results/best-42.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

COLORS = ("#d6453d", "#4269d0", "#2a8a7a", "#c98a00", "#8a56b5", "#7a7a7a", "#b0559a", "#5a8f29")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 62, 190, 34, 46


def curve(path: Path) -> list[tuple[float, float]]:
    """(minutes of training, validation NDCG@20 unmasked) after each epoch."""
    kept = json.loads(path.read_text())
    if any("NDCG@20" not in epoch for epoch in kept["curve"]):
        raise SystemExit(f"{path} has no NDCG@20, which is drawn: 20 was not in its run's evaluation.ks")
    return [(epoch["elapsed"] / 60.0, epoch["NDCG@20"]) for epoch in kept["curve"]]


def drawing(curves: dict[str, list[tuple[float, float]]]) -> str:
    """The curves as SVG, each with its name at its end."""
    longest = max(x for points in curves.values() for x, _ in points)
    values = [y for points in curves.values() for _, y in points]
    low, high = int(min(values) * 100) / 100, int(max(values) * 100 + 1) / 100

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = x / longest, (y - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<text x="{LEFT}" y="20" font-weight="bold">Validation NDCG@20, unmasked, all items ranked</text>'
    ]
    for step in range(round((high - low) * 200) + 1):
        y = place(0, low + step / 200)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{low + step / 200:.3f}</text>')
    every = max(1, round(longest / 8))
    for minute in range(0, int(longest) + 1, every):
        x = place(minute, low)[0]
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{minute}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">minutes of training and validation</text>')
    taken: list[float] = []
    for color, (name, points) in zip(
        COLORS, sorted(curves.items(), key=lambda one: -one[1][-1][1]), strict=False
    ):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        at = max([place(*points[-1])[1] + 4, *(other + 15 for other in taken)])
        taken.append(at)
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{at:.1f}" fill="{color}">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#333">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def main() -> None:
    """Draw the files that are named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    options = parser.parse_args()
    options.out.write_text(drawing({path.stem: curve(path) for path in options.results}))


if __name__ == "__main__":
    main()
