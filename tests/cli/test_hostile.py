"""Hostile names, titles, ids and records through every command: shown as they read, obeyed by nobody.

The table below must name every command there is, so that a new one is tried, too.
"""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sracl_core.cli.main import run
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.semantics.encode import TextEncoder
from tests.cli.test_advice import commands
from tests.hostile import MARK, NAMES, ODD
from tests.test_plain import is_harmless
from tests.tiny import hashed_words, tiny_config, tiny_run

EVERYTHING = "".join(NAMES.values())
TITLES = list(NAMES.values())
USER, ITEM = f"user {NAMES['escape']}", f"item {NAMES['clipboard']}"


@dataclass(frozen=True)
class Shop:
    """A log, a dataset and a run in which every text is hostile, and the words that name them."""

    base: Path

    def words(self, line: str) -> list[str]:
        """`line` as a list, with the names in capitals filled in."""
        places = {"LOG": "log.csv", "LATER": "later.csv", "NEW": "new.csv"}
        places |= {"DATA": "data", "RUNS": "runs", "OUT": "out"}
        places["RUN"] = f"runs/{self.run.name}"
        texts = {"USER": USER, "ITEM": ITEM, "ODD": EVERYTHING, "COLUMN": f"made {NAMES['markup']}"}

        def filled(word: str) -> str:
            first, slash, rest = word.partition("/")
            if first in places:
                return f"{self.base / places[first]}{slash}{rest}"
            left, sign, right = word.partition("=")
            return texts.get(word) or texts.get(left, left) + sign + texts.get(right, right)

        return [filled(word) for word in line.split()]

    @property
    def run(self) -> Path:
        return next(path for path in (self.base / "runs").iterdir() if path.name.endswith("-shop"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    base = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TextEncoder, "encode", hashed_words)
        patched.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patched.setenv("XDG_CONFIG_HOME", str(base / "config"))
        users = [f"user {name}" for name in TITLES] + [f"plain {number}" for number in range(20)]
        items = [f"item {name}" for name in TITLES] + [f"other {number}" for number in range(6)]
        log = [
            (user, items[(at + step) % len(items)], step)
            for at, user in enumerate(users)
            for step in range(8)
        ]
        _table(base / "log.csv", ("user_id", "item_id", "timestamp"), log)
        _table(base / "later.csv", ("user_id", "item_id", "timestamp"), [(u, i, t + 9) for u, i, t in log])
        _table(base / "new.csv", ("item_id", "title"), [(f"new {name}", name) for name in TITLES])
        shown = [(item, TITLES[at % len(TITLES)], EVERYTHING) for at, item in enumerate(items)]
        _table(base / "items.csv", ("item_id", "title", f"made {NAMES['markup']}"), shown)
        prepare(
            [base / "log.csv", base / "items.csv"], base / "data", PrepareOptions(name=EVERYTHING, k_core=1)
        )
        for name in ("shop", "other"):
            tiny_run(tiny_config(base / "data", {"training.max_epochs": 1}), base / "runs", name)
        for number, spoil in enumerate(ODD.values()):
            spoil(tiny_folder(base / "runs", number))
        yield Shop(base)


def tiny_folder(runs: Path, number: int) -> Path:
    """A copy of the run that may be spoiled."""
    (whole,) = [path for path in runs.iterdir() if path.name.endswith("-other")]
    return shutil.copytree(whole, runs / f"odd-{number}")


def _table(path: Path, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


SMALL = "--set model.hidden_size=16 --set training.threads=1 --epochs 1"
CALLS: dict[str, list[str]] = {
    "data prepare": [
        "LOG --out OUT/p --name ODD --k-core 1",
        "LOG --out OUT/q --user-col ODD",
        "ODD --out OUT",
    ],
    "data append": ["DATA LOG --out OUT/g", "DATA ODD --out OUT/h", "ODD LOG --out OUT/i"],
    "data info": ["DATA", "DATA --preview 20", "DATA --json", "ODD"],
    "data look": ["LOG", "LOG --json", "ODD"],
    "data list": ["--raw-dir ODD", "--json"],
    "data fetch": ["ODD", "ml-1m --mirror ODD --raw-dir OUT/raw"],
    "data export": ["DATA --out OUT/e --format recbole", "DATA --out OUT/f --format ODD"],
    "describe run": ["DATA --what items --dry-run --model m", "DATA --what items --model ODD --base-url ODD"],
    "describe status": ["--texts 2", "--json"],
    "train": [
        f"--dataset DATA --runs-dir OUT/r --name {MARK}x {SMALL}",
        "--dataset DATA --runs-dir OUT/r --set ODD",
        "--dataset ODD --runs-dir OUT/r",
    ],
    "resume": ["RUN", "ODD --runs-dir RUNS", "odd-0 --runs-dir RUNS"],
    "stop": ["RUN", "ODD --runs-dir RUNS"],
    "ablate": ["--dataset DATA --runs-dir OUT/r --seeds 1 --dry-run", "--dataset DATA --variants ODD"],
    "compare": [
        "--dataset DATA --runs-dir OUT/r --models popular,markov --seeds 1",
        "--dataset DATA --runs-dir OUT/r --models ODD",
    ],
    "runs list": ["--runs-dir RUNS", "--runs-dir RUNS --json", "--runs-dir ODD"],
    "runs show": ["RUN", "RUN --groups", "RUN --json", *(f"RUNS/odd-{at}" for at in range(len(ODD)))],
    "runs compare": ["shop other --runs-dir RUNS", "RUN RUNS/odd-0 --json", "RUN ODD --runs-dir RUNS"],
    "runs board": ["--runs-dir RUNS", "--runs-dir RUNS --against ODD"],
    "runs plot": ["ODD --runs-dir RUNS", "shop --runs-dir RUNS --out OUT/plot.ODD"],
    "runs rename": ["other ODD --runs-dir RUNS", "ODD x --runs-dir RUNS"],
    "runs note": ["shop ODD --runs-dir RUNS", "shop --runs-dir RUNS", "ODD x --runs-dir RUNS"],
    "runs rm": ["RUNS/odd-1 --yes", "ODD --yes --runs-dir RUNS"],
    "tune": [
        "--model ODD --dataset DATA",
        "--model sasrec --dataset DATA --set ODD",
        "--model sasrec --dataset ODD",
    ],
    "evaluate": ["RUN", "ODD --runs-dir RUNS"],
    "monitor": ["RUN LATER", "RUN LATER --json", "RUN ODD", "ODD LOG --runs-dir RUNS"],
    "users": ["RUN", "RUN --sort ODD", "RUN --contains ODD --json", "RUN --sort gain --against ODD"],
    "items show": ["RUN ITEM", "RUN ITEM --json", "RUN ODD"],
    "items map": ["RUN --color COLUMN", "RUN --json", "RUN --color ODD", "RUN --layout ODD"],
    "items add": ["RUN NEW", "RUN NEW --json", "RUN ODD", "ODD NEW --runs-dir RUNS"],
    "items list": ["RUN", "RUN --json", "ODD --runs-dir RUNS"],
    "items remove": ["RUN ODD", "RUN --all"],
    "recommend": [
        "RUN --user USER",
        "RUN --history ITEM --why",
        "RUN --user ODD",
        "RUN --user USER --json",
        "RUN --user USER --only COLUMN=ODD",
        "RUN --user USER --only ODD=x --not ODD",
        "RUN --user USER --at-most 1:COLUMN --diversity 0.5 --not-like ODD --more ODD --why",
        "RUN --user USER --exclude LOG",
        "RUN --user USER --exclude ODD",
        "RUN --all --out OUT/all.csv",
        "RUN --users LOG --out OUT/some.jsonl",
        "RUN --histories LOG --out OUT/ODD.csv",
    ],
    "embed": ["DATA", "DATA --dry-run", "DATA --json", "ODD"],
    "neighbors": ["RUN --user USER", "RUN --item ITEM", "RUN --item ODD", "RUN --item ITEM --json"],
    "explore": ["RUN --json-lines", "ODD --json-lines"],
    "export metrics": ["RUN", "RUN --steps --out OUT/m.csv", "RUN --to ODD", "ODD"],
    "export onnx": ["ODD --out OUT/o", "RUNS/odd-0 --out OUT/o"],
    "serve": ["ODD", "RUNS/no-run"],
    "mcp": ["ODD", "RUNS/no-run"],
    "export model": ["RUN --out OUT/model", "ODD --out OUT/n"],
    "config show": ["--dataset DATA", "--set ODD", "--preset ODD", "--dataset DATA --yaml"],
    "config validate": ["RUN/config.yaml", "ODD"],
    "cache": ["--runs-dir RUNS", "--json --runs-dir ODD"],
    "cache clear": ["--dry-run --needed --runs-dir RUNS"],
    "demo": ["--epochs ODD"],
    "doctor": ["ODD"],
}
LINES = f'{{"op": "history", "user": "{MARK}"}}\n{{"op": "items", "prefix": ""}}\n{{"op": "\\u001b[31m"}}\n'


def test_every_command_is_tried() -> None:
    takes = {name for name, found in commands().items() if found.params or not hasattr(found, "commands")}
    assert set(CALLS) == takes - {"", "describe"}


@pytest.mark.parametrize("command", CALLS)
def test_a_command_shows_what_is_hostile_harmlessly(
    shop: Shop, command: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.base)
    for line in CALLS[command]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
        words = shop.words(f"{command} {line}")
        code = run(words)
        out, err = (stream.decode() for stream in capfdbinary.readouterr())
        assert code in (0, 1, 2), (words, err)
        assert is_harmless((out + err).replace("\n", "")), (words, out, err)
        assert "error: unexpected" not in err, (words, err)
        assert "Traceback" not in out + err
