"""Every setting reaches a consumer: tiny runs, one for each branch, must read all that they can be told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sracl_core.methods import backbones, objectives
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.known import settings
from sracl_core.settings.models import RunConfig
from sracl_core.settings.section import Section
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

SHARED = {"objectives.next_item.smoothing": 0.2, "objectives.next_item.neighbor_targets": 0.2}
BRANCHES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "recurrent": {"model.name": "gru4rec", "training.schedule": "linear"},
    "shared targets": {**SHARED, "objectives.sracl.synthesizer": "mean"},
    "sampled": {"objectives.next_item.loss": "sampled", "objectives.next_item.negatives": 20},
    "by time": {"dataset.split": "temporal", "semantics.users": "recency"},
    "anchored": {"model.item_anchor": 0.001, "model.repeats": "fitted", "model.evidence": "both"},
    "HNSW": {"retrieval.method": "hnsw", "training.average_decay": 0.9},
    **{name: {"model.name": name} for name in backbones() if name not in ("sasrec", "gru4rec")},
}
ADDED = [name for name, one in objectives().items() if not one.settings.main and name != "sracl"]
BRANCHES |= {name: {f"objectives.{name}.weight": 0.1} for name in ADDED}
BRANCHES["rpg"] |= {"model.digits": 4, "model.codebook": 16}
BRANCHES["iclrec"]["objectives.iclrec.clusters"] = 8
BRANCHES["bce"] = {"objectives.next_item.loss": "bce"}
HANDED_ON = {"pooling_decay": "recency_decay"}
"""Properties whose whole value is a setting's, where there is one."""
OTHER_COMMANDS = {"describe"}
"""Sections that training reads only where a language model wrote the texts."""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """The keys that some branch read, from outside of the settings themselves.

    A key that several methods have is there if each of them read it.
    """
    base, patch, seen = tmp_path_factory.mktemp("used"), pytest.MonkeyPatch(), set()
    dataset = tiny_dataset(base)
    patch.setattr(TextEncoder, "encode", hashed_words)
    patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
    plain = Section.__getattribute__

    def recorded(self: Section, name: str) -> Any:
        caller = sys._getframe(1)
        # What a section's own property reads is read by whoever asked for it, through this function again.
        while isinstance(getattr(type(self), caller.f_code.co_name, None), property):
            caller = caller.f_back.f_back
        module = caller.f_globals.get("__name__", "")
        if not (
            module.startswith(("pydantic", "sracl_core.settings", "tests."))
            or isinstance(caller.f_locals.get("self"), Section)
        ):
            seen.add((type(self), HANDED_ON.get(name, name)))
        return plain(self, name)

    places: dict[tuple[type, str], str] = {}
    for number, changes in enumerate(BRANCHES.values()):
        config = tiny_config(dataset, {**changes, "training.max_epochs": 1})
        places |= {
            (type(section), name): key for section, name, key in _fields(config, "") if key not in places
        }
        patch.setattr(Section, "__getattribute__", recorded)
        tiny_run(config, base / "runs", f"branch-{number}")
        patch.setattr(Section, "__getattribute__", plain)
    yield set(places.values()) - {key for kind, key in places.items() if kind not in seen}
    patch.undo()


def _fields(section: Section, prefix: str) -> Iterator[tuple[Section, str, str]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield section, name, prefix + name


def test_each_setting_is_read_by_some_run(read: set[str]) -> None:
    every = {key for key in settings() if key.partition(".")[0] not in OTHER_COMMANDS}
    assert sorted(every - read) == []


def test_a_setting_that_nobody_reads_would_be_noticed(read: set[str]) -> None:
    assert "describe.temperature" in settings()
    assert "describe.temperature" not in read


def test_other_commands_read_theirs() -> None:
    core = Path(__file__).parents[1] / "sracl_core"
    text = "\n".join(path.read_text(encoding="utf-8") for path in core.rglob("*.py"))
    described = type(RunConfig().describe).model_fields
    assert [
        name for name in described if f"settings.{name}" not in text and f"describe.{name}" not in text
    ] == []
