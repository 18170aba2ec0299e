"""Items that nobody has touched, given to a finished run by what their texts say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from sracl_core.data.prefixes import query_prefixes
from sracl_core.data.related import Related
from sracl_core.errors import InputError
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.mapping import choose
from sracl_core.models.text_map import RIDGE
from sracl_core.progress import Progress
from sracl_core.runs.lock import only_writer
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.template import describe_table
from sracl_core.semantics.texts import item_texts
from sracl_core.semantics.words import near_words
from sracl_core.training.added import read_added, write_added


@dataclass(frozen=True)
class Outcome:
    """What `add_items` did.

    new, again: how many came anew, and in place of such as were added before. known: how many were left out
    because training knew them. without_text: ids that say nothing. total: added items of the run by now.
    about: how their vectors were found.
    """

    new: int
    again: int
    known: int
    without_text: list[str]
    unread_columns: list[str]
    total: int
    about: dict[str, Any]


def add_items(
    path: Path,
    table: pl.DataFrame,
    dataset: Path | None = None,
    text_encoder: str | None = None,
    lift: float | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Keep the items of `table` (see `data.item_file`) beside the run in `path`, ready to be recommended.

    lift: what is added to their scores, see `mapping.TextMap`; None takes what `mapping.choose` finds.
    progress: hears of the texts that are encoded, and of the maps that are tried.

    Raises InputError where none can be added, or the run's items do not come from texts that this can write.
    """
    loaded = LoadedRun.open(path, dataset, text_encoder, with_added=False, progress=progress)
    if loaded.config.semantics.items == "llm":
        raise InputError(
            "this run's item texts were written by a language model, as a table's are not; append the items "
            "(`sracl data append`), describe them, and `sracl train --from` this run"
        )
    with only_writer(loaded.run):
        own = loaded.dataset.item_table()
        fresh = table.filter(~pl.col("item_id").is_in(loaded.dataset.items.ids))
        columns = [name for name in own.columns if name in fresh.columns]
        said = describe_table(_alike(fresh, own), own).texts if fresh.height else []
        mute = pl.Series(
            [text == name for text, name in zip(said, fresh["item_id"], strict=True)], dtype=pl.Boolean
        )
        without = fresh.filter(mute)["item_id"].to_list()
        fresh = fresh.filter(~mute).select(columns)
        if not fresh.height:
            raise InputError(_nothing(table, without))
        earlier = read_added(loaded.run)
        before = fresh.clear() if earlier is None else earlier.table
        kept = before.filter(~pl.col("item_id").is_in(fresh["item_id"].to_list()))
        merged = _alike(pl.concat([kept, fresh], how="diagonal_relaxed"), own)
        about = _write(loaded, merged, own, lift)
    return Outcome(
        new=fresh.height - (before.height - kept.height),
        again=before.height - kept.height,
        known=table.height - fresh.height - len(without),
        without_text=without,
        unread_columns=[name for name in table.columns if name not in own.columns],
        total=merged.height,
        about=about,
    )


def remove_items(path: Path, names: list[str] | None, dataset: Path | None = None) -> int:
    """Take added items from the run in `path`, all where `names` is None; returns how many are left.

    Raises InputError for an id that was not added.
    """
    loaded = LoadedRun.open(path, dataset, with_added=False)
    with only_writer(loaded.run):
        if names is None:
            write_added(loaded.run, pl.DataFrame(), np.empty((0, 0), np.float32), {}, {}, {})
            return 0
        added = read_added(loaded.run)
        ids = [] if added is None else added.table["item_id"].to_list()
        unknown = [name for name in names if name not in ids]
        if unknown or added is None:
            raise InputError(
                f"item '{unknown[0]}' was not added to {loaded.run.name}; `sracl items list` shows what was"
            )
        keep = np.flatnonzero(~np.isin(ids, names))
        rows = {name: part[torch.from_numpy(keep)].contiguous() for name, part in added.rows.items()}
        near = {kind: Related(part.items[keep], part.shares[keep]) for kind, part in added.near.items()}
        write_added(loaded.run, added.table[keep], added.vectors[keep], rows, near, added.about)
        return len(keep)


def _alike(table: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """`table` with the columns of `own`, empty where it has them not."""
    missing = [pl.lit(None, pl.String).alias(name) for name in own.columns if name not in table.columns]
    return table.with_columns(missing).select(own.columns)


def _nothing(table: pl.DataFrame, without: list[str]) -> str:
    if without:
        return f"no item can be added: '{without[0]}' has no title and no other text to go by; give it one"
    if table.is_empty():
        return "the table holds no rows; give a row an item"
    return f"nothing is added: none of the {table.height:,} in the table is new to the run"


def _write(loaded: LoadedRun, merged: pl.DataFrame, own: pl.DataFrame, lift: float | None) -> dict[str, Any]:
    texts = describe_table(merged, own).texts
    size = loaded.config.semantics.batch_size
    vectors = VectorStore().vectors(loaded.text_encoder, texts, size, loaded.progress)
    known = np.asarray(loaded.item_vectors)
    if loaded.encoder.item_rows is not None and loaded.encoder.linear:
        split, sequences = loaded.trained.split, loaded.trained.dataset.sequences
        valid = query_prefixes(sequences, split.valid_users, split.valid_ends, loaded.config.model.reach)
        seed = loaded.config.training.seed
        chosen = choose(loaded.encoder, known, loaded.prefixes, valid, seed, loaded.progress)
        # What was ranked has the lift that was chosen, and says nothing of another.
        chosen = chosen if lift is None else replace(chosen, lift=lift, ranked={})
        rows, about = chosen.rows(loaded.encoder, known, np.asarray(vectors)), chosen.told()
    else:
        if lift is not None:
            kind = loaded.config.model.name
            raise InputError(f"{loaded.run.name} is a {kind}, whose items cannot be raised; leave lift out")
        try:
            rows, about = loaded.encoder.new_rows(known, np.asarray(vectors), RIDGE), {"map": "composed"}
        except NotImplementedError as error:
            raise InputError(f"{error}; nothing can be added to {loaded.run.name}") from error
    near = {}
    if loaded.encoder.evidence is not None and "words" in loaded.encoder.evidence.kinds:
        near["words"] = near_words(item_texts(loaded.config, loaded.trained).texts, texts)
    write_added(loaded.run, merged, np.asarray(vectors), rows, near, about)
    return about
