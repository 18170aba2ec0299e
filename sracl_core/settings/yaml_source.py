"""Settings in a YAML file, each with the line on which it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sracl_core.errors import ConfigError

MOST_BYTES = 1 << 20
NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][-+]?\d+)?")
SECTION = re.compile(r"^(?=[a-z_]+:(?:\s|$))", re.MULTILINE)
"""Before the name of each section."""
OF_THE_WHOLE = re.compile(r"&|^\.\.\.", re.MULTILINE)
"""A name for a value, and an end: right or wrong by what stands in other sections."""
MOST_DEPTH = 20
MOST_EVENTS = 20_000
"""Names, values and what encloses them: every setting there is makes a thousand."""
# The C reader is ten times as fast, but not in every build of PyYAML.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def flat_settings(path: Path) -> list[tuple[str, Any, str]]:
    """Dotted key, value and "file:line" of every setting in `path`, in the order of the file.

    Raises ConfigError, in one line with file and line, for a file that is missing, is no YAML, is
    no mapping, names a key twice (YAML itself would silently take the last), or is not as plain as
    `read_yaml` wants it.
    """
    text = _plain_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return [] if root is None else list(_settings(root, "", path))
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error


def read_yaml(path: Path) -> Any:
    """What the YAML file `path` holds.

    A file may come from somebody else. One of more than 1 MiB, with an alias (a few lines of them
    stand for billions of values), nested more than 20 deep or with more values than settings have is refused
    before anything is built.
    Raises ConfigError, in one line with file and line.
    """
    text = _text(path)
    known = _known_sections(text)
    if known is not None:
        return known
    _require_plain(text, path)
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    except ValueError as error:
        raise ConfigError(f"{path} holds a value that cannot be read: {error}") from error


def _known_sections(text: str) -> dict[Any, Any] | None:
    """`text` read section by section; None where only the whole of it tells what it is, or what is wrong.

    The files of a thousand runs have nearly all sections in common, and reading YAML is most of a list.
    """
    before, *sections = SECTION.split(text)
    if before or not sections or OF_THE_WHOLE.search(text):
        return None
    try:
        read = [_section(one) for one in sections]
    except (ConfigError, yaml.YAMLError, ValueError):
        return None
    if sum(count for _, count in read) > MOST_EVENTS:
        return None
    return {name: value for section, _ in read for name, value in _anew(section).items()}


@lru_cache(maxsize=64)
def _section(text: str) -> tuple[dict[Any, Any], int]:
    """What it holds, of which each reader gets a copy, and how many values it has."""
    count = _refuse_bombs(text, Path())
    held = yaml.load(text, Loader=_Loader)
    if not isinstance(held, dict):
        raise ConfigError("no section")
    return held, count


def _anew(value: Any) -> Any:
    """A copy of dictionaries and lists, which a reader may change."""
    if isinstance(value, dict):
        return {name: _anew(inner) for name, inner in value.items()}
    return [_anew(inner) for inner in value] if isinstance(value, list) else value


def _plain_text(path: Path) -> str:
    text = _text(path)
    _require_plain(text, path)
    return text


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path} is larger than {MOST_BYTES >> 20} MiB, which no settings are")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error


def _require_plain(text: str, path: Path) -> None:
    try:
        _refuse_bombs(text, path)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error


def _refuse_bombs(text: str, path: Path) -> int:
    """How many values there are, and what encloses them."""
    depth = count = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if count > MOST_EVENTS:
            raise ConfigError(f"{path}:{line}: more values than settings have; keep the settings alone")
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(
                f"{path}:{line}: YAML aliases (*{event.anchor}) are not read; write the value itself"
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise ConfigError(f"{path}:{line}: nested more than {MOST_DEPTH} deep")
    return count


def _not_yaml(path: Path, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = f":{mark.line + 1}" if mark is not None else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return ConfigError(f"{path}{line}: not valid YAML: {' '.join(str(problem).split())}")


def _settings(node: yaml.Node, prefix: str, path: Path) -> Iterator[tuple[str, Any, str]]:
    where = f"{path}:{node.start_mark.line + 1}"
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{where}: expected settings by section, like 'training:' and below it '  seed: 3'")
    seen: set[str] = set()
    for key_node, value_node in node.value:
        origin = f"{path}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{origin}: a setting's name is one word, like 'seed:'")
        key = prefix + str(key_node.value)
        if key in seen:
            raise ConfigError(f"{origin}: '{key}' stands here a second time; keep one")
        seen.add(key)
        if isinstance(value_node, yaml.MappingNode):
            yield from _settings(value_node, f"{key}.", path)
        elif not _is_empty_section(value_node, prefix):
            yield key, _value(value_node, origin), origin


def _is_empty_section(node: yaml.Node, prefix: str) -> bool:
    """`training:` with nothing below it, as when every line below is commented out."""
    return not prefix and isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _value(node: yaml.Node, origin: str) -> Any:
    """What is written, where YAML takes it for what people do not: 010 for 8, 1:30 for 90, yes for 1."""
    kind = node.tag.rpartition(":")[2]
    if kind == "seq":
        return [_value(part, origin) for part in node.value]
    if kind in ("int", "float", "bool") and not NUMBER.fullmatch(str(node.value)):
        return str(node.value)
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except ValueError as error:
        raise ConfigError(f"{origin}: the value cannot be read: {error}") from error
    finally:
        loader.dispose()
