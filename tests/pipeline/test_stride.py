"""Searching one in several of a user's prefixes for neighbors: the rest take those of the latest searched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sources import load_sources
from sracl_core.pipeline import stages
from sracl_core.pipeline.estimate import plan
from sracl_core.pipeline.stages import build_semantics
from sracl_core.retrieval.neighbors import resolved_stride
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.stages import RetrievalConfig
from tests.tiny import hashed_words, tiny_config, tiny_dataset


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 5))
def test_each_prefix_has_the_latest_searched_one_of_its_user_before_it(
    counts: list[int], stride: int
) -> None:
    users = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    places = np.arange(len(users))
    prefixes = Prefixes(np.zeros(len(users) + 1, dtype=np.int32), users, places, places)
    rows, of = prefixes.every(stride)
    expected_rows, expected_of = [], []
    for user, count in enumerate(counts):
        first = sum(counts[:user])
        for place in range(count):
            if place % stride == 0:
                expected_rows.append(first + place)
            expected_of.append(len(expected_rows) - 1)
    assert rows.tolist() == expected_rows
    assert of.tolist() == expected_of


@pytest.mark.parametrize(
    ("prefixes", "users", "stride"),
    [
        (131_413, 22_363, 1),
        (1_394_253, 2_449, 6),
        (1_500_000, 200_000, 1),
        (7_000_000, 1_000_000, 5),
        (0, 0, 1),
    ],
)
def test_how_many_are_searched_follows_the_log(prefixes: int, users: int, stride: int) -> None:
    assert resolved_stride(prefixes, users, RetrievalConfig()) == stride
    assert resolved_stride(prefixes, users, RetrievalConfig(stride=7)) == 7


@pytest.mark.parametrize("objective", ["next_item", "sracl"])
def test_the_table_is_that_of_the_searched_ones(
    tmp_path: Path, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    changes = {
        "objectives.next_item.neighbor_targets": 0.2,
        "retrieval.stride": 3,
        "retrieval.method": "exact",
    }
    if objective == "next_item":
        changes |= {"objectives.sracl.alpha": 0.0, "objectives.sracl.beta": 0.0}
    config = tiny_config(tiny_dataset(tmp_path), changes)
    sources = load_sources(config)
    prefixes = sources.prefixes
    semantics = build_semantics(config, sources)
    table = semantics.prefix_neighbors
    assert table is not None
    rows, of = prefixes.every(3)
    assert len(table) == len(prefixes)
    assert np.array_equal(table.ids, table.ids[rows][of])
    assert np.isin(table.ids[table.ids >= 0], rows).all()
    near = np.where(table.ids >= 0, prefixes.users[table.ids], -1)
    assert (near != prefixes.users[:, None]).all()
    noted = semantics.notes["prefix_neighbors"]
    assert (noted["searched"], noted["of"]) == (len(rows), len(prefixes))
    assert f"{len(rows):,} of {len(prefixes):,} prefixes searched" in plan(config).neighbors


def test_neighbors_are_searched_on_the_device_that_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    config = tiny_config(tiny_dataset(tmp_path))
    sources, asked, elsewhere = load_sources(config), [], torch.device("cpu", 0)
    monkeypatch.setattr(stages, "search_device", lambda name: asked.append(name) or elsewhere)
    moved, to = [], torch.Tensor.to

    def recorded(tensor: torch.Tensor, *where: object, **how: object) -> torch.Tensor:
        moved.append(where[0] if where else how)
        return to(tensor, *where, **how)

    monkeypatch.setattr(torch.Tensor, "to", recorded)
    semantics = build_semantics(config, sources)
    assert asked == ["cpu", "cpu"], "items and prefixes"
    assert semantics.prefix_neighbors is not None
    assert semantics.prefix_neighbors.method == "exact"
    assert sum(one is elsewhere for one in moved) >= 8, "both tables, and rows and pairs of each block"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"hnsw_ef": 300, "hnsw_m": 8}, ["retrieval.hnsw_m, retrieval.hnsw_ef changes nothing"]),
        ({"hnsw_ef": 300, "method": "hnsw"}, []),
        (
            {"recall_sample": 9, "hnsw_m": 8},
            [f"retrieval.{name} changes nothing" for name in ("recall_sample", "hnsw_m")],
        ),
        ({"recall_sample": 9, "cells_recall": 0.5, "method": "cells"}, []),
        ({}, []),
    ],
)
def test_settings_of_large_searches_are_told_where_so_few_vectors_are_searched_exactly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asked: dict,
    told: list[str],
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    tiny_dataset(tmp_path)
    config = tiny_config(tmp_path / "tiny", {f"retrieval.{name}": value for name, value in asked.items()})
    build_semantics(config, load_sources(config))
    assert [line.partition(":")[0] for line in caplog.messages] == told
