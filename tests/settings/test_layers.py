from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import yaml

from sracl_core.errors import ConfigError, in_flags
from sracl_core.methods import backbones
from sracl_core.settings import layers as of_layers
from sracl_core.settings.known import flatten, settings
from sracl_core.settings.layers import PRESETS, given, load_config, preset_names, validated_file
from sracl_core.settings.models import FIRST_BACKBONE, RunConfig
from sracl_core.settings.reading import require_read, takes
from sracl_core.settings.stages import TrainingConfig
from sracl_core.settings.surroundings import user_file
from sracl_core.settings.validation import validated

NAMES = [repr(name) for name in sorted(backbones())]
ANY_BACKBONE = f"input should be {', '.join(NAMES[:-1])} or {NAMES[-1]}"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without settings of their own, in an empty folder."""
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda *args, **kwargs: str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def load(**layers: Any) -> tuple[RunConfig, dict[str, str]]:
    return load_config(**{"environment": {}, **layers})


def seed_file(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"training:\n  seed: {seed}\n")
    return path


def test_nothing_set_is_the_defaults() -> None:
    config, origins = load()
    assert config == RunConfig()
    assert set(origins) == set(settings(FIRST_BACKBONE)) == set(flatten(config))
    assert set(origins.values()) == {"default"}


def test_each_layer_beats_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presets = tmp_path / "presets"
    seed_file(presets / "mine.yaml", 5)
    monkeypatch.setattr("sracl_core.settings.layers.PRESETS", presets)
    steps: list[tuple[dict[str, Any], int, str]] = []
    layers: dict[str, Any] = {}
    steps.append(({}, 42, "default"))
    seed_file(user_file(), 2)
    config, origins = load()
    assert (config.training.seed, origins["training.seed"]) == (2, f"{user_file()}:2")
    seed_file(tmp_path / "sracl.yaml", 3)
    for more, seed, origin in (
        ({}, 3, "sracl.yaml:2"),
        ({"environment": {"SRACL_TRAINING__SEED": "4"}}, 4, "environment SRACL_TRAINING__SEED"),
        ({"preset": "mine"}, 5, "--preset mine"),
        ({"config_file": seed_file(tmp_path / "run.yaml", 6)}, 6, f"{tmp_path / 'run.yaml'}:2"),
        ({"sets": ["training.seed=7"]}, 7, "--set training.seed"),
        ({"flags": {"--seed": ("training.seed", 8)}}, 8, "--seed"),
    ):
        layers |= more
        config, origins = load(**layers)
        assert (config.training.seed, origins["training.seed"]) == (seed, origin)
    assert load(**{**layers, "flags": {"--seed": ("training.seed", None)}})[0].training.seed == 7


def test_an_earlier_spelling_is_read_from_every_source(tmp_path: Path) -> None:
    written = tmp_path / "run.yaml"
    written.write_text("objective:\n  sracl:\n    alpha: 0.25\n")
    for layers in (
        {"environment": {"SRACL_OBJECTIVE__SRACL__ALPHA": "0.25"}},
        {"config_file": written},
        {"sets": ["objective.sracl.alpha=0.25"]},
    ):
        assert load(**layers)[0].objectives.sracl.alpha == 0.25


def test_text_becomes_what_the_setting_is() -> None:
    config, _ = load(
        sets=[
            "evaluation.ks=20, 5,20",
            "training.learning_rate=1e-4",
            "dataset.path=2024",
            "model.hidden_size = 32",
            "describe.structured=false",
            "describe.price_input=null",
        ]
    )
    assert config.evaluation.ks == (5, 20)
    assert config.training.learning_rate == 1e-4
    assert config.dataset.path == "2024"
    assert config.model.hidden_size == 32
    assert config.describe.structured is False
    assert config.describe.price_input is None
    assert load(sets=["evaluation.ks=[5, 20]"])[0].evaluation.ks == (5, 20)


def test_every_setting_can_be_set_from_text_to_its_default() -> None:
    for key, setting in settings(FIRST_BACKBONE).items():
        value = setting.default
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        config, origins = load(sets=[f"{key}={text}"])
        assert flatten(config) == flatten(RunConfig()), key
        assert origins[key] == f"--set {key}"


def test_every_setting_says_what_it_is() -> None:
    assert not [key for key, setting in settings().items() if not setting.field.description]


def test_what_a_run_stores_is_a_settings_file(tmp_path: Path) -> None:
    import yaml

    config, _ = load(sets=["training.seed=7", "evaluation.ks=5,20"])
    stored = tmp_path / "config.yaml"
    stored.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert load(config_file=stored)[0] == config
    assert len(validated_file(stored)) == len(settings(FIRST_BACKBONE))


def test_presets_are_valid() -> None:
    for name in preset_names():
        load(preset=name)
    assert set(preset_names()) == {path.stem for path in PRESETS.iterdir() if path.suffix == ".yaml"}


def test_a_dotted_value_is_validated_like_a_file() -> None:
    assert validated({"training.seed": 3}, {}).training.seed == 3


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelled key": ({"sets": ["training.sed=1"]}, "did you mean 'training.seed'"),
    "a key without its section": ({"sets": ["beta=1"]}, "did you mean 'objectives.sracl.beta'"),
    "a name of several sections, a training's first": (
        {"sets": ["seed=3"]},
        "no setting 'seed'; did you mean 'training.seed' or 'describe.seed'\\?",
    ),
    "a name of very many": (
        {"sets": ["temperature=3"]},
        r"did you mean 'objectives\.sracl\.temperature' or .*, or one of 8 more of that name\?",
    ),
    "a misspelled key without its section": ({"sets": ["epoch=3"]}, r"did you mean 'training\.max_epochs'\?"),
    "a key like no other": ({"sets": ["zzz=1"]}, "`sracl config show` lists them"),
    "a section": ({"sets": ["training=1"]}, "'training' is a section"),
    "no value": ({"sets": ["training.seed"]}, "has no value"),
    "a value below": (
        {"sets": ["objectives.sracl.alpha=-0.1"]},
        r"objectives\.sracl\.alpha = '-0.1' \(--set objectives\.sracl\.alpha\): input should be greater",
    ),
    "a number beyond all machines": (
        {"sets": ["model.max_length=99999999999999999999"]},
        "model: max_length is 99999999999999999999, and should be at most 2147483647",
    ),
    "a word for a number": ({"sets": ["retrieval.k=ten"]}, "retrieval.k = 'ten'"),
    "a choice that is none": ({"sets": ["model.name=bert"]}, ANY_BACKBONE),
    "two that do not fit": ({"sets": ["model.hidden_size=63"]}, "63 is not a multiple of heads 2"),
    "a metric not measured": ({"sets": ["training.monitor=NDCG"]}, "'NDCG' is not measured"),
    "an empty list": ({"sets": ["evaluation.ks=[]"]}, "at least one cut-off"),
    "an unknown preset": ({"preset": "zzz"}, "there is no preset 'zzz'; there are bert4rec, best, "),
    "a variable with one underscore": (
        {"environment": {"SRACL_TRAINING_SEED": "1"}},
        "did you mean 'SRACL_TRAINING__SEED'",
    ),
    "a variable like no setting": (
        {"environment": {"SRACL_MODEL__XYZZY": "1"}},
        "SRACL_MODEL__XYZZY is no setting",
    ),
    "a variable that is nearly one": (
        {"environment": {"SRACL_RUN_DIR": "x"}},
        "SRACL_RUN_DIR is not read; did you mean 'SRACL_RUNS_DIR'",
    ),
    "a number without end": ({"sets": ["training.learning_rate=inf"]}, "should be a finite number"),
    "a variable out of range": (
        {"environment": {"SRACL_RETRIEVAL__K": "0"}},
        "environment SRACL_RETRIEVAL__K",
    ),
    "a file that is not there": (
        {"config_file": Path("none.yaml")},
        "cannot read the settings file none.yaml",
    ),
}


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("SRACL_NAME", "did you mean 'SRACL_MODEL__NAME'?"),
        ("SRACL_PATH", "did you mean 'SRACL_DATASET__PATH'?"),
        ("SRACL_EPOCHS", "did you mean 'SRACL_TRAINING__MAX_EPOCHS'?"),
        ("SRACL_RUNDIR", "did you mean 'SRACL_RUNS_DIR'?"),
        ("SRACL_PRESET", "give --preset"),
        ("SRACL_HOME", ""),
        ("SRACL_LOG_LEVEL", ""),
        ("SRACL_MODEL_REGISTRY", ""),
    ],
)
def test_a_variable_that_may_be_somebody_elses_is_told_once(
    caplog: pytest.LogCaptureFixture, variable: str, said: str
) -> None:
    of_layers._warn_once.cache_clear()
    for _ in range(2):
        load(environment={variable: "x"})
    told = f"environment variable {variable} is not read; {said}"
    assert caplog.messages == ([told] if said else [])


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_one_line(case: str) -> None:
    layers, expected = BAD[case]
    with in_flags(), pytest.raises(ConfigError, match=expected) as caught:
        load(**layers)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


BAD_FILES = {
    "training:\n  seed: 1\n bad: [\n": r"run\.yaml:3: not valid YAML",
    "training:\n  seed: 1\n  seed: 2\n": r"run\.yaml:3: 'training\.seed' stands here a second time",
    "- 1\n": r"run\.yaml:1: expected settings by section",
    "training:\n  seed: 1:30\n": r"training\.seed = '1:30' \(.*run\.yaml:2\): input should be",
    "training:\n  seed: yes\n": r"training\.seed = 'yes' \(.*run\.yaml:2\): input should be",
    "evaluation:\n  ks: [5, 0x14]\n": r"evaluation\.ks\.1 = '0x14'",
    "training:\n  sed: 1\n": r"run\.yaml:2: there is no setting 'training\.sed'.*mean 'training\.seed'",
    "model:\n  name: sasrec\nmodel: gru\n": "'model' stands here a second time",
    "training: fast\n": "'training' is a section",
    "training:\n  seed: -1\n": r"training\.seed = -1 \(.*run\.yaml:2\)",
    "evaluation:\n  ks: [5, 0]\n": r"evaluation\.ks\.1 = 0 \(.*run\.yaml:2\)",
    "training:\n  seed: !!python/object:os.system 1\n": r"run\.yaml:2: not valid YAML",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_bad_files_name_the_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=BAD_FILES[text]) as caught:
        load(config_file=path)
    assert "\n" not in str(caught.value)


def test_a_file_means_what_the_command_line_would(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("training:\n  seed: 010\n  learning_rate: 1e-3\n  monitor: Masked/ndcg@20\n")
    config, _ = load(config_file=path)
    assert (config.training.seed, config.training.learning_rate) == (10, 0.001)
    assert config.training.monitor == "masked/NDCG@20"
    path.rename(tmp_path / "sracl.yml")
    with pytest.raises(ConfigError, match=r"sracl\.yml is not read; call it sracl\.yaml"):
        load_config(project_folder=tmp_path, environment={})


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(config_file=path)


def test_an_empty_file_or_section_sets_nothing(tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "training:\n  # seed: 1\n"):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        assert load(config_file=path)[0] == RunConfig()


def test_other_variables_are_left_alone() -> None:
    load(
        environment={
            "SRACL_DEBUG": "1",
            "SRACL_CACHE_DIR": "/x",
            "SRACL_RUNS_DIR": "y",
            "TRAINING__SEED": "z",
        }
    )


def test_settings_of_earlier_versions_are_still_read(tmp_path: Path) -> None:
    written = tmp_path / "old.yaml"
    written.write_text("objective: {sracl: {alpha: 0.3}}\nmodel: {hidden_size: 32}\n")
    config, origins = load_config(config_file=written, environment={}, project_folder=tmp_path)
    assert config.active_objectives["sracl"].model_dump()["alpha"] == 0.3
    assert origins["objectives.sracl.alpha"] == f"{written}:1"
    assert RunConfig.model_validate({"objective": {"sracl": {"alpha": 0.3}}}) == RunConfig.model_validate(
        {"objectives": {"sracl": {"alpha": 0.3}}}
    )


def test_a_setting_that_the_chosen_method_does_not_read_is_refused() -> None:
    refused = {
        ("model.name=gru4rec", "model.heads=8"): "gru4rec has no such setting; it has",
        ("objectives.next_item.negatives=5",): "needs loss=sampled",
        ("semantics.recency_decay=0.5",): "needs users=recency",
        ("dataset.test_share=0.2",): "needs split=temporal",
        ("retrieval.method=exact", "retrieval.hnsw_ef=99"): "needs method=hnsw",
        ("retrieval.method=cells", "retrieval.hnsw_ef=99"): "needs method=hnsw",
        ("retrieval.method=hnsw", "retrieval.cells_recall=0.9"): "needs method=cells",
        ("retrieval.method=exact", "retrieval.recall_sample=9"): "needs method=cells",
        ("retrieval.source=random", "retrieval.cells_recall=0.9"): "needs source=semantic",
        ("objectives.next_item.weight=0",): "sasrec learns from it",
    }
    for sets, expected in refused.items():
        with pytest.raises(ConfigError, match=expected):
            load_config(sets=sets, environment={})
    with pytest.raises(ConfigError, match="SRACL_TRAINNG__SEED"):
        load_config(environment={"SRACL_TRAINNG__SEED": "3"})


def test_a_presets_settings_of_another_backbone_are_left_out() -> None:
    config, origins = load_config(preset="best", sets=["model.name=gru4rec"], environment={})
    assert (config.model.name, config.model.hidden_size) == ("gru4rec", 128)
    assert origins["model.hidden_size"] == "--preset best"


def test_an_objective_whose_parts_are_all_off_is_not_minimized() -> None:
    config, _ = load_config(preset="fast", environment={})
    assert list(config.active_objectives) == ["next_item"]
    assert list(load_config(environment={})[0].active_objectives) == ["next_item", "sracl"]


def test_no_neighbors_are_asked_for_as_the_error_says() -> None:
    with pytest.raises(ConfigError, match="must be at least 1; to learn without neighbors set") as raised:
        load(sets=["retrieval.k=0"])
    advised = re.findall(r"[a-z.]+=0", str(raised.value).partition("set objectives")[2])
    config, _ = load(sets=[f"objectives{advised[0]}", *advised[1:]])
    assert (config.objectives.sracl.alpha, config.objectives.sracl.beta) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("sets", "key"),
    [
        (["objectives.duorec.temperature=0.3"], "objectives.duorec.temperature"),
        (["objectives.sracl.weight=0", "objectives.sracl.temperature=0.3"], "objectives.sracl.temperature"),
        (["objectives.sracl.beta=0", "objectives.sracl.substitution=0.3"], "objectives.sracl.substitution"),
        (["objectives.sracl.alpha=0", "objectives.sracl.synthesizer=mean"], "objectives.sracl.synthesizer"),
        (["objectives.sracl.weight=0", "retrieval.k=20"], "retrieval.k"),
        (["objectives.sracl.weight=0", "semantics.users=titles"], "semantics.users"),
        (["objectives.sracl.weight=0", "model.item_init=random", "semantics.encoder=x"], "semantics.encoder"),
    ],
)
def test_a_setting_without_effect_is_refused_where_a_person_sets_it(sets: list[str], key: str) -> None:
    config, _ = load_config(sets=sets)
    with pytest.raises(ConfigError, match=f"{key} is not read by this run; it needs"):
        require_read(given(None, sets), [config])
    on = [f"objectives.{name}=0.1" for name in ("duorec.weight", "sracl.weight", "sracl.alpha", "sracl.beta")]
    on_too = [*sets, *on]
    require_read(given(None, on_too), [config, load_config(sets=on_too)[0]])


@pytest.mark.parametrize(
    ("more", "needed"), [([], "model.evidence=both"), (["model.evidence=words"], "next_item.loss=full")]
)
def test_what_evidence_leaves_over_needs_evidence_and_the_full_softmax(more: list[str], needed: str) -> None:
    sets = ["objectives.next_item.residual=true"]
    require_read(given(None, sets), [load_config(sets=[*sets, "model.evidence=both"])[0]])
    config, _ = load_config(sets=[*sets, *more, "objectives.next_item.loss=sampled"])
    with pytest.raises(ConfigError, match=f"residual is not read by this run; it needs .*{needed}"):
        require_read(given(None, sets), [config])


def test_files_and_variables_are_refused_where_no_method_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  heads: 4\ntraining:\n  patience: 3\n")

    def of(name: str) -> RunConfig:
        return load_config(own=[f"model.name={name}"], config_file=file, keep=lambda key: takes(name, key))[0]

    gru4rec, sasrec, popular = of("gru4rec"), of("sasrec"), of("popular")
    assert flatten(sasrec)["model.heads"] == 4
    patience = [one.training.patience for one in (sasrec, gru4rec, popular)]
    assert patience == [3, 3, RunConfig().training.patience]
    require_read(given(file, []), [gru4rec, sasrec])
    with pytest.raises(
        ConfigError, match=r"mine.yaml:2: model.heads is not read by this run; it needs .*sasrec"
    ):
        require_read(given(file, []), [gru4rec])
    with pytest.raises(
        ConfigError, match=r"training.patience is not read by this run; it needs a method that is"
    ):
        require_read(given(None, ["training.patience=3"]), [popular])
    variable = {"SRACL_OBJECTIVES__DUOREC__TEMPERATURE": "0.3"}
    with pytest.raises(ConfigError, match="environment SRACL_OBJECTIVES__DUOREC__TEMPERATURE: "):
        require_read(given(None, [], variable), [sasrec])


def test_the_record_of_a_run_holds_what_it_does_not_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    sets = ["objectives.duorec.temperature=0.3", "objectives.sracl.weight=0", "retrieval.k=20"]
    config, _ = load_config(sets=sets)
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    require_read(given(file, []), [config])


def test_whoever_is_told_the_settings_may_change_what_was_told() -> None:
    settings(FIRST_BACKBONE).clear()
    settings().clear()
    assert settings(FIRST_BACKBONE)
    assert set(settings()) > set(settings(FIRST_BACKBONE))


IN_PYTHON: dict[str, tuple[Callable[[], Any], str]] = {
    "a section that is none": (
        lambda: RunConfig(trainig={}),
        "RunConfig: there is no 'trainig'; did you mean 'training'?",
    ),
    "a setting that is none": (
        lambda: RunConfig(training={"sed": 1}),
        "RunConfig: there is no 'training.sed'; did you mean 'seed'?",
    ),
    "one of a backbone": (
        lambda: RunConfig(model={"name": "sasrec", "layer": 2}),
        "RunConfig: there is no 'model.layer'; did you mean 'layers'?",
    ),
    "values out of range": (
        lambda: TrainingConfig(seed=-1, max_epochs=0),
        "TrainingConfig: seed = -1: Input should be greater than or equal to 0; "
        "max_epochs = 0: Input should be greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("case", IN_PYTHON)
def test_what_python_gives_wrongly_is_one_line(case: str) -> None:
    make, said = IN_PYTHON[case]
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == said
