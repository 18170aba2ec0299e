"""A method that does not suit the data or the backbone is refused before a run has a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sracl_core.errors import ConfigError
from sracl_core.pipeline.api import train
from sracl_core.pipeline.estimate import plan
from sracl_core.pipeline.new_run import new_run
from sracl_core.settings.models import RunConfig
from tests.tiny import tiny_config, tiny_dataset


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
