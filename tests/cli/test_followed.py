"""What the errors of the commands advise is done here, word for word, and works: in one process."""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sracl_core.cli.main import run
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_run

SMALL = "--set model.hidden_size=16 --set training.threads=1 --epochs 1 --quiet"
NO_PULL = "--set objectives.sracl.alpha=0 --set objectives.sracl.beta=0"

# (words that are wrong, what the error says, the words that do what it says)
STEPS: dict[str, tuple[str, str, str]] = {
    "a setting": (
        "config show --set training.max_epoch=3",
        "did you mean 'training.max_epochs'",
        "config show --set training.max_epochs=3",
    ),
    "a value": (
        "config show --set training.seed",
        "write --set training.seed=VALUE",
        "config show --set training.seed=3",
    ),
    "a preset": ("config show --preset bset", "did you mean 'best'", "config show --preset best"),
    "no neighbors": (
        "config show --set retrieval.k=0",
        "to learn without neighbors set objectives.sracl.alpha=0 and objectives.sracl.beta=0",
        f"config show {NO_PULL}",
    ),
    "too few neighbors": (
        "config show --set objectives.sracl.neighbors_per_step=20",
        "is more than retrieval.k 10",
        "config show --set objectives.sracl.neighbors_per_step=20 --set retrieval.k=20",
    ),
    "a metric that is not measured": (
        "config show --set training.monitor=unmasked/NDCG@7",
        "unmasked/NDCG@5",
        "config show --set training.monitor=unmasked/NDCG@5",
    ),
    "a run's name": ("runs show shpo", "did you mean 'shop'", "runs show shop"),
    "no such run": ("runs show zzzzzz", "`sracl runs list` shows the runs", "runs list"),
    "a run that has ended": ("resume shop", "--epochs 2` trains it for longer", "resume shop --epochs 2"),
    "one run to compare": (
        "runs compare shop",
        "two runs at least; `sracl runs list`",
        "runs compare shop other",
    ),
    "nobody": ("recommend shop", "give one of --user", "recommend shop --user u1"),
    "a user": ("recommend shop --user u1x", "did you mean 'u1'", "recommend shop --user u1"),
    "an item": ("neighbors shop --item i99", "did you mean 'i9'", "neighbors shop --item i9"),
    "an empty history": (
        "recommend shop --history ,",
        "give item ids, oldest first, with commas between them",
        "recommend shop --history i1,i2",
    ),
    "seen items": (
        "recommend shop --user u1 --exclude-seen maybe",
        "none of auto, yes, no",
        "recommend shop --user u1 --exclude-seen yes",
    ),
    "at most of what": (
        "recommend shop --user u1 --at-most 2",
        "give N:COLUMN, such as 2:category",
        "recommend shop --user u1 --at-most 2:brand",
    ),
    "a column of items": (
        "recommend shop --user u1 --only brnd=Acme",
        "did you mean 'brand'",
        "recommend shop --user u1 --only brand=Acme",
    ),
    "a value of a column": (
        "recommend shop --user u1 --only brand=Acmme",
        "did you mean 'acme'",
        "recommend shop --user u1 --only brand=acme",
    ),
    "many lists without a file": (
        "recommend shop --all",
        "many lists need --out FILE.parquet, FILE.csv or FILE.jsonl",
        "recommend shop --all --out all.csv",
    ),
    "a file of another kind": (
        "recommend shop --all --out all.txt",
        "the ending decides the form",
        "recommend shop --all --out all.jsonl",
    ),
    "a file for one list": (
        "recommend shop --user u1 --out one.csv",
        "--out takes many lists: give --all",
        "recommend shop --all --out one.csv",
    ),
    "reasons of many lists": (
        "recommend shop --all --out why.csv --why",
        "--why, --more and --text-weight are for one list: give --user or --history",
        "recommend shop --user u1 --why",
    ),
    "a weight without a text": (
        "recommend shop --user u1 --text-weight 0.5",
        "error: --text-weight is how far a text steers the list; give a text, or leave it out",
        "recommend shop --user u1",
    ),
    "an end of a history that is given": (
        "recommend shop --histories today.csv --out some.csv --until train",
        "--until ends the history of a user of the dataset",
        "recommend shop --user u1 --until train",
    ),
    "an end of an item's neighbors": (
        "neighbors shop --item i1 --until train",
        "none is asked for; leave it out",
        "neighbors shop --item i1",
    ),
    "users of a file": (
        "recommend shop --users gone.txt --out some.csv",
        "give a file of user ids, one a line",
        "recommend shop --users users.txt --out some.csv",
    ),
    "a format of exports": (
        "data export data --out as-cvs --format cvs",
        "did you mean 'csv'",
        "data export data --out as-csv --format csv",
    ),
    "a folder that is taken": (
        "data export data --out full --format csv",
        "choose another folder",
        "data export data --out empty --format csv",
    ),
    "no dataset": (f"train {SMALL}", "name a folder made by `sracl data prepare`", f"train data {SMALL}"),
    "a device": (
        f"train --dataset data {SMALL} --set training.device=gpu",
        "use auto, cpu",
        f"train --dataset data {SMALL} --set training.device=cpu",
    ),
    "a split that was not given": (
        f"train --dataset data {SMALL} --set dataset.split=given",
        "or take dataset.split=leave_one_out",
        f"train --dataset data {SMALL} --set dataset.split=leave_one_out",
    ),
    "seeds that are none": (
        "compare data --models popular --seeds x",
        "write 3 for three of them",
        "compare data --models popular --seeds 1",
    ),
    "seeds of variants": (
        "ablate data --seeds x --dry-run",
        "1,2,3 for these",
        "ablate data --seeds 1,2,3 --dry-run",
    ),
    "nothing to compare": (
        "compare data --models ,",
        "name some, such as sasrec,item-knn",
        "compare data --models popular,item-knn --seeds 1",
    ),
    "an export's folder": (
        "export model shop --out full",
        "name a folder that does not",
        "export model shop --out model",
    ),
    "a scope of items": (
        "describe run data --what items --scope all --model m --dry-run",
        "--scope is for --what users; leave it away",
        "describe run data --what items --model m --dry-run",
    ),
    "exploring": ("explore shop", "add --json-lines", "explore shop --json-lines"),
    "a study that is a folder": (
        "tune data --model sasrec --study full",
        "name a file for the study, such as full/tune.sqlite",
        "tune data --model sasrec --study full/tune.sqlite --dry-run",
    ),
    "a method to tune": (
        "tune data --model sasrce --dry-run",
        "did you mean 'sasrec'",
        "tune data --model sasrec --dry-run",
    ),
    "a log in place of a dataset": (
        "tune --dataset log.csv --model sasrec --dry-run",
        "log.csv --out data/log` makes one of a log",
        "data prepare log.csv --out made",
    ),
    "a run to serve": ("serve shpo --port 0", "did you mean 'shop'", "serve shop --port 0"),
    "a service for others": (
        "serve shop --port 0 --host 0.0.0.0",
        "set SRACL_TOKEN to a secret",
        "SRACL_TOKEN=sesame serve shop --port 0 --host 0.0.0.0",
    ),
    "an address of another machine": (
        "SRACL_TOKEN=sesame serve shop --port 0 --host 203.0.113.1",
        "give an address of this machine with --host",
        "SRACL_TOKEN=sesame serve shop --port 0 --host 127.0.0.1",
    ),
    "a port that is taken": (
        "serve shop --port TAKEN",
        "give another --port, or --port 0 for a free one",
        "serve shop --port 0",
    ),
    "a run for an assistant": ("mcp shpo", "did you mean 'shop'", "mcp shop"),
    "a moved dataset of a service": (
        "mcp shop --dataset moved",
        "give --dataset FOLDER if it was moved",
        "mcp shop --dataset data",
    ),
    "a team that is shared by two commands alone": (
        "WORLD_SIZE=2 compare data --models popular --seeds 1",
        "run this one without torchrun",
        "compare data --models popular --seeds 1",
    ),
    "a team without a place to meet": (
        f"WORLD_SIZE=2 train --dataset data {SMALL}",
        "MASTER_ADDR is '', and a team of WORLD_SIZE 2 meets there; torchrun sets it, or leave",
        f"train --dataset data {SMALL}",
    ),
    "a number in a team": (
        f"WORLD_SIZE=1 RANK=1 train --dataset data {SMALL}",
        "not a number below WORLD_SIZE, which is 1",
        f"WORLD_SIZE=1 RANK=0 train --dataset data {SMALL}",
    ),
    "items that were added": (
        "items remove shop",
        "give the ids of added items, or --all",
        "items remove shop --all",
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A log of 12 users and 12 items, its dataset, and two runs of it."""
    base = tmp_path_factory.mktemp("followed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TextEncoder, "encode", hashed_words)
        patched.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patched.setenv("XDG_CONFIG_HOME", str(base / "config"))
        log = [f"u{user},i{(user * 5 + step * 7) % 12},{step}" for user in range(12) for step in range(8)]
        (base / "log.csv").write_text("\n".join(["user_id,item_id,timestamp", *log]) + "\n")
        items = [f"i{item},Tea {item},{'Acme' if item % 2 else 'Bold'}" for item in range(12)]
        (base / "items.csv").write_text("\n".join(["item_id,title,brand", *items]) + "\n")
        (base / "users.txt").write_text("u1\nu2\n")
        (base / "full").mkdir()
        (base / "full" / "mine.txt").touch()
        prepare([base / "log.csv", base / "items.csv"], base / "data", PrepareOptions(k_core=1))
        for name in ("shop", "other"):
            tiny_run(tiny_config(base / "data", {"training.max_epochs": 1}), base / "runs", name)
        yield base


@pytest.mark.parametrize("case", STEPS)
def test_doing_what_an_error_says_works(
    place: Path, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: [one.close() for one in sockets])
    monkeypatch.setattr("mcp.server.MCPServer.run", lambda server, transport: None)
    wrong, says, advised = STEPS[case]

    def runs(line: str) -> int:
        words = line.replace("TAKEN", str(taken.getsockname()[1])).split()
        with monkeypatch.context() as patched:
            while "=" in words[0]:
                patched.setenv(*words.pop(0).split("="))
            return run(words)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert runs(wrong) == 2, capsys.readouterr()
        said = capsys.readouterr().err
        assert says in said, said
        assert runs(advised) == 0, capsys.readouterr()
