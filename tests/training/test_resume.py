"""Training that is killed and resumed ends where it would have ended anyway."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from sracl_core import disk
from tests import forked

ROOT = Path(__file__).parents[2]
SETTINGS = (
    "training.max_epochs=3",
    "training.threads=1",
    "training.device=cpu",
    "training.checkpoint_minutes=0.001",
    "training.average_decay=0.99",
    "training.batch_size=128",
    "model.hidden_size=16",
    "model.inner_size=32",
)


def train_command(dataset: Path, runs: Path, name: str, *extra: str) -> list[str]:
    sets = [part for setting in (*SETTINGS, *extra) for part in ("--set", setting)]
    return ["train", "--dataset", str(dataset), "--runs-dir", str(runs), "--name", name, *sets, "-q"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "sample"
    words = ("data", "prepare", str(ROOT / "sample_data"), "--out", str(out), "--sample-users", "200")
    forked.ran(*words).check_returncode()
    return out


def run_of(runs: Path, name: str) -> Path:
    (found,) = [path for path in runs.iterdir() if path.name.endswith(name)]
    return found


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if line]


def epochs(run: Path) -> list[dict]:
    latest = {record["epoch"]: record for record in records(run) if record["event"] == "epoch"}
    return [latest[epoch] for epoch in sorted(latest)]


def metrics_of(runs: Path, name: str) -> str:
    found = [path for path in runs.glob(f"*{name}") if (path / "metrics.jsonl").is_file()]
    return (found[0] / "metrics.jsonl").read_text() if found else ""


def kill_when(command: list[str], runs: Path, name: str, wanted: str, number: signal.Signals) -> str:
    """Start `command`, send `number` as soon as it writes `wanted`; returns what it said on stderr."""
    earlier = len(metrics_of(runs, name))
    process = forked.started(*command)
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if wanted in metrics_of(runs, name)[earlier:]:
            process.send_signal(number)
            if number == signal.SIGTERM:
                # As `timeout` does it; the second is no second asking.
                process.send_signal(number)
            ended = process.wait(60)
            assert ended.returncode == (-number if number == signal.SIGKILL else 128 + number), ended.stderr
            return ended.stderr
        time.sleep(0.002)
    ended = process.wait()
    raise AssertionError(f"{wanted} never appeared; exit code {ended.returncode}: {ended.stderr}")


def same_numbers(one: Path, other: Path) -> None:
    for first, second in zip(epochs(one), epochs(other), strict=True):
        for part in ("loss", "next_item", "inter", "intra"):
            assert first[part] == pytest.approx(second[part], abs=1e-6)
        assert first["valid"] == second["valid"]
    results = [json.loads((run / "results.json").read_text()) for run in (one, other)]
    assert results[0]["test"] == results[1]["test"]
    assert results[0]["best_epoch"] == results[1]["best_epoch"]


# Inside the first epoch, between best and last checkpoint, and inside a later epoch.
MOMENTS = {"live": ('"kind": "last"', '"kind": "best"', '"kind": "last"'), "cached": ('"kind": "best"',)}


@pytest.mark.parametrize("states", MOMENTS)
def test_killed_inside_and_between_epochs_it_reaches_the_same_numbers(
    dataset: Path, tmp_path: Path, states: str
) -> None:
    extra = f"objectives.sracl.neighbor_states={states}"
    forked.ran(*train_command(dataset, tmp_path, "whole", extra)).check_returncode()
    command = train_command(dataset, tmp_path, "killed", extra)
    for moment in MOMENTS[states]:
        kill_when(command, tmp_path, "killed", moment, signal.SIGKILL)
        command = ["resume", str(run_of(tmp_path, "killed")), "-q"]
    forked.ran(*command).check_returncode()
    same_numbers(run_of(tmp_path, "whole"), run_of(tmp_path, "killed"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop_it_checkpoints_and_says_how_to_go_on(
    dataset: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = train_command(dataset, tmp_path, "asked", "training.checkpoint_minutes=100")
    said = kill_when(command, tmp_path, "asked", '"stage": "train", "status": "started"', number)
    run = run_of(tmp_path, "asked")
    assert said.startswith("interrupted: stopped at step")
    assert "sracl resume" in said
    state = json.loads((run / "state.json").read_text())
    assert state["status"] == "stopped"
    assert records(run)[-1]["best_epoch"] == state.get("best_epoch")
    assert (run / "checkpoints/last/model.safetensors").is_file()
    step = json.loads((run / "checkpoints/last/state.json").read_text())["step"]
    # As a kill between the two renames of the next checkpoint leaves it.
    (run / "checkpoints/last").rename(disk.set_aside(run / "checkpoints/last"))
    if number != signal.SIGTERM:
        return
    done = forked.ran("resume", run, "--json", "-q")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"]["unmasked"]["NDCG@20"] > 0
    assert Path(json.loads(done.stdout)["run"]).samefile(run)
    (resumed,) = [record for record in records(run) if record["event"] == "run_resumed"]
    assert resumed["step"] == step > 0
