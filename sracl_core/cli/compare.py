"""`sracl compare`: methods side by side, in a table that can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output, settings
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.errors import InputError, nearest

if TYPE_CHECKING:
    from sracl_core.studies.table import Table

PUBLISHED_SHOWN = 8


def compare(
    models: Annotated[
        str,
        typer.Option(
            "--models", help="Presets, backbones[+objective...] and floors, by comma; sasrec,fast,item-knn."
        ),
    ],
    dataset: settings.DatasetOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    config: settings.ConfigOption = None,
    sets: settings.SetOption = None,
    seeds: Annotated[str, typer.Option("--seeds", help="How many seeds, or which, by comma.")] = "3",
    epochs: settings.EpochsOption = None,
    budget_minutes: Annotated[
        float | None, typer.Option("--budget-minutes", help="Same as --set training.max_minutes=N.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="The row that others are tested against; the first.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="table, markdown, csv or latex (--json prints JSON).")
    ] = "table",
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Train several methods with several seeds, and compare them with floors and published figures.

    Each is a run in the runs folder: one that is there already with the settings that decide a
    result is used, one that was interrupted goes on. docs/comparison.md tells how to read the table.
    """
    output.say("loading", quiet)
    from sracl_core.studies.compare import compare as compared
    from sracl_core.studies.formats import FORMATS

    if form != "table" and form not in FORMATS:
        raise InputError(f"there is no format '{form}'{nearest(form, ['table', *FORMATS])}")
    shared, _ = settings.resolve(config, None, sets, dataset)
    with output.progress_display(quiet) as progress:
        table = compared(
            shared.dataset.path,
            [text for text in models.split(",") if text.strip()],
            seeds=_seeds(seeds),
            epochs=epochs,
            budget_minutes=budget_minutes,
            baseline=baseline,
            config_file=config,
            sets=sets or (),
            runs_dir=runs_dir,
            progress=progress,
            say=lambda text: output.say(text, quiet),
        )
    if as_json:
        output.print_json(table.to_dict())
    elif form == "table":
        _print(table)
    else:
        output.tell_lines(FORMATS[form](table))


def _seeds(text: str) -> int | list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--seeds '{text}' is neither a number nor a list; write 3 or 1,2,3") from error
    return found if len(found) > 1 else found[0]


def _print(table: Table) -> None:
    """A table a mask, then what others published by the same protocol."""
    from sracl_core.studies.formats import cells, columns

    names, rows = columns(table), cells(table)
    for mask, other in (("unmasked", "masked"), ("masked", "unmasked")):
        kept = [at for at, name in enumerate(names) if f" {other}/" not in f" {name}"]
        heads = [names[at].replace(f"{mask}/", "") for at in kept]
        title = f"test, seen items {mask}"
        output.print_table(heads, [[row[at] for at in kept] for row in rows], title)
        _print_published(table, mask)
        output.tell()
    output.tell(
        f"mean ± deviation over seeds; p: paired randomization test over users against {table.baseline}, "
        "two-sided, Holm-corrected over the rows; * below 0.05"
    )
    from sracl_core.cli.runs import protocol_line

    output.tell(protocol_line({"protocol": table.protocol}))


def _print_published(table: Table, mask: str) -> None:
    from sracl_core.studies.published import FIGURES

    found: list[dict[str, Any]] = [row for row in table.published if row["seen_items"] == mask]
    if not found:
        return
    kept = [
        [row["model"], *(row.get(name) for name in FIGURES), row["grade"], row["source"]]
        for row in found[:PUBLISHED_SHOWN]
    ]
    title = f"published, seen items {mask}, {len(kept)} of {len(found)} (--json has all)"
    output.print_table(["method", *FIGURES, "grade", "source"], kept, title=title)
