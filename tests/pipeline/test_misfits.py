"""A method that does not suit the data or the backbone is refused before a run has a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sracl_core import memory
from sracl_core.data.sources import load_sources
from sracl_core.errors import ConfigError
from sracl_core.methods import backbones
from sracl_core.models.build import parameter_count
from sracl_core.pipeline.api import train
from sracl_core.pipeline.estimate import plan
from sracl_core.pipeline.memory import parts
from sracl_core.pipeline.new_run import new_run
from sracl_core.settings.models import RunConfig
from tests.tiny import tiny_config, tiny_dataset, tiny_run


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("misfits"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"objectives.iclrec.weight": 0.1, "objectives.iclrec.clusters": 5000},
            r"clusters 5000 is more than the \d+ users",
        ),
        (
            {"model.name": "fmlprec", "objectives.iclrec.weight": 0.1, "objectives.iclrec.clusters": 4},
            r"pooling=mean cannot be had of a backbone .* set it to last",
        ),
        (
            {"objectives.cadirec.weight": 0.1, "objectives.cadirec.heads": 3},
            r"heads 3 is no divisor of model\.hidden_size 16",
        ),
        (
            {"model.name": "fmlprec", "objectives.next_item.examples": "sequences"},
            r"examples=sequences cannot be had of a backbone .* set it to prefixes",
        ),
        ({"objectives.next_item.loss": "sampled"}, r"negatives 1024 are not fewer than the \d+ items"),
        (
            {"model.name": "rpg", "model.codebook": 5000},
            r"codebook 5000 is more than the \d+ items",
        ),
        (
            {"model.name": "rpg", "model.codebook": 8, "model.digits": 999, "semantics.encoder": "static"},
            r"digits 999 is more than the \d+ dimensions of a text vector; lower it",
        ),
    ],
)
def test_it_is_refused_before_there_is_a_folder(
    tiny: Path, tmp_path: Path, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        new_run(tiny_config(tiny, settings), tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"config": {"training": {}}}, "config is a dict; give what load_config makes, or sets alone"),
        (
            {"config": RunConfig(), "preset": "fast"},
            "config holds all settings; give preset and sets to load",
        ),
        ({"config": RunConfig(), "sets": ["training.seed=1"]}, "config holds all settings"),
        ({"sets": "training.seed=1"}, r"sets is a str; give a list, such as \['training\.seed=3'\]"),
        (
            {"sets": ["objectives.sracl.weight=0", "objectives.sracl.temperature=2"]},
            "^objectives.sracl.temperature .*weight",
        ),
    ],
)
def test_a_call_whose_words_would_have_no_effect_is_refused(
    tiny: Path, tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        train(tiny, runs_dir=tmp_path / "runs", **given)
    assert not list(tmp_path.iterdir())


def test_a_step_of_sequences_is_estimated_with_a_target_after_each_item(tiny: Path) -> None:
    changes = {"training.batch_size": 100_000, "objectives.next_item.examples": "prefixes"}
    prefixes = plan(tiny_config(tiny, changes))
    sequences = plan(tiny_config(tiny, {**changes, "objectives.next_item.examples": "sequences"}))
    assert sequences.memory_mb > prefixes.memory_mb


def test_padded_views_are_estimated_with_the_whole_window(tiny: Path) -> None:
    changes = {"training.batch_size": 4096, "objectives.iclrec.weight": 0.1, "objectives.iclrec.clusters": 2}
    pooled, padded = (
        plan(tiny_config(tiny, {**changes, "objectives.iclrec.compare": how})) for how in ("pooled", "padded")
    )
    assert padded.memory_mb > pooled.memory_mb


NARROW = {
    "objectives.sracl.weight": 0.0,
    "model.hidden_size": 8,
    "model.inner_size": 8,
    "training.batch_size": 2,
    "evaluation.batch_size": 1,
}


@pytest.mark.parametrize(
    ("changes", "name", "less"),
    [
        (
            NARROW | {"model.hidden_size": 4096, "model.layers": 4},
            "the encoder's weights",
            "model.hidden_size",
        ),
        (NARROW | {"training.batch_size": 100_000}, "activations", "a smaller training.batch_size"),
        (NARROW | {"evaluation.batch_size": 100_000}, "ranking", "a smaller evaluation.batch_size"),
    ],
)
def test_where_memory_is_short_the_largest_part_is_named_with_what_takes_less(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], name: str, less: str
) -> None:
    config = tiny_config(tiny, changes)
    assert plan(config).remarks == ()
    monkeypatch.setattr(memory, "there", lambda: 10**8)
    planned = plan(config)
    (told,) = planned.remarks
    assert (
        f"{planned.memory_mb:,} MB are estimated, and this machine lets it have 100 MB; {name} take" in told
    )
    assert less in told


def test_a_run_that_needs_more_memory_than_there_is_says_so_before_it_begins(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "there", lambda: 10**8)
    run = tiny_run(tiny_config(tiny, NARROW | {"training.max_epochs": 1}), tmp_path)
    log = run.log_path.read_text()
    assert 0 < log.index("it may run out of memory") < log.index("epoch")


def test_the_memory_that_there_is_ends_where_a_group_of_processes_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_LIMITS", tmp_path)
    whole = memory.there()
    (tmp_path / "groups").write_text("4:memory:/\n0::/ours/inner\n")
    for folder, limit in (("ours/inner", "max"), ("ours", "4096000")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "memory.max").write_text(f"{limit}\n")
    assert memory.there() == 4096000 < whole


def test_every_weight_of_an_encoder_counts(tiny: Path) -> None:
    for name in backbones():
        changes = {"model.name": name, "objectives.sracl.weight": 0.0}
        config = tiny_config(tiny, changes | ({"model.codebook": 8} if name == "rpg" else {}))
        sources = load_sources(config)
        found = {part.name: part.floats for part in parts(config, sources)}
        assert found["item embeddings"] > 0
        weights = found["item embeddings"] + found["the encoder's weights"]
        assert weights == 5 * parameter_count(config.model, sources.dataset.n_items), name
