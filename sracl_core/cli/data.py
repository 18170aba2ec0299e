"""`sracl data`: from somebody's files to a dataset that a run can learn from."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from sracl_core.cli import data_catalog, data_look, output
from sracl_core.cli.data_look import DropEmptyOption, EventsOption, RawDirOption, ReadingOptions, listed
from sracl_core.cli.option_groups import grouped
from sracl_core.cli.settings import DatasetFolder
from sracl_core.data.times import span_of
from sracl_core.files import address

app = typer.Typer(no_args_is_help=True)
_DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Read everything and say what would be kept; write nothing.")
]


@dataclass(frozen=True)
class _Kept:
    """What of the interactions a dataset keeps, and in which order."""

    k_core: Annotated[int, typer.Option(help="Least interactions of each user and item; 1 keeps all.")] = 5
    min_rating: Annotated[float | None, typer.Option(help="Keep interactions rated this or more.")] = None
    since: Annotated[str | None, typer.Option(help="Keep from this time or date (2019-01-01) on.")] = None
    until: Annotated[str | None, typer.Option(help="Keep what is before this time or date.")] = None
    max_length: Annotated[int | None, typer.Option(help="Keep each user's latest interactions.")] = None
    sample_users: Annotated[int | None, typer.Option(help="Keep so many users, for a quick look.")] = None
    seed: Annotated[int, typer.Option(help="Decides which users --sample-users keeps.")] = 42
    ties: Annotated[
        str, typer.Option(help="Order of a user's interactions of one time: source, shuffle or id.")
    ] = "source"
    ties_seed: Annotated[int, typer.Option(help="Decides the order of --ties shuffle.")] = 42


@app.command()
@grouped
def prepare(
    source: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="A folder, files, or a name of `sracl data list`."),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder to write; appears only when it is complete.")],
    kept: _Kept,
    reading: ReadingOptions,
    events: EventsOption = None,
    valid: Annotated[
        list[Path] | None, typer.Option(help="With --test: the validation part of a split of your own.")
    ] = None,
    test: Annotated[list[Path] | None, typer.Option(help="The test part of a split of your own.")] = None,
    drop_empty: DropEmptyOption = False,
    name: Annotated[str | None, typer.Option(help="What the dataset is called; else as its source.")] = None,
    raw_dir: RawDirOption = Path("data/raw"),
    dry_run: _DryRunOption = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Filter raw interactions, number users and items, and write a dataset folder."""
    from sracl_core.data.catalog import resolve
    from sracl_core.data.prepare import PrepareOptions
    from sracl_core.data.prepare import prepare as run

    paths, entry = resolve(source, raw_dir)
    split = {"valid": tuple(valid) if valid else None, "test": tuple(test) if test else None}
    options = PrepareOptions(
        **asdict(kept),
        read=reading.of(entry, events=listed(events), drop_empty=drop_empty, **split),
        name=name or (entry.name if entry else None),
        licence=entry.licence if entry else None,
        citation=entry.citation if entry else None,
    )
    with _place(out, dry_run) as place, output.progress_display(quiet) as progress:
        manifest = run(paths, place, options, progress)
    _tell_taken(manifest, quiet)
    if as_json:
        output.print_json(manifest)
        return
    _print_funnel(manifest["funnel"])
    place_of = address(out) or str(out)
    if dry_run:
        output.say(f"{place_of}: not written; the same without --dry-run writes it", quiet)
        return
    folder = shlex.quote(place_of)
    given = " --set dataset.split=given" if valid else ""
    output.say(f"{place_of}: ready; next: sracl train {folder}{given}", quiet)


@contextmanager
def _place(out: Path, dry_run: bool) -> Iterator[Path]:
    """`out`, or of a dry run a folder that goes away: what would be dropped is known when all is read."""
    if not dry_run:
        yield out
        return
    from sracl_core.data.dataset import MANIFEST
    from sracl_core.files import require_replaceable

    require_replaceable(out, MANIFEST)
    with TemporaryDirectory() as aside:
        yield Path(aside) / "dataset"


def _tell_taken(manifest: dict[str, Any], quiet: bool) -> None:
    """What each file was taken for and why, and what else a person should know, on stderr."""
    from sracl_core.data.reading.base import Taken

    source = manifest["source"]
    output.say(f"read as {source['format']} ({source['why']})", quiet)
    alike: dict[str, list[Taken]] = {}
    for taken in (Taken(**taken) for taken in source["taken"]):
        alike.setdefault(replace(taken, file="").told(), []).append(taken)
    for parts in alike.values():
        more = f" and {len(parts) - 1:,} more" if len(parts) > 1 else ""
        output.say(replace(parts[0], file=parts[0].file + more).told(), quiet)
    times = source["times"]
    dates = times["are"].startswith("dates")
    output.say(f"times: {times['are']}, {span_of(times['first'], times['last'], dates)}", quiet)
    for note in manifest["notes"]:
        output.say(note, quiet)


def _print_funnel(funnel: list[dict[str, Any]]) -> None:
    rows = [
        (
            step["step"],
            *(f"{step[kind]:,}" for kind in ("users", "items", "interactions")),
            f"{before['interactions'] - step['interactions']:,}",
        )
        for before, step in zip([funnel[0], *funnel], funnel, strict=False)
    ]
    output.print_table(["step", "users", "items", "interactions", "dropped"], rows)


@app.command()
@grouped
def append(
    folder: DatasetFolder,
    new: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Files of new events, and of new items if there are."),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder to write; the old one may be named.")],
    reading: ReadingOptions,
    events: EventsOption = None,
    drop_empty: DropEmptyOption = False,
    dry_run: _DryRunOption = False,
    quiet: output.QuietOption = False,
    as_json: output.JsonOption = False,
) -> None:
    """Add new events, users and items to a prepared dataset.

    What the dataset keeps of a log, by event and by rating, is kept of the new files too.
    Runs keep to the dataset that they learned from, so that another --out leaves yesterday's usable;
    `sracl train OUT --from RUN` goes on from yesterday's weights.
    """
    from sracl_core.data import append as appending
    from sracl_core.data.dataset import read_manifest

    before = read_manifest(folder)["counts"]
    with _place(out, dry_run) as place, output.progress_display(quiet) as progress:
        options = reading.of(None, events=listed(events), drop_empty=drop_empty)
        manifest = appending.append(folder, new, place, options, progress)
    _tell_taken({"source": manifest["added"], "notes": manifest["added"]["notes"]}, quiet)
    if as_json:
        output.print_json(manifest)
        return
    rows = [
        (kind, f"{before[kind]:,}", f"{manifest['counts'][kind]:,}")
        for kind in ("users", "items", "interactions")
    ]
    output.print_table(["", "before", "would be" if dry_run else "now"], rows)
    if dry_run:
        output.say(f"{out}: not written; the same without --dry-run writes it", quiet)


@app.command()
def info(
    folder: DatasetFolder,
    rows: Annotated[int, typer.Option("--preview", help="With --json: so many items and users too.")] = 0,
    as_json: output.JsonOption = False,
) -> None:
    """Counts, lengths, popularity, time span and text coverage of a prepared dataset."""
    from sracl_core.data.dataset import load_dataset
    from sracl_core.data.info import describe, preview

    dataset = load_dataset(folder)
    facts = describe(dataset)
    if as_json:
        if rows > 0:
            facts["preview"] = preview(dataset, rows)
        output.print_json(facts)
        return
    lengths, popularity, time = facts["sequence_length"], facts["item_popularity"], facts["time"]
    output.print_pairs(
        {
            "name": facts["name"],
            **{kind: f"{facts[kind]:,}" for kind in ("users", "items", "interactions")},
            "density": f"{facts['density']:.4%}",
            "sequence length": _spread(lengths),
            "item popularity": f"{_spread(popularity)}; top tenth has {popularity['top_tenth_share']:.0%}",
            "time": f"{time.get('first_date', time['first'])} to {time.get('last_date', time['last'])}",
            "text": ", ".join(f"{name} {share:.1%}" for name, share in facts["text_coverage"].items()),
            "ties": _ties(facts["ties"]),
            "identity": facts["identity"],
            "licence": facts["licence"],
        }
    )
    _print_histograms(dataset)


def _ties(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "not counted; prepare the dataset again"
    from sracl_core.data.ties import remarks

    return next(iter(remarks(facts)), "none: every time of a user is another")


def _spread(values: dict[str, Any]) -> str:
    return (
        f"{values['min']} to {values['max']}, mean {values['mean']:.1f}, "
        f"median {values['median']:g}, 95% up to {values['p95']:g}"
    )


def _print_histograms(dataset: Any, width: int = 40) -> None:
    import numpy as np

    from sracl_core.data.info import histogram

    popularity = np.bincount(dataset.sequences.values)[1:]
    for title, values in (
        ("users by length", dataset.sequences.lengths),
        ("items by popularity", popularity),
    ):
        bars = histogram(values)
        most = max(count for _, count in bars)
        rows = [(label, f"{count:,}", "#" * round(width * count / most)) for label, count in bars]
        output.tell()
        output.print_table([title, "count", ""], rows)


app.command()(data_look.look)
app.command("list")(data_catalog.list_)
app.command()(data_catalog.fetch)
app.command()(data_catalog.export)
