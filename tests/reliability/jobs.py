"""The commands that write: what each finds in its world, what it leaves, and how one goes on after an end."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from sracl_core.data.dataset import load_dataset
from sracl_core.runs import finding
from sracl_core.runs.directory import open_run
from sracl_core.semantics.llm.answers_db import LlmCache
from sracl_core.service.exported import open_export
from sracl_core.service.folder import ABOUT, INDEX
from sracl_core.studies.storage import load_study
from tests.reliability.zygote import Ended, Zygote
from tests.semantics.llm_stub import Stub
from tests.tiny import SAMPLE, TINY

SETS = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
SETS += ["--set", "training.max_epochs=2", "--set", "training.checkpoint_minutes=0.0001"]
PREPARE = ["data", "prepare", str(SAMPLE), "--out", "data/s", "--sample-users"]
TRAIN = ["train", "--dataset", "data/s", "--name", "t", *SETS]
MORE = ["data", "append", "data/s", "new.csv"]
FEW = [word for word in SETS if word != "--set" and not word.startswith("retrieval")]
TUNE = ["tune", "--model", "sasrec", "--dataset", "data/s", "--trials", "3"]
TUNE += [word for setting in FEW for word in ("--set", setting)]
ABLATE = ["ablate", "--dataset", "data/s", "--variants", "full,next_item", *SETS]
NEXT = ["compare", "--models", "popular", "--dataset", "data/s", "--seeds", "1"]
LONGER = ["resume", "t", "--epochs", "3"]
DESCRIBE = ["describe", "data/s", "--what", "items", "--limit", "40", "--model", "m", "--concurrency", "4"]
LEFT = (".sracl-*", "*.tmp", "*.part", "*-journal")
"""What must not stay when a command has run to its end."""


@dataclass(frozen=True)
class Servers:
    """A host of data and a language model, which answer at once."""

    host: str
    model: str
    paid: Callable[[], dict[str, int]]


@dataclass(frozen=True)
class Job:
    """A command and its world.

    template: the world it starts in, by name (see `templates`). words: the command. result: what it makes of
    the world, the same whenever it is done. again: how one goes on after it was ended, None where there is
    nothing left to do. kept: what must be so at any moment.
    """

    template: str
    words: Callable[[Servers], list[str]]
    result: Callable[[Path], Any]
    again: Callable[[Path, list[str]], list[str] | None] = lambda _, words: words
    kept: Callable[[Path], None] = lambda _: None


def tree(folder: Path, *but: str) -> dict[str, str]:
    """Every file below `folder` by the hash of its content, but those of the names `but`."""
    return {
        str(path.relative_to(folder)): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }


def dataset(world: Path) -> list[Any]:
    found = load_dataset(world / "data/s")
    return [found.identity, found.manifest["funnel"], found.titles()]


def earlier_or_new(world: Path) -> None:
    """A dataset that is replaced is there at any moment."""
    assert load_dataset(world / "data/s").n_users in (30, 40)


def more(world: Path) -> list[Any]:
    found = load_dataset(world / "data/more")
    return [found.identity, found.manifest["funnel"], found.titles()]


def added(world: Path, words: list[str]) -> list[str] | None:
    """New events are added once; another command of that folder then puts away what was left there."""
    done = load_dataset(world / "data/s").n_users == 41
    return [*MORE, "--out", "data/more"] if done else words


def before_or_after(world: Path) -> None:
    """A dataset that is added to is there at any moment."""
    assert load_dataset(world / "data/s").n_users in (40, 41)


def exported(world: Path) -> Any:
    """What an export answers; its index is another graph each time."""
    found = open_export(world / "exported")
    scores = found.scores(np.arange(3))
    return [tree(world / "exported", INDEX, ABOUT), scores.tolist(), found.titles]


def tuned(world: Path) -> list[Any]:
    """The trials of the one study, and the runs that they are."""
    (path,) = (world / "runs/studies").glob("tune-*.sqlite")
    trials = load_study(path).get_trials(deepcopy=False)
    return [[(one.number, one.state.name, one.params, one.value) for one in trials], *compared(world)]


def renamed(world: Path, words: list[str]) -> list[str] | None:
    (run,) = run_folders(world)
    return None if run.name.endswith("-new") else words


def of_run(path: Path) -> dict[str, Any]:
    """All that a finished run found out, to the last bit."""
    run = open_run(path)
    results = run.results() or {}
    assert run.status() == "finished", run.state()
    with np.load(run.ranks_path) as ranks:
        found = {name: hashlib.blake2b(ranks[name].tobytes()).hexdigest() for name in ranks.files}
    told = {name: results.get(name) for name in ("valid", "test", "best_epoch")}
    return {
        **told,
        "ranks": found,
        "weights": tree(path / "checkpoints", "state.json"),
        **tree(path / "model"),
    }


def run_folders(world: Path) -> list[Path]:
    return finding.run_folders(world / "runs")


def runs(world: Path) -> list[dict[str, Any]]:
    return [of_run(path) for path in run_folders(world)]


def resume(world: Path, words: list[str]) -> list[str] | None:
    """A run goes on where it stands in the list of runs; else it is begun anew."""
    for path in run_folders(world):
        return None if open_run(path).status() == "finished" else ["resume", path.name]
    return words


def longer(world: Path, words: list[str]) -> list[str] | None:
    """The same words again, until it has been trained for longer."""
    (run,) = (open_run(path) for path in run_folders(world))
    return None if run.status() == "finished" and run.config.training.max_epochs == 3 else words


def answers(world: Path) -> dict[str, str]:
    cache = LlmCache(world / "cache/llm.sqlite", read_only=True)
    try:
        (job,) = cache.jobs()
        return dict(cache.texts(job["id"]))
    finally:
        cache.close()


def compared(world: Path) -> list[Any]:
    return sorted(json.dumps(found, sort_keys=True) for found in runs(world))


JOBS: dict[str, Job] = {
    "prepare": Job("nothing", lambda _: [*PREPARE, "40"], dataset),
    "prepare over another": Job("another", lambda _: [*PREPARE, "40"], dataset, kept=earlier_or_new),
    "append": Job("more", lambda _: [*MORE, "--out", "data/more"], more, kept=dataset),
    "append in place": Job("more", lambda _: [*MORE, "--out", "data/s"], dataset, added, before_or_after),
    "fetch": Job(
        "nothing",
        lambda at: ["data", "fetch", "ml-latest-small", "--mirror", at.host, "--raw-dir", "raw"],
        lambda world: tree(world / "raw"),
    ),
    "describe": Job(
        "prepared",
        lambda at: [*DESCRIBE, "--base-url", at.model],
        answers,
    ),
    "train (nothing kept)": Job("prepared", lambda _: TRAIN, runs, resume),
    "train (vectors kept)": Job("embedded", lambda _: TRAIN, runs, resume),
    "train": Job("warm", lambda _: TRAIN, runs, resume),
    "resume --epochs": Job("trained", lambda _: LONGER, runs, longer),
    "compare": Job(
        "prepared",
        lambda _: ["compare", "--models", "popular,markov", "--dataset", "data/s", "--seeds", "1"],
        compared,
    ),
    "ablate": Job("prepared", lambda _: ABLATE, compared),
    "tune": Job("prepared", lambda _: TUNE, tuned),
    "evaluate": Job("trained", lambda _: ["evaluate", "t"], runs),
    "export model": Job(
        "trained",
        lambda _: ["export", "model", "t", "--out", "model"],
        lambda world: tree(world / "model"),
        again=lambda world, words: None if (world / "model").exists() else words,
    ),
    "export": Job("trained", lambda _: ["export", "t", "--out", "exported"], exported),
    "recommend": Job(
        "trained",
        lambda _: ["recommend", "t", "--all", "--out", "lists.parquet"],
        lambda world: tree(world)["lists.parquet"],
    ),
    "rename": Job(
        "trained",
        lambda _: ["runs", "rename", "t", "new"],
        lambda world: [runs(world), [path.name.partition("-")[2][-5:] for path in run_folders(world)]],
        again=renamed,
    ),
    "remove": Job(
        "trained",
        lambda _: ["runs", "rm", "t", "--yes"],
        lambda world: [path for path in run_folders(world) if path.name.endswith("-t")],
        # What it left half-removed goes with the next run that is made.
        again=lambda world, words: words if run_folders(world) else NEXT,
    ),
    "export metrics": Job(
        "trained",
        lambda _: ["export", "metrics", "t", "--out", "metrics.csv"],
        lambda world: tree(world, "s")["metrics.csv"],
    ),
    "data export": Job(
        "prepared",
        lambda _: ["data", "export", "data/s", "--out", "out", "--format", "recbole"],
        lambda world: tree(world / "out"),
    ),
    "cache clear": Job(
        "trained",
        lambda _: ["cache", "clear", "--yes", "--needed"],
        lambda world: [*(world / "cache/vectors").iterdir(), *(world / "cache/neighbors").iterdir()],
        kept=lambda world: runs(world) and None,
    ),
}


@dataclass
class Bench:
    """A world that is laid out anew for every trial, and the commands in it."""

    zygote: Zygote
    templates: Path
    servers: Servers

    @property
    def world(self) -> Path:
        return self.zygote.world

    def lay_out(self, template: str) -> None:
        """Make the world what `template` is."""
        for path in self.world.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.templates / template, self.world, dirs_exist_ok=True, copy_function=shutil.copy)

    def right(self, job: Job) -> tuple[Any, Ended]:
        """What `job` leaves when nothing happens to it, and how it ended."""
        self.lay_out(job.template)
        ended = self.zygote.run(*job.words(self.servers))
        assert ended.code == 0, ended
        assert not self.left_behind()
        return job.result(self.world), ended

    def goes_on(self, job: Job) -> Any:
        """What `job` leaves when one goes on after it was ended."""
        job.kept(self.world)
        words = job.again(self.world, job.words(self.servers))
        if words is not None:
            ended = self.zygote.run(*words)
            assert ended.code == 0, (words, ended)
            assert "Traceback" not in ended.err, ended
        return job.result(self.world)

    def left_behind(self) -> list[str]:
        """Scratch files that no living process writes, and folders of runs that no list shows."""
        found = [str(path) for pattern in LEFT for path in self.world.rglob(pattern)]
        runs = (self.world / "runs").glob("*")
        return found + [str(path) for path in runs if path.name[0].isdigit() and not finding.is_run(path)]


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A bench in `folder`, with its templates and servers."""
    world, kept = folder / "world", folder / "templates"
    world.mkdir()
    with Stub() as stub, _host() as host, Zygote(world, {"SRACL_LLM_API_KEY": "none"}) as zygote:
        made = Bench(zygote, kept, Servers(host, stub.url, lambda: dict(stub.paid)))
        _make_templates(made)
        yield made


def _make_templates(bench: Bench) -> None:
    def done(template: str, *words: str) -> None:
        if words:
            ended = bench.zygote.run(*words)
            assert ended.code == 0, ended
        shutil.copytree(bench.world, bench.templates / template)

    done("nothing")
    done("another", *PREPARE, "30")
    bench.lay_out("nothing")
    done("prepared", *PREPARE, "40")
    rows = [f"new,aquarium-00{number},170000000{number}" for number in range(1, 6)]
    (bench.world / "new.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    done("more")
    (bench.world / "new.csv").unlink()
    done("trained", *TRAIN)
    shutil.rmtree(bench.world / "runs")
    done("warm")
    shutil.rmtree(bench.world / "cache/neighbors")
    done("embedded")


@contextmanager
def _host() -> Iterator[str]:
    """Serves one archive of ratings under every name."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        rows = [f"{user},{(user + step) % 9},4.0,{step + 1}" for user in range(400) for step in range(6)]
        header = "userId,movieId,rating,timestamp\n"
        archive.writestr("ml-latest-small/ratings.csv", header + "\n".join(rows))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content.getvalue())))
            self.end_headers()
            self.wfile.write(content.getvalue())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
