"""What is not as a person may think: said at the start of a run, one line each."""

from __future__ import annotations

from typing import Any

import numpy as np

from sracl_core.data import remarks, ties
from sracl_core.data.sources import Sources
from sracl_core.files import write_json
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig
from sracl_core.training.adam import LAZY_ROWS
from sracl_core.words import counted

LOOKED_AT = 10_000
WORTH_SAYING = 0.05


def caveats(config: RunConfig, sources: Sources, notes: dict[str, Any]) -> list[str]:
    """Lines about the dataset's ties and texts, clamped settings, and texts of a language model.

    notes: of `build_semantics`.
    """
    dataset = sources.dataset
    said = ties.remarks(dataset.manifest.get("ties"))
    said += remarks.on_texts(notes.get("items_without_text", 0), dataset.n_items)
    if dataset.parts is not None and config.dataset.split != "given":
        said.append(
            f"the split that was given with the log is not used (dataset.split is {config.dataset.split}); "
            "--set dataset.split=given uses it"
        )
    others = dataset.n_items - 1
    if config.retrieval.k > others:
        said.append(
            f"retrieval.k {config.retrieval.k}: an item has {counted(others, 'other')}, and no more are taken"
        )
    return said + on_repeats(config, sources) + on_size(config, sources) + fallbacks(notes)


def on_repeats(config: RunConfig, sources: Sources) -> list[str]:
    """Where people take again what they have: which of the two readings then says something."""
    split, log = sources.split, sources.dataset.sequences
    every = np.arange(len(split.valid_users))
    looked = every[:: max(1, len(every) // LOOKED_AT)]
    queries = [(log.offsets[split.valid_users[row]], split.valid_ends[row]) for row in looked]
    again = [log.values[end] in log.values[start:end] for start, end in queries]
    share = float(np.mean(again)) if again else 0.0
    if share < WORTH_SAYING:
        return []
    said = (
        f"{share:.0%} of the items held out for validation are in the history before them: read the unmasked "
        "figures, for masked nothing else of the history competes with such an item, whatever the method"
    )
    if config.floor is None and config.model.repeats != "counted" and not config.training.shard_items:
        said += "; a training with --set model.repeats=counted reads how often people took what, too"
    return [said]


def on_size(config: RunConfig, sources: Sources) -> list[str]:
    """What a large log changes, and what would make it quicker."""
    said = []
    users, ranked = len(sources.split.valid_users), config.evaluation.valid_users
    if 0 < ranked < users:
        said.append(
            f"validation ranks {ranked:,} of {users:,} users, the same ones every time; the test ranks all "
            "(evaluation.valid_users)"
        )
    next_item, items = config.active_objectives.get("next_item"), sources.dataset.n_items
    if next_item is not None and next_item.reads_every_item and items >= LAZY_ROWS:
        said.append(
            f"the softmax reads all {items:,} items at each step; --set objectives.next_item.loss=sampled "
            "reads a fraction of them, which is an estimate and several times as fast"
        )
    elif (
        items >= LAZY_ROWS
        and config.training.item_adam == "auto"
        and (why := config.why_dense) in ("model.item_anchor", "training.weight_decay")
    ):
        said.append(
            f"{why} reaches all {items:,} item embeddings at each step; --set {why}=0 leaves alone "
            "those that a step does not read"
        )
    return said


def keep_caveats(run: RunDirectory, said: list[str]) -> None:
    """Write the lines into the run's meta.json, where they outlast its log."""
    meta = run.meta()
    if meta.get("caveats") != said:
        write_json(run.meta_path, {**meta, "caveats": said}, seal=True)


def fallbacks(notes: dict[str, Any]) -> list[str]:
    """Says where a language model's texts were asked for and are not all there.

    >>> fallbacks({"item_texts": {"model": "m", "written": 7, "failed": 1, "missing": 2}})
    ['items: 7 of 10 have a text of m (1 failed, 2 not asked yet), the others their own attributes']
    """
    said = []
    for what, key, instead in (
        ("items", "item_texts", "their own attributes"),
        ("prefixes", "prefix_texts", "their titles"),
    ):
        found = notes.get(key)
        if found and (found["failed"] or found["missing"]):
            total = found["written"] + found["failed"] + found["missing"]
            said.append(
                f"{what}: {found['written']:,} of {total:,} have a text of {found['model']} "
                f"({found['failed']:,} failed, {found['missing']:,} not asked yet), the others {instead}"
            )
    return said
