"""`sracl demo`, also `make demo`: the whole way from a small shop's files to recommendations."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from sracl_core.cli import output
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.errors import DataError

PACKAGE = Path(__file__).resolve().parents[1]


def demo(
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the training data.")] = 6,
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the sample is prepared.")] = Path(
        "data/sample"
    ),
    runs_dir: RunsDirOption = RUNS_DIR,
    quiet: output.QuietOption = False,
) -> None:
    """Train on the sample data and look at what came out.

    Takes a minute or two on two CPU cores and needs no network.
    """
    began = time.monotonic()
    _heading("1. Prepare the sample: a small synthetic shop", quiet)
    prepare_sample(data_dir, quiet)
    _heading("2. Train SRA-CL on it", quiet)
    run = _train(data_dir, runs_dir, epochs, quiet)
    _heading("3. Ask the run", quiet)
    user = _look_around(run)
    for line in (
        "",
        f"done in {output.duration(time.monotonic() - began)}. Next:",
        f"  sracl recommend {run} --user {user} --why",
        f"  sracl runs show {run}",
        "  sracl-tui                     the dashboard",
        "  sracl data prepare YOUR_FILES --out data/yours && sracl train data/yours",
    ):
        output.say(line, quiet)


def prepare_sample(out: Path, quiet: bool) -> None:
    """Prepare the sample data into `out`, unless it lies there already."""
    from sracl_core.data.dataset import MANIFEST, read_manifest

    if not (out / MANIFEST).is_file():
        from sracl_core.data.prepare import PrepareOptions, prepare

        prepare(sample_folder(), out, PrepareOptions(name="sample"))
    counts = read_manifest(out)["counts"]
    numbers = ", ".join(f"{counts[name]:,} {name}" for name in ("users", "items", "interactions"))
    output.say(f"{out}: {numbers}", quiet)


def sample_folder() -> Path:
    """The sample's raw files: in the package when installed, beside it in a checkout."""
    for folder in (PACKAGE / "sample_data", PACKAGE.parent / "sample_data"):
        if (folder / "interactions.csv").is_file():
            return folder
    raise DataError(
        "the sample data did not come with this install; clone the repository, or use your own files"
    )


def _train(data_dir: Path, runs_dir: Path, epochs: int, quiet: bool) -> Path:
    from sracl_core.cli.show import tell_protocol
    from sracl_core.cli.train import follow
    from sracl_core.pipeline.new_run import new_run
    from sracl_core.settings.models import RunConfig

    # Every part of SRA-CL; neighbors' states once an epoch, and on a slow machine a minute of training.
    config = RunConfig.model_validate(
        {
            "dataset": {"path": str(data_dir.resolve())},
            "objectives": {"sracl": {"neighbor_states": "cached"}},
            "training": {"max_epochs": epochs, "max_minutes": 1.0},
        }
    )
    run = new_run(config, runs_dir, "demo")
    results = follow(run, resumed=False, quiet=quiet)
    output.tell()
    output.print_metrics(results)
    tell_protocol(results)
    return run.path


def _look_around(run: Path) -> str:
    """Print one user's history, neighbors and recommendations; returns the user."""
    from sracl_core.cli.neighbors import print_user_neighbors
    from sracl_core.cli.recommend import print_recommendations
    from sracl_core.explorer import Explorer

    explorer = Explorer.open(run)
    user = explorer.users(limit=1).users[0].user
    history = explorer.history(user)
    output.tell(f"{user} bought")
    output.print_table(
        ["item", "title", "part"], [(item.item, item.title, item.part) for item in history.items]
    )
    output.tell()
    output.tell(f"others whose purchases mean the same as those of {user} before the test item")
    print_user_neighbors(explorer.neighbors_of_user(user, k=5))
    output.tell()
    output.tell(f"recommended to {user}")
    print_recommendations(explorer.recommend(user, k=10))
    return user


def _heading(text: str, quiet: bool) -> None:
    output.say("", quiet)
    output.say(text, quiet)


if __name__ == "__main__":
    from sracl_core.cli.main import main

    main(["demo"])
