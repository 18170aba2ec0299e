"""Where settings come from: layers of sources, the later beating the earlier.

1. the defaults in `config`
2. the user file, ``config.yaml`` in the user's configuration folder
3. ``./sracl.yaml``
4. environment variables, ``SRACL_TRAINING__SEED=3``
5. ``--preset NAME``
6. ``--config FILE``
7. ``--set part.key=value``, and flags with a name of their own such as ``--seed``

What surrounds a command (2 to 4) yields to what the command itself says (5 to 7): a preset that
somebody asks for is not undone by a file that they forgot.
"""

from __future__ import annotations

import difflib
import os
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from sracl_core.errors import ConfigError, nearest
from sracl_core.methods import backbones, floors
from sracl_core.notices import warn
from sracl_core.settings.known import Setting, every_setting, meant, settings
from sracl_core.settings.models import FIRST_BACKBONE, RENAMED, RunConfig
from sracl_core.settings.surroundings import ENVIRONMENT_PREFIX, OTHER_VARIABLES, PROJECT_FILE, user_file
from sracl_core.settings.validation import validated
from sracl_core.settings.yaml_source import flat_settings

PRESETS = Path(__file__).parents[1] / "presets"
MOST_MEANT = 3
"""So many settings an error names that somebody may mean."""
NEAR, CLEAR = 0.8, 0.9
"""From where on a variable is like one of ours, and from where by no chance."""


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def preset_about(name: str) -> str:
    """What a preset is, in the words that its file begins with."""
    lines = (PRESETS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return " ".join(line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines))


def load_config(
    *,
    preset: str | None = None,
    config_file: Path | str | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, tuple[str, Any]] | None = None,
    project_folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    own: Sequence[str] = (),
    keep: Callable[[str], bool] = lambda key: True,
) -> tuple[RunConfig, dict[str, str]]:
    """The settings of a run, and for each key the source that decided it.

    `sets` are "part.key=value" texts. `flags` maps an option's name to its key and value, e.g.
    ``{"--seed": ("training.seed", 3)}``; a value of None was not given. Of settings that several methods
    share, `keep` says which this one takes; those in `own`, texts too, and its preset are its own. Raises
    ConfigError, in one line that names the key, the value and where it stood.
    """
    known = every_setting()
    shared = [
        _optional_file(user_file()),
        _optional_file((project_folder or Path()) / PROJECT_FILE),
        *_given_layers(Path(config_file) if config_file else None, sets, environment, known),
    ]
    for layer in shared:
        for key, _, origin in layer:
            _check_key(_today(key), known, origin)
    user, project, variables, file, said = (
        [one for one in layer if keep(_today(one[0]))] for layer in shared
    )
    values, origins = _merge(
        known,
        user,
        project,
        variables,
        _preset_layer(preset),
        file,
        said,
        _set_layer(own),
        [(key, value, option) for option, (key, value) in (flags or {}).items() if value is not None],
    )
    config = validated(values, origins)
    return config, {key: origins.get(key, "default") for key in settings(config.model.name)}


def given(
    config_file: Path | None, sets: Sequence[str], environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What a command was told beside the preset, by key with its origin: a variable, `config_file`, `sets`.

    A file with every section is the record of a run, which holds all settings and asks for none of them.
    """
    variables, file, said = _given_layers(config_file, sets, environment, every_setting())
    if {_today(key).partition(".")[0] for key, _, _ in file} >= set(RunConfig.model_fields):
        file = []
    return {_today(key): origin for layer in (variables, file, said) for key, _, origin in layer}


def _given_layers(
    config_file: Path | None,
    sets: Sequence[str],
    environment: Mapping[str, str] | None,
    known: Mapping[str, Setting],
) -> tuple[Layer, Layer, Layer]:
    variables = _environment_layer(os.environ if environment is None else environment, known)
    return variables, flat_settings(config_file) if config_file else [], _set_layer(sets)


def said_by_user(origin: str) -> bool:
    """Whether an origin of `load_config` is the user's own word, and not a file that came with a folder.

    The command line, the environment and the user's own file are; ``./sracl.yaml`` and ``--config FILE``
    may be somebody else's, and must not decide where a secret is sent or what is loaded.

    >>> said_by_user("--set describe.base_url"), said_by_user("sracl.yaml:3")
    (True, False)
    """
    file = re.fullmatch(r"(.*):\d+", origin, re.DOTALL)
    return file is None or file[1] == str(user_file())


def validated_file(path: Path) -> dict[str, str]:
    """Check one settings file against the defaults alone; returns the keys it sets, with their lines.

    Raises ConfigError as `load_config` does.
    """
    values, origins = _merge(every_setting(), flat_settings(path))
    validated(values, origins)
    return origins


Layer = list[tuple[str, Any, str]]


def _merge(known: Mapping[str, Setting], *layers: Layer) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        _leave_other_backbones(values, layer)
        for written, value, origin in layer:
            key = _today(written)
            _check_key(key, known, origin)
            values[key] = _from_text(value, known[key]) if isinstance(value, str) else value
            origins[key] = origin
    return values, origins


def _today(written: str) -> str:
    """The key that a setting of an earlier version has now."""
    section, dot, rest = written.partition(".")
    return RENAMED.get(section, section) + dot + rest


def _leave_other_backbones(values: dict[str, Any], layer: Layer) -> None:
    """Where a layer chooses another backbone, drop what earlier ones said of settings that it lacks."""
    chosen = next((str(value) for key, value, _ in layer if key == "model.name"), None)
    if (
        chosen is None
        or chosen == values.get("model.name", FIRST_BACKBONE)
        or chosen not in backbones() | floors()
    ):
        return
    kept = settings(chosen)
    for key in [key for key in values if key.startswith("model.") and key not in kept]:
        del values[key]


def _optional_file(path: Path) -> Layer:
    if path.is_file():
        return flat_settings(path)
    if (other := path.with_suffix(".yml")).is_file():
        raise ConfigError(f"{other} is not read; call it {path.name}")
    return []


def _preset_layer(name: str | None) -> Layer:
    if name is None:
        return []
    if name not in preset_names():
        hint = nearest(name, preset_names()) or f"; there are {', '.join(preset_names())}"
        raise ConfigError(f"there is no preset '{name}'{hint}")
    return [(key, value, f"--preset {name}") for key, value, _ in flat_settings(PRESETS / f"{name}.yaml")]


def _environment_layer(environment: Mapping[str, str], known: Mapping[str, Setting]) -> Layer:
    layer: Layer = []
    for variable, text in sorted(environment.items()):
        key = _today(variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."))
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if "__" in name:
            if key not in known:
                raise ConfigError(
                    f"environment variable {variable} is no setting; {_hint(_near(key, known))}"
                )
            layer.append((key, text, f"environment {variable}"))
        elif name not in OTHER_VARIABLES:
            _tell_unread(variable, key, known)
    return layer


def _near(key: str, known: Mapping[str, Setting], cutoff: float = 0.6) -> list[str]:
    """The variable of the setting whose words are nearest to those of `key`, if one is near."""
    words = {name.replace(".", "_"): name for name in known}
    close = difflib.get_close_matches(key.replace(".", "_"), words, n=1, cutoff=cutoff)
    return [_as_variable(words[one]) for one in close]


def _tell_unread(variable: str, key: str, known: Mapping[str, Setting]) -> None:
    """Tells of a variable that nothing reads, unless it is like nothing here: others may be called so.

    Raises ConfigError for a setting or a variable of ours that is clearly meant.
    """
    name = variable.removeprefix(ENVIRONMENT_PREFIX)
    near = difflib.get_close_matches(name, OTHER_VARIABLES, n=1, cutoff=CLEAR)
    if clear := [*_near(key, known, CLEAR), *(ENVIRONMENT_PREFIX + one for one in near)]:
        raise ConfigError(f"environment variable {variable} is not read; {_hint(clear)}")
    if name in ("PRESET", "CONFIG"):
        _warn_once(f"environment variable {variable} is not read; give --{name.lower()}")
        return
    found = [_as_variable(one) for one in meant(key, known) if key in one] or _near(key, known, NEAR)
    near = difflib.get_close_matches(name, OTHER_VARIABLES, n=1, cutoff=NEAR)
    if found := found or [ENVIRONMENT_PREFIX + one for one in near]:
        _warn_once(f"environment variable {variable} is not read; {_hint(found)}")


@cache
def _warn_once(text: str) -> None:
    """The settings of one command are loaded many times."""
    warn(text)


def _as_variable(key: str) -> str:
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")


def _set_layer(sets: Sequence[str]) -> Layer:
    layer: Layer = []
    if isinstance(sets, str | Mapping):
        raise ConfigError(f"sets is a {type(sets).__name__}; give a list, such as ['training.seed=3']")
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set '{text}' has no value; write --set {key or 'part.key'}=VALUE")
        layer.append((key.strip(), value.strip(), f"--set {key.strip()}"))
    return layer


def _check_key(key: str, known: Mapping[str, Setting], origin: str) -> None:
    if key in known:
        return
    inside = [name for name in known if name.startswith(f"{key}.")]
    if inside:
        raise ConfigError(f"{origin}: '{key}' is a section, not a setting; it has {', '.join(inside)}")
    raise ConfigError(f"{origin}: there is no setting '{key}'; {_hint(meant(key, known))}")


def _hint(keys: Sequence[str]) -> str:
    """The question whether one of `keys` is meant, of which the first few are named."""
    if not keys:
        return "`sracl config show` lists them"
    several = " or ".join(f"'{key}'" for key in keys[:MOST_MEANT])
    left = len(keys) - MOST_MEANT
    return f"did you mean {several}{f', or one of {left} more of that name' if left > 0 else ''}?"


def _from_text(text: str, setting: Setting) -> Any:
    """What `text` means for `setting`: a list is written 5,10,20 or [5, 10, 20]; pydantic does the rest."""
    kind = setting.field.annotation
    origin = typing.get_origin(kind)
    if origin in (tuple, list):
        return [part.strip() for part in text.strip("[]() ").split(",") if part.strip()]
    if origin in (types.UnionType, typing.Union) and type(None) in typing.get_args(kind):
        return None if text.lower() in ("", "null", "none") else text
    return text
