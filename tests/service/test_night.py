"""A shop's night, month after month, by the script that the documents give."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sracl_core.service.exported import open_export
from sracl_core.service.reloading import Source
from tests.reliability.zygote import Zygote
from tests.tiny import TINY
from tests.trained import ROOT

NIGHT = ROOT / "docs/night/night.sh"
SETS = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
SETS += ["--set", "training.max_epochs=2"]
SHIM = """#!{python} -IS
import json, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
line.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
ended = json.loads(line.makefile().readline())
sys.stdout.write(ended["out"]), sys.stderr.write(ended["err"])
sys.exit(ended["code"])
"""
MONTH = 30 * 86400
KINDS = ("milk", "bread", "cheese", "apples")


@dataclass(frozen=True)
class Shop:
    """A shop's folder, its months of baskets, and a PATH on which `sracl` has started already."""

    base: Path
    path: str

    @property
    def folder(self) -> Path:
        return self.base / "shop"

    def night(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", NIGHT, self.folder, *words],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": self.path},
            timeout=250,
        )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    months(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "bin").mkdir()
    address = str(tmp_path / "line")
    with Zygote(tmp_path / "shop") as zygote, socket.socket(socket.AF_UNIX) as line:
        line.bind(address)
        line.listen()
        threading.Thread(target=answer, args=(line, zygote), daemon=True).start()
        shim = tmp_path / "bin/sracl"
        shim.write_text(SHIM.format(python=sys.executable, address=address))
        shim.chmod(0o755)
        yield Shop(tmp_path, f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def answer(line: socket.socket, zygote: Zygote) -> None:
    """Run the commands that the shim is asked for."""
    while True:
        try:
            asked, _ = line.accept()
        except OSError:
            return
        with asked:
            ended = zygote.run(*json.loads(asked.makefile().readline()))
            asked.sendall(
                json.dumps({"code": ended.code, "out": ended.out, "err": ended.err}).encode() + b"\n"
            )


def months(base: Path) -> None:
    """Three months of baskets: households that come back to what they like; new products in the second."""
    rng, products = np.random.default_rng(0), [f"p{number:02d}" for number in range(44)]
    kind = np.arange(44) % 4
    table = pl.DataFrame(
        {
            "product_id": products,
            "product_category": [KINDS[at] for at in kind],
            "product_type": [f"{KINDS[at]} {number // 8}" for number, at in enumerate(kind)],
        }
    )
    table.head(40).write_csv(base / "products-1.csv")
    table.tail(4).write_csv(base / "products-2.csv")
    for month in range(3):
        rows = []
        for home in range(50):
            likes = np.flatnonzero((kind == home % 4) & (np.arange(44) < (40 if month == 0 else 44)))
            for visit in range(3):
                time = 1_500_000_000 + month * MONTH + visit * 9 * 86400 + home * 60
                rows += [(f"h{home}", products[item], time) for item in rng.choice(likes, 3, replace=False)]
        frame = pl.DataFrame(
            rows, schema=["household_id", "product_id", "transaction_timestamp"], orient="row"
        )
        frame.write_csv(base / f"month-{month + 1}.csv")


@pytest.mark.skipif(sys.platform != "linux", reason="flock and mv -T are those of Linux")
def test_a_shop_s_nights(shop: Shop) -> None:
    base, live = shop.base, shop.folder / "live"
    first = shop.night(base / "month-1.csv", base / "products-1.csv", "--", *SETS)
    assert first.returncode == 0, first.stderr
    source = Source(live)
    assert source.open().name.endswith((shop.folder / "live-run").read_text().strip())

    second = shop.night(base / "month-2.csv", base / "products-2.csv")
    assert second.returncode == 0, second.stderr
    assert "of the latest week's events are with items it does not know" in second.stdout
    assert "may go live" in second.stderr
    assert source.changed()
    assert "p43" in source.open().catalogue.rows
    runs = [path.name for path in (shop.folder / "runs").iterdir()]
    (run,) = (name for name in runs if name.endswith((shop.folder / "live-run").read_text().strip()))
    assert json.loads((shop.folder / "runs" / run / "meta.json").read_text())["started_from"]["run"] in runs
    lists = pl.read_parquet(shop.folder / "lists.parquet")
    assert lists["user_id"].n_unique() == 50

    before = what_is_live(shop.folder)
    third = shop.night(base / "month-3.csv", "--", "--set", "training.learning_rate=1e30")
    assert third.returncode == 1
    assert "error: " in third.stderr
    assert what_is_live(shop.folder) == before
    assert not source.changed()

    again = shop.night(base / "month-3.csv")
    assert again.returncode == 0, again.stderr
    assert source.changed()
    latest = max(path.name for path in (shop.folder / "data").iterdir())
    assert pl.read_parquet(shop.folder / "data" / latest / "interactions.parquet").height == 3 * 450
    assert open_export(live).name.endswith((shop.folder / "live-run").read_text().strip())
    for name in ("exports", "data", "runs"):
        assert len(list((shop.folder / name).iterdir())) == 3, name


def what_is_live(folder: Path) -> tuple[Path, str, os.stat_result]:
    return (folder / "live").readlink(), (folder / "live-run").read_text(), (folder / "lists.parquet").stat()
