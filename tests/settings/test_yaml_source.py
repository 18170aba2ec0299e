"""Settings files from anybody: what is plain is read as YAML reads it, what is not is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sracl_core.errors import ConfigError, RunError
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.layers import validated_file
from sracl_core.settings.models import RunConfig
from sracl_core.settings.yaml_source import flat_settings, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
HOSTILE = {
    "aliases that stand for billions": (LAUGHS, r":2: YAML aliases \(\*a\) are not read"),
    "an alias of itself": ("a: &a [*a]", "YAML aliases"),
    "brackets": ("[" * 100_000, "nested more than 20 deep|not valid YAML"),
    "braces": ("{a: " * 100_000, "nested more than 20 deep|not valid YAML"),
    "dashes": ("- " * 100_000, "nested more than 20 deep|not valid YAML"),
    "much": ("a: 1\n" * 300_000, "is larger than 1 MiB"),
    "many values": ("a: [" + "1, " * 30_000 + "1]", ":1: more values than settings have"),
    "code": ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
    "no such day": ("training:\n  seed: 2024-99-99", "value"),
    "a number of 5,000 digits": ("training:\n  seed: " + "9" * 5000, "value"),
    "no UTF-8": ("a: \udcff", "UTF-8"),
    "a control character": ("a: \x00", "not valid YAML"),
    "a list for a name": ("? [a, b]\n: 1", "one word"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_at_once(name: str, tmp_path: Path) -> None:
    text, expected = HOSTILE[name]
    run = RunDirectory(tmp_path / "20260101-000000-x")
    run.path.mkdir()
    run.config_path.write_bytes(text.encode("utf-8", "surrogateescape"))
    run.meta_path.write_text('{"format_version": 1}')
    with pytest.raises(ConfigError, match=expected) as raised:
        validated_file(run.config_path)
    assert "\n" not in str(raised.value)
    with pytest.raises(RunError) as refused:
        _ = run.config
    assert "\n" not in str(refused.value)
    assert [found.name for found in list_runs(tmp_path)] == [run.name]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values=VALUES)
def test_plain_files_are_read_as_yaml_reads_them(
    values: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


NAMES = st.sampled_from(["training", "model", "a_b", "x"])
ODD = [
    "training:",
    "model: |",
    "  seed: 1",
    "  - 2",
    "x: [1,",
    "2]",
    "a: 'b",
    "c'",
    "#",
    "",
    "---",
    "...",
    "a: &x 1",
]


@given(values=st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES), min_size=1))
def test_sections_read_apart_are_what_the_whole_is(
    values: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "sections.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    read_yaml(path).clear()  # what one reader does to it is nothing to the next
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


@given(lines=st.lists(st.sampled_from(ODD)))
def test_lines_that_look_like_sections_are_read_as_yaml_reads_them(
    lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, text = tmp_path_factory.getbasetemp() / "odd.yaml", "\n".join(lines)
    path.write_text(text, encoding="utf-8")
    try:
        expected = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        with pytest.raises(ConfigError, match="not valid YAML"):
            read_yaml(path)
    else:
        assert read_yaml(path) == expected


def test_a_run_s_own_config_is_plain(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(RunConfig().model_dump(mode="json"), sort_keys=False))
    assert RunConfig.model_validate(read_yaml(path)) == RunConfig()
    assert {key: value for key, value, _ in flat_settings(path)}["training.seed"] == 42
