"""Items that nobody has touched, given to a finished run by what their texts say."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from sracl_core.data.prefixes import Prefixes
from sracl_core.errors import InputError
from sracl_core.explorer.loading import LoadedRun
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.text_map import RIDGE
from sracl_core.runs.lock import only_writer
from sracl_core.seeding import generator
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.template import describe_table
from sracl_core.training.added import read_added, write_added

RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
HELD_SHARE, MOST_QUERIES, LEAST_HELD = 0.1, 4000, 20


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
    path: Path, table: pl.DataFrame, dataset: Path | None = None, text_encoder: str | None = None
) -> Outcome:
    """Keep the items of `table` (see `data.item_file`) beside the run in `path`, ready to be recommended.

    Raises InputError where none can be added, or the run's items do not come from texts that this can write.
    """
    loaded = LoadedRun.open(path, dataset, text_encoder, with_added=False)
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
        about = _write(loaded, merged, own)
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
            write_added(loaded.run, pl.DataFrame(), np.empty((0, 0), np.float32), {}, {})
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
        write_added(loaded.run, added.table[keep], added.vectors[keep], rows, added.about)
        return len(keep)


def _alike(table: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """`table` with the columns of `own`, empty where it has them not."""
    missing = [pl.lit(None, pl.String).alias(name) for name in own.columns if name not in table.columns]
    return table.with_columns(missing).select(own.columns)


def _nothing(table: pl.DataFrame, without: list[str]) -> str:
    if without:
        return f"no item can be added: '{without[0]}' has no title and no other text to go by; give it one"
    return f"all {table.height:,} items are among those that the run was trained on; nothing is added"


def _write(loaded: LoadedRun, merged: pl.DataFrame, own: pl.DataFrame) -> dict[str, Any]:
    texts = describe_table(merged, own).texts
    vectors = VectorStore().vectors(loaded.text_encoder, texts, loaded.config.semantics.batch_size, None)
    known = np.asarray(loaded.item_vectors)
    ridge, tried = choose_ridge(loaded.encoder, known, loaded.prefixes, loaded.config.training.seed)
    try:
        rows = loaded.encoder.new_rows(known, vectors, RIDGE if ridge is None else ridge)
    except NotImplementedError as error:
        raise InputError(f"{error}; nothing can be added to {loaded.run.name}") from error
    about = {"map": "digits" if ridge is None else "ridge", "ridge": ridge, "tried": tried}
    write_added(loaded.run, merged, np.asarray(vectors), rows, about)
    return about


@torch.no_grad()
def choose_ridge(
    encoder: SequenceEncoder, vectors_NE: NDArray[np.float32], prefixes: Prefixes, seed: int
) -> tuple[float | None, dict[str, float]]:
    """The strength of the map that ranks trained items best when they are held out of it.

    A tenth of the items is mapped from the other items, and stands with its mapped rows among the trained
    ones; what is compared is the mean reciprocal rank of such items, each among the held-out ones, after
    training prefixes that they followed.

    Returns:
        (strength, {strength: mean reciprocal rank}); RIDGE and {} where there are too few items to hold some
        out, None and {} where the backbone's rows come from no such map.
    """
    if encoder.item_rows is None:
        return None, {}
    rng = generator(seed, "added-items")
    held = np.sort(rng.permutation(encoder.n_items)[: int(encoder.n_items * HELD_SHARE)])
    asked = np.flatnonzero(np.isin(prefixes.targets, held + 1))
    if len(held) < LEAST_HELD or not len(asked):
        return RIDGE, {}
    asked = rng.permutation(asked)[:MOST_QUERIES]
    queries = prefixes.take(asked)
    places = np.searchsorted(held + 1, prefixes.targets[asked])
    others = np.setdiff1d(np.arange(encoder.n_items), held)
    states = encoder.encode(queries)
    stand_in, tried = copy.deepcopy(encoder), {}
    for ridge in RIDGES:
        state = stand_in.state_dict()
        for name, rows in encoder.new_rows(vectors_NE, vectors_NE[held], ridge, others).items():
            state[name][torch.from_numpy(held + encoder.item_rows[name])] = rows
        tried[f"{ridge:g}"] = _reciprocal_rank(stand_in, states, held, places)
    return float(max(tried, key=lambda name: tried[name])), tried


def _reciprocal_rank(
    encoder: SequenceEncoder, states: torch.Tensor, held: NDArray[np.int64], places: NDArray[np.int64]
) -> float:
    """Mean over the states of 1 / rank of the item at `places` among the `held` ones."""
    total = 0.0
    for start in range(0, len(states), 512):
        scores = encoder.item_scores(states[start : start + 512])[:, torch.from_numpy(held)]
        wanted = scores.gather(1, torch.from_numpy(places[start : start + 512])[:, None])
        total += float((1.0 / (scores >= wanted).sum(dim=1)).sum())
    return total / len(states)
