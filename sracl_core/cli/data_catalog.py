"""`sracl data list`, `fetch` and `export`: what there is, bringing it here, and the way out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import output
from sracl_core.cli.settings import DatasetFolder

if TYPE_CHECKING:
    from sracl_core.data.catalog_entries import Entry


def list_(
    raw_dir: Annotated[Path, typer.Option(help="Where fetched files lie.")] = Path("data/raw"),
    as_json: output.JsonOption = False,
) -> None:
    """The data sets that the product knows, with size, licence and whether they are here."""
    from sracl_core.data.catalog import known

    words = {"here": "here", "fetch": "to fetch", "put": "to put there", "missing": "missing"}
    found = list(known(raw_dir))
    if as_json:
        output.print_json(
            [
                {
                    "name": each.entry.name,
                    "about": each.entry.about,
                    "state": each.state,
                    "folder": str(each.folder),
                    "bytes": each.size,
                    "format": each.entry.reader,
                    "licence": each.entry.licence,
                    "citation": each.entry.citation,
                    "page": each.entry.page,
                    "manual": each.entry.manual,
                    "files": [vars(file) for file in each.entry.files],
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            each.entry.name,
            words[each.state],
            f"{each.size / 1e6:,.1f} MB" if each.size else "-",
            each.entry.about,
            each.entry.licence,
        )
        for each in found
    ]
    output.print_table(["name", "state", "size", "about", "licence"], rows)
    citing: dict[str, list[str]] = {}
    for each in found:
        citing.setdefault(each.entry.citation, []).append(each.entry.name)
    output.tell()
    output.tell("To cite")
    for text, names in citing.items():
        output.tell(f"{', '.join(names)}: {text}")
    output.say("")
    output.say(
        "Also amazon2023-CATEGORY, such as amazon2023-All_Beauty. Addresses and checksums: --json. "
        "A size of - is not published."
    )


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `sracl data list`.")],
    raw_dir: Annotated[Path, typer.Option(help="Where fetched files lie.")] = Path("data/raw"),
    mirror: Annotated[str | None, typer.Option(help="Take the files from this base address.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched from where; ask no server.")
    ] = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Bring a data set's files: resumed, verified, unpacked. The terms are those of its authors."""
    import time

    from sracl_core.data.catalog import RAW_DIR, find, locate
    from sracl_core.data.fetch import fetch as run
    from sracl_core.errors import DataError

    entry = find(name)
    place = locate(entry, raw_dir)
    if entry.bundled or (place.state == "here" and entry.manual):
        output.say(f"{entry.name} is here: {place.folder}", quiet)
        if as_json:
            output.print_json({"name": entry.name, "files": {}, "folder": str(place.folder)})
        return
    if entry.manual:
        raise DataError(f"{entry.name} is not for fetching: {entry.manual}: {place.folder}")
    output.say(f"{entry.name}: {entry.licence}; cite {entry.citation}", quiet)
    if dry_run:
        _print_plan(entry, place.folder, mirror, as_json)
        return
    began = time.perf_counter()
    with output.progress_display(quiet) as progress:
        record = run(entry, place.folder, mirror, progress)
    if as_json:
        output.print_json(record | {"folder": str(place.folder)})
        return
    for file, facts in record["files"].items():
        state = "verified" if facts["verified"] else "unverified: no known sha256, this one is recorded"
        output.say(f"{file}: {facts['bytes']:,} bytes, sha256 {facts['sha256'][:16]}..., {state}", quiet)
    seconds = output.duration(time.perf_counter() - began)
    where = "" if raw_dir == RAW_DIR else f" --raw-dir {shlex.quote(str(raw_dir))}"
    output.say(
        f"{place.folder}: here after {seconds}; next: sracl data prepare {name}{where} --out data/{name}",
        quiet,
    )


def _print_plan(entry: Entry, folder: Path, mirror: str | None, as_json: bool) -> None:
    from sracl_core.data.fetch import planned

    files = planned(entry, folder, mirror)
    if as_json:
        output.print_json({"folder": str(folder), "files": files, "dry_run": True})
        return
    rows = [
        (one["name"], f"{one['bytes'] / 1e6:,.1f} MB" if one["bytes"] else "-", one["left"], one["url"])
        for one in files
    ]
    output.print_table(["file", "size", "what", "from"], rows)
    output.say(f"nothing was fetched; the same without --dry-run fetches into {folder}")


def export(
    folder: DatasetFolder,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    form: Annotated[
        str, typer.Option("--format", help="csv, parquet, or another tool's (docs/data.md).")
    ] = "csv",
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Write a prepared dataset in another tool's form."""
    from sracl_core.data.dataset import load_dataset
    from sracl_core.data.export import export as run

    names = run(load_dataset(folder), out, form)
    if as_json:
        output.print_json({"folder": str(out), "format": form, "files": names})
        return
    output.say(f"{out}: {', '.join(names)}", quiet)
