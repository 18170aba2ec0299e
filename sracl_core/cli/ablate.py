"""`sracl ablate`: what each part of SRA-CL adds, measured."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output, settings
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.errors import InputError, nearest

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.settings.models import RunConfig
    from sracl_core.studies.ablation import Variant

VariantsOption = Annotated[
    str | None, typer.Option("--variants", help="Some of the variants, by comma; the first is the baseline.")
]
SeedsOption = Annotated[
    str, typer.Option("--seeds", help="Seeds by comma; each variant is trained with each.")
]


def ablate(
    dataset: settings.DatasetOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    config: settings.ConfigOption = None,
    preset: settings.PresetOption = None,
    sets: settings.SetOption = None,
    seeds: SeedsOption = "42",
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
    resolved, _ = settings.resolve(config, preset, sets, dataset, epochs=epochs)
    chosen, numbers = _chosen(variants), _seeds(seeds)
    if 20 not in resolved.evaluation.ks:
        raise InputError("a study shows HR@20 and NDCG@20, as the paper does: add 20 to evaluation.ks")
    output.say("loading", quiet)
    from sracl_core.pipeline import run as pipeline
    from sracl_core.pipeline.settled import settled
    from sracl_core.studies.ablation import VARIANTS, earlier_run, study

    selected = sorted((v for v in VARIANTS if v.name in chosen), key=lambda v: chosen.index(v.name))
    _refuse_twins(selected, resolved)
    resolved = settled(resolved)
    meta = pipeline.run_meta(resolved)
    found: dict[str, list[RunDirectory]] = {}
    plan = []
    for variant in selected:
        for seed in numbers:
            one = variant.config(resolved, seed)
            run = earlier_run(runs_dir, one, meta["dataset"]["identity"])
            if dry_run:
                plan.append((variant.name, seed, _what(run), run.name if run else None))
                continue
            name = f"ablate-{variant.name}-{seed}"
            found.setdefault(variant.name, []).append(_trained(run, runs_dir, name, one, quiet))
    if dry_run:
        _print_plan(plan, as_json)
        return
    rows = study(found, meta["dataset"]["name"].lower())
    results = next(iter(found.values()))[0].results() or {}
    if as_json:
        protocol = results["protocol"]
        output.print_json(
            {"dataset": _public(meta["dataset"]), "protocol": protocol, "seeds": numbers, "rows": rows}
            | {"versions": meta["versions"], "machine": meta["machine"]}
        )
        return
    _print_rows(rows, numbers)
    from sracl_core.cli.runs import protocol_line

    output.tell(protocol_line(results))


def _trained(
    run: RunDirectory | None, runs_dir: Path, name: str, config: RunConfig, quiet: bool
) -> RunDirectory:
    """The finished run of `config`: an earlier one, one that goes on, or a new one."""
    from sracl_core.cli.train import follow
    from sracl_core.pipeline import run as pipeline

    if run is not None and run.status() == "finished":
        output.say(f"{name}: {run.path} is there already", quiet)
        return run
    resumed = run is not None
    run = run or pipeline.new_run(config, runs_dir, name)
    output.say(f"{name}: {'going on with ' if resumed else ''}{run.path}", quiet)
    follow(run, resumed=resumed, quiet=quiet)
    return run


def _what(run: RunDirectory | None) -> str:
    if run is None:
        return "train"
    return {"finished": "there already", "running": "running"}.get(run.status(), "resume")


def _chosen(variants: str | None) -> list[str]:
    from sracl_core.studies.ablation import VARIANTS

    known = [variant.name for variant in VARIANTS]
    chosen = [name.strip() for name in variants.split(",")] if variants is not None else known
    for name in chosen:
        if name not in known:
            raise InputError(
                f"there is no variant '{name}'{nearest(name, known)}; there are {', '.join(known)}"
            )
    return list(dict.fromkeys(chosen))


def _refuse_twins(variants: list[Variant], base: RunConfig) -> None:
    """A part that is off cannot be taken away. Raises InputError."""
    from sracl_core.settings.deciding import settings_hash

    for one, other in itertools.combinations(variants, 2):
        if settings_hash(one.config(base, 0)) == settings_hash(other.config(base, 0)):
            same = ", ".join(f"{key} {value}" for key, value in {**one.changes, **other.changes}.items())
            raise InputError(
                f"variants {one.name} and {other.name} are the same settings here ({same}): switch "
                "that part on (--set objectives.sracl.alpha=0.1 --set objectives.sracl.beta=0.1) or choose "
                "--variants"
            )


def _seeds(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise InputError(f"--seeds '{text}' is no list of whole numbers; write --seeds 1,2,3") from error


def _print_plan(plan: list[tuple[Any, ...]], as_json: bool) -> None:
    columns = ("variant", "seed", "what", "run")
    if as_json:
        output.print_json([dict(zip(columns, row, strict=True)) for row in plan])
    else:
        output.print_table(columns, plan)


def _print_rows(rows: list[dict[str, Any]], seeds: list[int]) -> None:
    base = rows[0]["variant"]
    columns = ["variant", "HR@20", "NDCG@20", "NDCG@20 masked", f"NDCG@20 vs {base}", "p", "training min"]
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
            tested["p_value"] if tested else None,
            f"{row['training_minutes']:.1f}",
        ]
        cells.append(
            [*cell, *(row["paper"] or dict.fromkeys(("HR@20", "NDCG@20"))).values()] if with_paper else cell
        )
    output.print_table([*columns, *(["paper HR@20", "paper NDCG@20"] if with_paper else [])], cells)
    output.tell(
        f"test, unmasked unless said, mean over seeds {', '.join(map(str, seeds))}; "
        f"p: paired randomization test over users against {base}, two-sided"
    )


def _public(dataset: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dataset.items() if name != "path"}
