"""The sample shop is what its generator writes and what its README says."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "sample_data"


def rows_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def generate(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(FOLDER / "generate.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def items() -> list[dict[str, str]]:
    return rows_of("items.csv")


@pytest.fixture(scope="module")
def interactions() -> list[dict[str, str]]:
    return rows_of("interactions.csv")


def test_files_are_exactly_what_the_generator_writes() -> None:
    checked = generate("--check")
    assert checked.returncode == 0, checked.stderr


def test_every_user_and_item_has_five_interactions(interactions: list[dict[str, str]]) -> None:
    for column in ("user_id", "item_id"):
        assert min(Counter(row[column] for row in interactions).values()) >= 5


def test_histories_move_forward_and_never_repeat(interactions: list[dict[str, str]]) -> None:
    histories = defaultdict(list)
    for row in interactions:
        histories[row["user_id"]].append(row)
    for rows in histories.values():
        times = [int(row["timestamp"]) for row in rows]
        assert all(earlier < later for earlier, later in pairwise(times))
        assert len({row["item_id"] for row in rows}) == len(rows)


def test_items_are_complete_distinct_and_all_bought(
    items: list[dict[str, str]], interactions: list[dict[str, str]]
) -> None:
    assert list(items[0]) == ["item_id", "title", "brand", "category", "price", "description"]
    assert all(value.strip() for row in items for value in row.values())
    assert all(float(row["price"]) > 0 for row in items)
    for column in ("item_id", "title", "description"):
        assert len({row[column] for row in items}) == len(items)
    assert {row["item_id"] for row in items} == {row["item_id"] for row in interactions}


def test_readme_states_the_counts(items: list[dict[str, str]], interactions: list[dict[str, str]]) -> None:
    users = {row["user_id"] for row in interactions}
    kinds, brands = ({row[column] for row in items} for column in ("category", "brand"))
    counts = f"| {len(users):,} | {len(items)} | {len(interactions):,} | {len(kinds)} | {len(brands)} |"
    assert counts in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_folder_stays_under_a_megabyte() -> None:
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(sizes) < 1_000_000


def test_readme_states_the_baselines_and_they_show_order_and_words_to_matter() -> None:
    table = generate("--baselines").stdout.strip()
    assert table in (FOLDER / "README.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    popularity, _, markov, smoothed, longer = (float(row[2]) for row in cells)
    assert markov >= 3 * popularity
    assert popularity < markov < smoothed < longer
