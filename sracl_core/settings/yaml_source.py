"""Settings in a YAML file, each with the line on which it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sracl_core.errors import ConfigError


def flat_settings(path: Path) -> list[tuple[str, Any, str]]:
    """Dotted key, value and "file:line" of every setting in `path`, in the order of the file.

    Raises ConfigError, in one line with file and line, for a file that is missing, is no YAML, is
    no mapping, or names a key twice (YAML itself would silently take the last).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror or error}") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return [] if root is None else list(_settings(root, "", path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise ConfigError(f"{path}{line}: not valid YAML: {' '.join(str(problem).split())}") from error


def _settings(node: yaml.Node, prefix: str, path: Path) -> Iterator[tuple[str, Any, str]]:
    where = f"{path}:{node.start_mark.line + 1}"
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{where}: expected settings by section, like 'training:' and below it '  seed: 3'")
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = prefix + str(key_node.value)
        origin = f"{path}:{key_node.start_mark.line + 1}"
        if key in seen:
            raise ConfigError(f"{origin}: '{key}' stands here a second time; keep one")
        seen.add(key)
        if isinstance(value_node, yaml.MappingNode):
            yield from _settings(value_node, f"{key}.", path)
        elif not _is_empty_section(value_node, prefix):
            yield key, _value(value_node), origin


def _is_empty_section(node: yaml.Node, prefix: str) -> bool:
    """`training:` with nothing below it, as when every line below is commented out."""
    return not prefix and isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _value(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()
