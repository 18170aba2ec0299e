"""`sracl embed`: the vectors of a dataset's texts, made before any training asks for them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from sracl_core.cli import settings
from sracl_core.cli.output import DryRunOption, JsonOption, QuietOption, print_json, print_pairs, say


def embed(
    dataset: settings.DatasetArgument,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Same as --set semantics.encoder=NAME.")
    ] = None,
    preset: settings.PresetOption = None,
    config: settings.ConfigOption = None,
    sets: settings.SetOption = None,
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

    said = [*(sets or ()), *([f"semantics.encoder={encoder}"] if encoder else ())]
    resolved, _ = settings.resolve(config, preset, said, dataset)
    texts = texts_of(resolved)
    chosen, store = load_encoder(resolved.semantics.encoder), VectorStore()
    told: dict[str, Any] = {
        "encoder": resolved.semantics.encoder,
        "texts": len(set(texts)),
        "to_encode": store.missing(chosen, texts),
        "dimension": chosen.dimension,
        "store": str(store.path(chosen)),
    }
    if not dry_run:
        began = time.monotonic()
        with progress_display(quiet) as progress:
            store.vectors(chosen, texts, resolved.semantics.batch_size, progress)
        told["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        print_json({**told, "dry_run": dry_run})
        return
    print_pairs({name.replace("_", " "): value for name, value in told.items()})
    if not texts:
        say("with these settings no text is encoded", quiet)
    elif dry_run and not quiet:
        say("nothing was encoded; the same without --dry-run does it")
