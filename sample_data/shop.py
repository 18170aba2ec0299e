"""The shop itself: reads the hand-written catalog/*.txt into items and kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

CATALOG = Path(__file__).parent / "catalog"
STYLES = "cmp"  # classic, modern, playful
MONTHS = {"winter": 1, "spring": 4, "summer": 7, "autumn": 10}


@dataclass(frozen=True)
class Item:
    """One thing on the shelf. `style` and `step` steer the shoppers and are not published."""

    item_id: str
    kind: str
    style: str  # one of STYLES
    step: int  # 1 starter, 2 what goes with it, 3 upgrade, 4 for the devoted
    price: str
    brand: str
    title: str
    description: str


@dataclass(frozen=True)
class Kind:
    """One shelf of the shop, the season it sells best in, and the kinds that it leads to."""

    slug: str
    category: str
    season: str
    related: dict[str, int]
    items: tuple[Item, ...]

    def demand(self, timestamp: int) -> float:
        """How much the season favors this kind at a time (1 = no effect)."""
        if self.season == "all":
            return 1.0
        months_away = abs(datetime.fromtimestamp(timestamp, UTC).month - MONTHS[self.season])
        return {0: 1.7, 1: 1.5, 2: 1.2}.get(min(months_away, 12 - months_away), 0.8)


def read_kind(path: Path) -> Kind:
    """Read one catalog file: three header lines, then `style+step price | brand | title | description`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = dict(line.split(": ", 1) for line in lines[:3])
    related = {slug: int(weight) for slug, weight in (pair.split() for pair in header["related"].split(", "))}
    items = []
    for number, line in enumerate(lines[3:], start=1):
        place, brand, title, description = line.split(" | ")
        (style, step), price = place.split()
        item_id = f"{path.stem}-{number:03d}"
        items.append(Item(item_id, path.stem, style, int(step), price, brand, title, description))
    return Kind(path.stem, header["kind"], header["season"], related, tuple(items))


def read_shop() -> dict[str, Kind]:
    """All kinds by slug, in alphabetical order."""
    return {path.stem: read_kind(path) for path in sorted(CATALOG.glob("*.txt"))}
