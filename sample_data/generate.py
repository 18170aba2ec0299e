"""Write the sample shop's items.csv and interactions.csv, the same bytes every time.

python sample_data/generate.py               write both files
python sample_data/generate.py --check       exit 1 unless the files are exactly what would be written
python sample_data/generate.py --baselines   measure simple recommenders on them (needs numpy)
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections import Counter
from pathlib import Path

from shop import read_shop
from shoppers import Simulation

FOLDER = Path(__file__).parent
SEED = 7
CORE = 5


def as_csv(header: str, rows: list[tuple[object, ...]]) -> bytes:
    """Rows as UTF-8 CSV with plain newlines on every platform."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue().encode()


def build() -> dict[str, bytes]:
    """The content of each file by name. Raises ValueError if the shop is not 5-core."""
    shop = read_shop()
    rows = Simulation(shop, SEED).run()
    for column in (0, 1):
        rarest, times = Counter(row[column] for row in rows).most_common()[-1]
        if times < CORE:
            raise ValueError(f"{rarest} appears {times} times, fewer than {CORE}: choose another SEED")
    items = [
        (item.item_id, item.title, item.brand, kind.category, item.price, item.description)
        for kind in shop.values()
        for item in kind.items
    ]
    if len({row[1] for row in rows}) < len(items):
        raise ValueError("an item of the catalog was never bought: choose another SEED")
    return {
        "items.csv": as_csv("item_id,title,brand,category,price,description", items),
        "interactions.csv": as_csv("user_id,item_id,timestamp", rows),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Write or check the sample shop.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare the files with what would be written")
    mode.add_argument("--baselines", action="store_true", help="measure simple recommenders on the files")
    args = parser.parse_args()
    if args.baselines:
        from baselines import report

        print(report(FOLDER))
        return 0
    stale = []
    for name, content in build().items():
        path = FOLDER / name
        if not args.check:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            stale.append(name)
    if stale:
        print(f"error: {', '.join(stale)} in {FOLDER} differ; run generate.py to rewrite", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
