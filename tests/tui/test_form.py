"""The settings form without its widgets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sracl_core.errors import ConfigError
from sracl_core.methods import backbones
from sracl_core.settings.known import settings
from sracl_core.settings.layers import preset_names
from sracl_core.settings.models import FIRST_BACKBONE
from sracl_core.settings.yaml_source import flat_settings
from sracl_tui.screens.configure.form import DATASET, FormModel
from sracl_tui.screens.configure.view import matching, section_rows


@pytest.fixture
def form() -> FormModel:
    made = FormModel()
    made.enter(DATASET, "data/sample")
    return made


def test_every_setting_is_in_the_form(form: FormModel) -> None:
    shown = [setting.key for group in form.sections().values() for setting in group]
    assert sorted(shown) == sorted(settings(FIRST_BACKBONE))


def test_objectives_that_the_preset_does_not_train_stand_last_and_are_called_off(form: FormModel) -> None:
    order = list(form.sections())
    assert order[5:9] == ["objectives.next_item", "objectives.sracl", "training", "evaluation"]
    form.choose("duorec")
    order = list(form.sections())
    assert order.index("objectives.duorec") < order.index("training") < order.index("objectives.sracl")
    rows = {name: line.plain for name, line in section_rows(form, form.resolve())}
    assert rows["objectives.sracl"].endswith("off")
    assert not rows["objectives.duorec"].endswith("off")
    form.choose(None)
    form.enter("model.name", "bert4rec")
    assert not form.idle("objectives.masked_item"), "the backbone is made for it"
    assert form.idle("objectives.next_item")


@pytest.mark.parametrize("typed", ["model.repeats", "model.repeats=counted", "--set model.repeats=counted"])
def test_a_setting_is_found_as_messages_name_it(form: FormModel, typed: str) -> None:
    assert matching(form, "dataset", typed) == ["model.repeats"]


def test_another_backbone_brings_its_own_settings(form: FormModel) -> None:
    form.enter("model.heads", "4")
    form.enter("training.max_epochs", "7")
    form.enter("model.name", "gru4rec")
    assert "model.heads" not in form.known
    assert form.shown("model.layers") == "2"
    assert form.sets() == ["training.max_epochs=7", "model.name=gru4rec"]
    assert form.resolve().valid
    form.enter("model.name", "bsarec")
    form.enter("model.alpha", "0.5")
    assert form.resolve().values["model.alpha"] == 0.5
    form.enter("model.name", "sasrec")
    assert form.sets() == ["training.max_epochs=7"]
    form.choose("bsarec")
    assert form.backbone == "bsarec"
    assert form.shown("model.alpha") == "0.7"
    form.enter("model.alpha", "0.2")
    form.choose("fast")
    assert form.resolve().valid
    assert form.sets() == ["training.max_epochs=7"]


def test_what_no_method_reads_is_told_of_entries_and_variables(
    form: FormModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    form.enter("objectives.duorec.temperature", "0.3")
    assert (
        "not read; it needs objectives.duorec.weight"
        in form.resolve().problems["objectives.duorec.temperature"]
    )
    form.enter("objectives.duorec.weight", "0.1")
    assert form.resolve().valid
    monkeypatch.setenv("SRACL_RETRIEVAL__K", "4")
    assert form.resolve().valid
    form.choose("rpg")
    told = form.resolve().problems["retrieval.k"]
    assert told == "environment SRACL_RETRIEVAL__K: not read; it needs an objective with neighbors"


def test_the_presets_own_value_is_no_entry(form: FormModel) -> None:
    form.enter("training.max_epochs", "7")
    assert form.sets() == ["training.max_epochs=7"]
    form.enter("training.max_epochs", "100")
    assert form.sets() == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("training.learning_rate", "-1"),
        ("training.max_epochs", "many"),
        ("model.hidden_size", "65"),
        ("training.monitor", "unmasked/NDCG@7"),
        ("objectives.sracl.neighbors_per_step", "99"),
        ("evaluation.ks", ""),
        ("training.monitor", "a = b; c"),
        ("training.seed", "-1; training.threads = 3"),
        ("semantics.recency_decay", "0.5"),
    ],
)
def test_a_problem_stands_at_its_field(form: FormModel, key: str, text: str) -> None:
    form.enter(key, text)
    problems = form.resolve().problems
    assert list(problems) == [key]
    assert problems[key]


def test_no_dataset_is_said(form: FormModel) -> None:
    form.entries.clear()
    assert "choose a dataset" in form.resolve().problems[DATASET]


def test_presets_resolve_and_differ(form: FormModel) -> None:
    for name in preset_names():
        form.preset = name
        assert form.resolve().valid
    form.preset = "paper"
    assert form.shown("model.item_init") == "random"


def test_the_command_line_means_the_same(form: FormModel, tmp_path: Path) -> None:
    form.preset = "paper"
    form.enter("training.max_epochs", "3")
    form.enter("evaluation.ks", "5, 20")
    form.enter("training.monitor", "masked/HR@20")
    form.name = "my run"
    resolved = form.resolve()
    assert resolved.valid, resolved.problems
    line = form.command_line(Path("elsewhere"))
    assert line.startswith("sracl train data/sample --preset paper ")
    assert line.endswith("--name 'my run' --runs-dir elsewhere")
    words = [word for word in form.arguments() if word not in ("--name", "my run")]
    shown = subprocess.run(
        [sys.executable, "-m", "sracl_core.cli.main", "config", "show", *words, "--json"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert '"masked/HR@20"' in shown


def test_the_yaml_can_be_read_back(form: FormModel, tmp_path: Path) -> None:
    form.enter("training.max_epochs", "3")
    path = tmp_path / "config.yaml"
    path.write_text(form.as_yaml(form.resolve()))
    again = FormModel()
    again.take(flat_settings(path))
    assert again.entries == form.entries


def test_a_file_with_an_unknown_setting_is_refused(form: FormModel) -> None:
    with pytest.raises(ConfigError, match=r"no setting 'training\.epoch'"):
        form.take([("training.epoch", 3, "config.yaml:2")])


def test_choices_come_from_the_model() -> None:
    assert settings()["model.name"].choices == tuple(backbones())
    assert settings()["training.seed"].choices == ()
