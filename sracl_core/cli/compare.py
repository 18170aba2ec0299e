"""`sracl compare`: methods side by side, in a table that can be believed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output, settings
from sracl_core.cli.option_groups import grouped
from sracl_core.cli.prose import tell_prose
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.cli.study_plan import SEEDS_HELP, print_plan, seeds_asked
from sracl_core.errors import InputError, nearest
from sracl_core.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sracl_core.studies.table import Table


@dataclass(frozen=True)
class TableOptions:
    """How often each row is trained, and what it is held against."""

    seeds: Annotated[str, typer.Option("--seeds", help=SEEDS_HELP)] = "3"
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="The row that others are tested against; the first.")
    ] = None
    parallel: Annotated[int, typer.Option("--parallel", help="Runs at once, each with its cores.")] = 1
    tune: Annotated[
        int, typer.Option("--tune", help="Trials of each method before, by which its settings are chosen.")
    ] = 0
    groups: Annotated[
        bool, typer.Option("--groups", help="Also by group of users and items, and what lists show.")
    ] = False
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Let rows have different datasets or protocols; they are marked.")
    ] = False


@grouped
def compare(
    models: Annotated[
        str,
        typer.Option(
            "--models", help="Presets, backbones[+objective...] and floors, by comma; sasrec,fast,item-knn."
        ),
    ],
    *,
    study: settings.StudyOptions,
    runs_dir: RunsDirOption = RUNS_DIR,
    table: TableOptions,
    dry_run: output.DryRunOption = False,
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
    folder, texts = study.folder(), [text for text in models.split(",") if text.strip()]
    if dry_run:
        _print_plan(folder, texts, study, table, runs_dir, as_json)
        return
    asked = asdict(table) | {"seeds": seeds_asked(table.seeds)} | study.shared()
    with output.progress_display(quiet) as progress:
        found = compared(
            folder,
            texts,
            runs_dir=runs_dir,
            progress=progress,
            say=lambda text: output.say(text, quiet),
            **asked,
        )
    if as_json:
        output.print_json(found.to_dict())
    elif form == "table":
        _print(found)
    else:
        output.tell_lines(FORMATS[form](found))
        if found.groups is not None:
            output.say("groups are printed by --format table and by --json", quiet)
    found.require_whole()


def _print_plan(
    folder: str,
    texts: Sequence[str],
    study: settings.StudyOptions,
    table: TableOptions,
    runs_dir: Path,
    as_json: bool,
) -> None:
    """With trials before, the settings are not known yet."""
    from sracl_core.studies.compare import baseline_of, require_alike, resolve_rows, wanted_runs

    specs = resolve_rows(folder, texts, **study.shared())
    baseline_of(specs, table.baseline)
    require_alike(specs, table.mixed)
    trials = {}
    if table.tune:
        from sracl_core.studies.tuning import task_of

        searched = {spec.name: len(task_of(spec).space) for spec in specs}
        trials = {
            name: f"after {counted(table.tune, 'trial')} of {counted(n, 'setting')}"
            for name, n in searched.items()
            if n
        }
    print_plan(wanted_runs(specs, seeds_asked(table.seeds)), runs_dir, as_json, "method", trials)


def _print(table: Table) -> None:
    """A table a mask, then what others published by the same protocol."""
    from sracl_core.studies.formats import cells, columns, remarks

    names, rows = columns(table), cells(table)
    for mask, other in (("unmasked", "masked"), ("masked", "unmasked")):
        kept = [at for at, name in enumerate(names) if f" {other}/" not in f" {name}"]
        heads = [names[at].replace(f"{mask}/", "") for at in kept]
        title = f"test, seen items {mask}"
        output.print_table(heads, [[row[at] for at in kept] for row in rows], title)
        _print_published(table, mask)
        output.tell()
    tell_prose(
        f"mean ± deviation over seeds; p: paired randomization test over users against {table.baseline}, "
        "two-sided, Holm-corrected over the rows; * below 0.05"
    )
    for remark in remarks(table):
        tell_prose(remark)
    if table.groups is not None:
        from sracl_core.cli.run_groups import print_group_table

        output.tell()
        print_group_table(table.groups, table.tested[0].partition("/")[2])
    from sracl_core.cli.show import tell_protocol

    tell_protocol({"protocol": table.protocol})


def _print_published(table: Table, mask: str) -> None:
    from sracl_core.studies.formats import PUBLISHED_SHOWN
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
