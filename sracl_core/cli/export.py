"""`sracl export`: a run's numbers and its model for other programs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from sracl_core.cli import completion, output
from sracl_core.cli.asking import EncoderOption, MovedOption
from sracl_core.cli.run_argument import (
    RUNS_DIR,
    RunArgument,
    RunsArgument,
    RunsDirOption,
    find_run,
    find_runs,
)
from sracl_core.errors import InputError, RunError
from sracl_core.runs.records import as_csv, epoch_rows
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.runs.history import RunHistory


class _RunFirst(TyperGroup):
    """`sracl export RUN ...` beside `sracl export metrics RUN ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["onnx", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_RunFirst, no_args_is_help=True)
CSV = "csv"
MODEL_FILES = ("items.json", "item_vectors.npy")


@app.command()
def onnx(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make; an earlier export is replaced.")],
    dataset: MovedOption = None,
    encoder: EncoderOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
) -> None:
    """Write a run's best model for use without torch: ONNX, vectors, HNSW index, a script. The default.

    `sracl export RUN --out DIR` is the same. DIR/README.md says what each file holds; `sracl serve DIR`
    answers from it.
    """
    directory = find_run(run, runs_dir)
    from sracl_core.explorer.loading import LoadedRun
    from sracl_core.service.exporting import export_run

    about = export_run(LoadedRun.open(directory.path, dataset, encoder), out)
    if as_json:
        output.print_json(about)
    output.say(f"{about['backbone']} of {directory.name} with {counted(about['items'], 'item')} in {out}")
    output.say(
        f"largest difference of a score: {about['largest_difference']:.1e}; "
        f"the index finds {about['index']['recall_at_10']:.1%} of the best 10"
    )


@app.command()
def metrics(
    runs: RunsArgument,
    to: Annotated[
        str, typer.Option("--to", help="csv, tensorboard or trackio.", autocompletion=completion.trackers)
    ] = CSV,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File of the CSV, else stdout; folder of the tracker, else its own."
        ),
    ] = None,
    steps: Annotated[bool, typer.Option("--steps", help="csv: the losses within epochs instead.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="A tracker: go on until the runs have ended.")
    ] = False,
    runs_dir: RunsDirOption = RUNS_DIR,
) -> None:
    """Write the course of a run as CSV, or of several into TensorBoard or trackio.

    CSV has a row an epoch, or with --steps about one every 2 s. A tracker gets every loss part, metric and
    setting; what an earlier export of the run left there is replaced.
    """
    directories = find_runs(runs, runs_dir)
    # What a tracker has of the run would be replaced by nothing.
    if gone := [one for one in directories if not follow and not one.metrics_path.is_file()]:
        raise RunError(f"{gone[0].metrics_path} is gone; put back a copy of it, or train anew")
    if to != CSV:
        from sracl_core.cli.tracking import export

        if steps:
            raise InputError(f"--steps is for --to {CSV}; {to} gets steps and epochs")
        export(directories, to, out, follow)
        return
    if follow or len(directories) > 1:
        raise InputError(f"a CSV is of one run as it is now; {_trackers()} take several and follow them")
    _write_csv(directories[0], out, steps)


def _trackers() -> str:
    return " and ".join(f"--to {name}" for name in completion.trackers(""))


def _write_csv(directory: RunDirectory, out: Path | None, steps: bool) -> None:
    from sracl_core.runs.reader import read_history

    history = read_history(directory.path)
    rows = _step_rows(history) if steps else epoch_rows(history.epochs)
    if not rows:
        raise RunError(f"{directory.path} has recorded no {'steps' if steps else 'epochs'} yet")
    text = as_csv(rows)
    if out is None:
        output.tell_lines(text.removesuffix("\n"))
        return
    from sracl_core.files import write_text

    write_text(out, text)
    output.say(f"{counted(len(rows), 'row')} in {out}")


@app.command()
def model(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make; must not exist.")],
    runs_dir: RunsDirOption = RUNS_DIR,
) -> None:
    """Write a run's best model as a folder: weights (safetensors), item ids, item vectors, settings.

    Row i + 1 of the item embeddings is item i of items.json; row 0 is padding.
    """
    directory = find_run(run, runs_dir)
    if out.exists():
        raise InputError(f"{out} exists; name a folder that does not")
    # Reading checks every file's hash, so that nothing damaged is handed on.
    from sracl_core.training import inputs
    from sracl_core.training.checkpoint import find_checkpoint, read_state

    checkpoint = find_checkpoint(directory.checkpoints / "best")
    read_state(checkpoint)
    directory.config  # noqa: B018
    directory.results()
    inputs.require_items(directory)
    if (directory.model_dir / inputs.VECTORS).is_file():
        inputs.read_vectors(directory)
    _write_folder(directory, checkpoint, out)
    output.say(f"model of {directory.name} in {out}")


def _write_folder(directory: RunDirectory, checkpoint: Path, out: Path) -> None:
    from sracl_core.files import whole_folder, write_json

    with whole_folder(out, parents=True) as work:
        shutil.copy2(checkpoint / "model.safetensors", work / "model.safetensors")
        for name in MODEL_FILES:
            if (directory.model_dir / name).is_file():
                shutil.copy2(directory.model_dir / name, work / name)
        write_json(work / "semantics.json", directory.meta().get("semantics") or {})
        shutil.copy2(directory.config_path, work / "config.yaml")
        if directory.results_path.is_file():
            shutil.copy2(directory.results_path, work / "results.json")


def _step_rows(history: RunHistory) -> list[dict[str, Any]]:
    steps = history.steps
    rows = [dict(zip(steps, values, strict=True)) for values in zip(*steps.values(), strict=True)]
    return [
        row | {name: int(row[name]) for name in ("step", "epoch") if _is_whole(row, name)} for row in rows
    ]


def _is_whole(row: dict[str, float], name: str) -> bool:
    return row.get(name, 0.5).is_integer()
