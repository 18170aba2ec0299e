"""Every setting reaches a consumer: tiny runs, one for each branch, must read or refuse all that is set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge

from sracl_core.errors import ConfigError
from sracl_core.methods import backbones, objectives
from sracl_core.semantics.encode import TextEncoder
from sracl_core.settings.known import Setting, settings
from sracl_core.settings.models import RunConfig
from sracl_core.settings.reading import require_read
from sracl_core.settings.section import Section
from sracl_core.settings.space import Range
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

SHARED = {"objectives.next_item.smoothing": 0.2, "objectives.next_item.neighbor_targets": 0.2}
ALONE = {"objectives.sracl.weight": 0, "model.item_init": "random"}
BRANCHES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "recurrent": {"model.name": "gru4rec", "training.schedule": "linear"},
    "shared targets": {**SHARED, "objectives.sracl.synthesizer": "mean"},
    "sampled": {"objectives.next_item.loss": "sampled", "objectives.next_item.negatives": 20},
    "bce": {"objectives.next_item.loss": "bce"},
    "by time": {"dataset.split": "temporal", "semantics.users": "recency"},
    "anchored": {"model.item_anchor": 0.001, "model.repeats": "fitted", "model.evidence": "both"},
    "what evidence leaves": {"model.evidence": "both", "objectives.next_item.residual": True},
    "HNSW": {"retrieval.method": "hnsw", "training.average_decay": 0.9},
    "exact": {"retrieval.method": "exact"},
    "cells": {"retrieval.method": "cells"},
    "at random": {"retrieval.source": "random"},
    "near items alone": {"objectives.sracl.alpha": 0},
    "words alone": {**ALONE, "model.evidence": "words"},
    "no text": ALONE,
    **{name: {"model.name": name} for name in backbones() if name not in ("sasrec", "gru4rec")},
}
BRANCHES["rpg"] |= {"model.digits": 4, "model.codebook": 16}
ADDED = {name: one.settings for name, one in objectives().items() if not one.settings.main}
HANDED_ON = {"pooling_decay": "recency_decay"}
"""Properties whose whole value is a setting's, where there is one."""
OTHER_COMMANDS = {"describe"}
"""Sections that training reads only where a language model wrote the texts."""


def _shares(kind: type[Section]) -> list[str]:
    """The settings of an objective that are shares of its parts, as far as their types tell."""
    found = {name: one.metadata for name, one in kind.model_fields.items() if one.annotation is float}
    plain = {name: [one for one in held if not isinstance(one, Range)] for name, held in found.items()}
    return [name for name, held in plain.items() if name != "weight" and held == [Ge(0.0)]]


EVERY = {f"objectives.{name}.weight": 0.1 for name in ADDED} | {"objectives.iclrec.clusters": 8}
for number in range(3):
    off = {name: _shares(kind)[number : number + 1] for name, kind in ADDED.items()}
    BRANCHES[f"every objective without its part {number}"] = EVERY | {
        f"objectives.{name}.{part}": 0 for name, parts in off.items() for part in parts
    }
BRANCHES["every objective"] = EVERY

Runs = dict[str, tuple[RunConfig, frozenset[tuple[type[Section], str]]]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Of each branch the settings, and those that its run read, from outside of the settings themselves."""
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

    found: Runs = {}
    for number, (name, changes) in enumerate(BRANCHES.items()):
        config = tiny_config(dataset, {**changes, "training.max_epochs": 1})
        patch.setattr(Section, "__getattribute__", recorded)
        tiny_run(config, base / "runs", f"branch-{number}")
        patch.setattr(Section, "__getattribute__", plain)
        found[name] = config, frozenset(seen)
        seen.clear()
    yield found
    patch.undo()


@pytest.fixture
def read(runs: Runs) -> set[str]:
    """The keys that some branch read. A key that several methods have is there if each of them read it."""
    seen = frozenset[tuple[type, str]]().union(*(one for _, one in runs.values()))
    places = {
        (type(section), name): key
        for config, _ in runs.values()
        for section, name, key in reversed(list(_fields(config, "")))
    }
    return set(places.values()) - {key for kind, key in places.items() if kind not in seen}


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


@pytest.mark.parametrize("branch", BRANCHES)
def test_what_a_run_does_not_read_is_refused(runs: Runs, branch: str) -> None:
    (config, seen), accepted = runs[branch], []
    known = settings(config.model.name)
    for section, name, key in _fields(config, ""):
        if (type(section), name) in seen or _read_elsewhere(key, config):
            continue
        told = {**BRANCHES[branch], key: _another(known[key])}
        if not _refused(key, told, Path(config.dataset.path)):
            accepted.append(key)
    assert accepted == []


def _refused(key: str, told: dict[str, Any], dataset: Path) -> bool:
    """Whether the settings are refused because nobody reads one of them."""
    try:
        require_read({key: "somebody"}, [tiny_config(dataset, told)])
    except ConfigError as error:
        return "not read" in str(error)
    return False


def _read_elsewhere(key: str, config: RunConfig) -> bool:
    """By another command, by whoever opened the dataset first, or, as HNSW, where the data are large."""
    by_size = config.retrieval.method == "auto" and config.retrieval.source == "semantic"
    of_large = key.startswith("retrieval.hnsw") or key in (
        "retrieval.recall_sample",
        "retrieval.cells_recall",
    )
    switch = key.startswith("objectives.") and key.endswith(".weight")
    return key.startswith("describe.") or key == "dataset.split" or switch or (by_size and of_large)


def _another(setting: Setting) -> Any:
    """A value that is not its default."""
    if choices := [word for word in setting.choices if word != setting.default]:
        return choices[0]
    return setting.default / 2 or 0.2 if setting.field.annotation is float else setting.default + 1


def test_other_commands_read_theirs() -> None:
    core = Path(__file__).parents[1] / "sracl_core"
    text = "\n".join(path.read_text(encoding="utf-8") for path in core.rglob("*.py"))
    described = type(RunConfig().describe).model_fields
    assert [
        name for name in described if f"settings.{name}" not in text and f"describe.{name}" not in text
    ] == []
