"""`sracl ablate`: what each part of SRA-CL adds, measured."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sracl_core.cli import output, settings
from sracl_core.cli.prose import tell_prose
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.cli.study_plan import SEEDS_HELP, print_plan, seeds_asked
from sracl_core.errors import InputError

VariantsOption = Annotated[
    str | None, typer.Option("--variants", help="Some of the variants, by comma; the first is the baseline.")
]
SeedsOption = Annotated[
    str | None,
    typer.Option("--seeds", help=f"{SEEDS_HELP} Without it training.seed alone."),
]


def ablate(
    dataset: settings.OptionalDataset = None,
    said: settings.DatasetOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    config: settings.ConfigOption = None,
    preset: settings.PresetOption = None,
    sets: settings.SetOption = None,
    seeds: SeedsOption = None,
    variants: VariantsOption = None,
    epochs: settings.EpochsOption = None,
    dry_run: output.DryRunOption = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Train SRA-CL with one part taken away at a time, and compare.

    The variants are those of the paper's Table 2: full, no_inter, no_intra, mean_synthesizer,
    random_neighbors, next_item. Each is a run in the runs folder; one that is there already with
    the same settings is used, one that was interrupted goes on. With `--set
    training.max_minutes=10` they are compared at equal minutes rather than equal epochs.
    """
    dataset = settings.one_dataset(dataset, said)
    resolved, origins = settings.resolve(config, preset, sets, dataset, epochs=epochs)
    settings.require_read(config, sets, resolved)
    asked = 1 if seeds is None else seeds_asked(seeds)
    if isinstance(asked, list) and origins["training.seed"] == "--set training.seed":
        from sracl_core.studies.planning import SEED_UNREAD

        raise InputError(SEED_UNREAD)
    output.say("loading", quiet)
    from sracl_core.pipeline.settled import settled
    from sracl_core.studies.ablation import TESTED, as_study, variant_rows
    from sracl_core.studies.compare import compare_rows
    from sracl_core.studies.planning import seeds_of

    chosen = None if variants is None else [name.strip() for name in variants.split(",")]
    numbers = seeds_of(asked, resolved.training.seed)
    wanted = variant_rows(chosen, settled(resolved), numbers)
    if dry_run:
        print_plan(wanted, runs_dir, as_json, "variant")
        return
    with output.progress_display(quiet) as progress:
        table = compare_rows(
            wanted,
            next(iter(wanted)),
            runs_dir,
            tested=TESTED,
            kind="ablate",
            progress=progress,
            say=lambda text: output.say(text, quiet),
        )
    rows = as_study(table)
    if as_json:
        kept = {name: value for name, value in table.to_dict().items() if name not in ("rows", "published")}
        output.print_json({**kept, "seeds": numbers, "rows": rows})
        table.require_whole()
        return
    _print_rows(rows, numbers)
    for name, reason in table.failed.items():
        output.tell(f"{name} is left out, as a run of it failed: {reason}")
    from sracl_core.cli.show import tell_protocol

    tell_protocol({"protocol": table.protocol})
    table.require_whole()


def _print_rows(rows: list[dict[str, Any]], seeds: list[int]) -> None:
    base = rows[0]["variant"]
    columns = ["variant", "HR@20", "NDCG@20", "NDCG@20 masked", f"NDCG@20 vs {base}", "p", "trained"]
    with_paper = any(row["paper"] for row in rows)
    cells = []
    for row in rows:
        unmasked, paired = row["test"]["unmasked"], row["paired"]
        tested = paired["unmasked/NDCG@20"] if paired else None
        cell = [
            row["variant"],
            unmasked["HR@20"]["mean"],
            unmasked["NDCG@20"]["mean"],
            row["test"]["masked"]["NDCG@20"]["mean"],
            f"{100 * tested['relative']:+.1f}%" if tested else None,
            tested["p_holm"] if tested else None,
            output.duration(60.0 * row["training_minutes"]),
        ]
        cells.append(
            [*cell, *(row["paper"] or dict.fromkeys(("HR@20", "NDCG@20"))).values()] if with_paper else cell
        )
    output.print_table([*columns, *(["paper HR@20", "paper NDCG@20"] if with_paper else [])], cells)
    over = "mean over seeds" if len(seeds) > 1 else "seed"
    tell_prose(
        f"test, unmasked unless said, {over} {', '.join(map(str, seeds))}; "
        f"p: paired randomization test over users against {base}, two-sided, Holm-corrected over the variants"
    )
