"""Ids as people have them: every one that prepare accepts can be asked for, in every way of asking."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sracl_core.cli import asking, explore
from sracl_core.cli.main import run as sracl
from sracl_core.cli.recommend import print_recommendations
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.errors import CheckpointError
from sracl_core.explorer import Explorer
from sracl_core.files import write_json
from sracl_core.rules import Rules
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.liveness import fresh_state
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training import checkpoint
from sracl_core.training.session import Session
from tests.tiny import hashed_words, tiny_config, tiny_run

ODD = [
    "a,b",
    "c d",
    '"q"',
    "it's",
    "[1]",
    "-5",
    "--user",
    "é🍵",
    "%20",
    "\\n",
    "0012",
    "a;b|c",
    "Null x",
    '["x"]',
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose users and items have such ids."""
    folder = tmp_path_factory.mktemp("odd")
    rng, rows = np.random.default_rng(0), ["user_id\titem_id\ttimestamp"]
    names = [*ODD, *(f"x{number}" for number in range(6))]
    for user in names:
        for time, item in enumerate(rng.permutation(len(names))[:8]):
            rows.append("\t".join([_cell(user), _cell(names[item]), str(1_700_000_000 + time)]))
    (folder / "log.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(folder / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        prepare(folder / "log.tsv", folder / "odd", PrepareOptions(k_core=1))
        config = tiny_config(folder / "odd", {"training.max_epochs": 1, "retrieval.k": 3})
        tiny_run(config, folder / "runs", "odd")
    return folder


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def explorer(base: Path) -> Explorer:
    return Explorer.open(RunDirectory(next((base / "runs").iterdir())).path)


def test_prepare_kept_them_all(explorer: Explorer) -> None:
    assert set(ODD) <= set(explorer.loaded.dataset.items.ids)
    assert set(ODD) <= set(explorer.loaded.dataset.users.ids)


@pytest.mark.parametrize("name", ODD)
def test_each_can_be_asked_for(base: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--runs-dir", str(base / "runs"), "--json"]
    assert sracl(["recommend", "odd", f"--user={name}", "--k", "3", *place]) == 0
    assert json.loads(capsys.readouterr().out)["user"] == name
    assert sracl(["neighbors", "odd", f"--item={name}", *place]) == 0
    assert json.loads(capsys.readouterr().out)["item"]["item"] == name
    history = json.dumps([name, "x1"])
    assert sracl(["recommend", "odd", "--history", history, "--k", "3", *place]) == 0
    assert [item["item"] for item in json.loads(capsys.readouterr().out)["history"]] == [name, "x1"]
    if "," in name or name != name.strip():
        assert sracl(["recommend", "odd", "--history", f"{name},x1", *place]) == 2
        assert """are given as --history '["a,b", "c"]'""" in capsys.readouterr().err


def test_the_explorer_takes_them_as_they_are(explorer: Explorer) -> None:
    lines = [json.dumps({"op": "history", "user": name}) for name in ODD]
    answers = io.BytesIO()
    explore.serve(explorer, io.BytesIO("\n".join(lines).encode()), answers)
    users = [json.loads(line)["result"]["user"] for line in answers.getvalue().splitlines()]
    assert users == ODD


def test_a_list_without_commas_inside_stays_simple() -> None:
    assert asking.split_ids(" a , b c ,") == ["a", "b c"]
    assert asking.split_ids("[1],x") == ["[1]", "x"]
    assert asking.split_ids("[1, 2]") == ["[1", "2]"]


def test_an_empty_list_says_why(explorer: Explorer, capsys: pytest.CaptureFixture[str]) -> None:
    everything = explorer.loaded.dataset.items.ids
    print_recommendations(explorer.recommend(history=everything))
    assert "--exclude-seen no shows what is in the history" in capsys.readouterr().err
    assert len(explorer.recommend(history=everything, rules=Rules(exclude_seen="no")).items) == 10


def test_a_diverged_model_is_refused_and_never_rank_1(base: Path, tmp_path: Path) -> None:
    run = RunDirectory(next((base / "runs").iterdir()))
    explorer = Explorer.open(run.path)
    with torch.no_grad():
        for value in explorer.loaded.encoder.parameters():
            value.fill_(float("nan"))
    assert explorer.recommend(user="a,b", k=3).held_out["test"].rank == explorer.loaded.dataset.n_items
    best = checkpoint.find_checkpoint(run.checkpoints / "best")
    tensors = checkpoint.load_tensors(best, "model")
    broken = {name: torch.full_like(value, float("nan")) for name, value in tensors.items()}
    state = {key: value for key, value in checkpoint.read_state(best).items() if key != "files"}
    copied = RunDirectory(tmp_path / run.name)
    copied.checkpoints.mkdir(parents=True)
    copied.config_path.write_bytes(run.config_path.read_bytes())
    checkpoint.save_checkpoint(copied.checkpoints / "best", {"model": broken}, state)
    session = Session(explorer.loaded.encoder, {}, {}, run.config.training)
    for load in (
        lambda: checkpoint.load_encoder(copied),
        lambda: session.load_weights(copied.checkpoints / "best"),
    ):
        with pytest.raises(CheckpointError, match=r"diverged.*training\.learning_rate"):
            load()


def test_no_checkpoint_yet_says_whether_to_wait(base: Path, tmp_path: Path) -> None:
    run = RunDirectory(next((base / "runs").iterdir()))
    copied = RunDirectory(tmp_path / run.name)
    copied.path.mkdir()
    for name in ("config.yaml", "meta.json"):
        (copied.path / name).write_bytes((run.path / name).read_bytes())
    with pytest.raises(CheckpointError, match=r"`sracl resume .*` writes one"):
        checkpoint.load_encoder(copied)
    write_json(copied.state_path, fresh_state(0.0))
    with pytest.raises(CheckpointError, match="is in training and has no best checkpoint yet"):
        checkpoint.load_encoder(copied)
