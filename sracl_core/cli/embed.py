"""`sracl embed`: the vectors of a dataset's texts, made before any training asks for them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from sracl_core.cli import completion
from sracl_core.cli.output import DryRunOption, JsonOption, QuietOption, print_json, print_pairs, say
from sracl_core.cli.settings import ConfigOption, PresetOption, SetOption


def embed(
    dataset: Annotated[
        str, typer.Argument(help="Folder of a prepared dataset.", autocompletion=completion.datasets)
    ],
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Same as --set semantics.encoder=NAME.")
    ] = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Encode the texts that a training with these settings would, and keep the vectors in the cache.

    Texts that are there already are not encoded again, and neither does a training encode them. Stop it at
    any time: the next start goes on where it was.
    """
    from sracl_core.cli.output import progress_display
    from sracl_core.pipeline.estimate import texts_of
    from sracl_core.semantics.encode import load_encoder
    from sracl_core.semantics.store import VectorStore
    from sracl_core.settings.layers import load_config

    flags: dict[str, tuple[str, Any]] = {
        "DATASET": ("dataset.path", dataset),
        "--encoder": ("semantics.encoder", encoder),
    }
    settings, _ = load_config(preset=preset, config_file=config, sets=sets or [], flags=flags)
    texts = texts_of(settings)
    chosen, store = load_encoder(settings.semantics.encoder), VectorStore()
    told: dict[str, Any] = {
        "encoder": settings.semantics.encoder,
        "texts": len(set(texts)),
        "to_encode": store.missing(chosen, texts),
        "dimension": chosen.dimension,
        "store": str(store.path(chosen)),
    }
    if not dry_run:
        began = time.monotonic()
        with progress_display(quiet) as progress:
            store.vectors(chosen, texts, settings.semantics.batch_size, progress)
        told["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        print_json({**told, "dry_run": dry_run})
        return
    print_pairs({name.replace("_", " "): value for name, value in told.items()})
    if not texts:
        say("with these settings no text is encoded", quiet)
    elif dry_run and not quiet:
        say("nothing was encoded; the same without --dry-run does it")
