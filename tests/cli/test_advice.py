"""What messages name exists: every flag, command and setting that any text of the package speaks of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import sracl_core
from sracl_core.cli.main import COMMANDS, build_app
from sracl_core.settings.known import settings

PACKAGE = Path(sracl_core.__file__).parent
OTHERS = {"--force-reinstall", "--no-deps", "--help", "--version", "--web", "--port", "--depth"}
OTHERS |= {"--logdir", "--project"}
"""Flags of pip, of every command, of `sracl-tui`, and of trackers."""
SECTIONS = sorted({key.partition(".")[0] for key in settings()})


@cache
def commands() -> dict[str, Any]:
    """Every command by its words, such as "data prepare"."""
    found: dict[str, Any] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        found[" ".join(path)] = command
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*path, name))

    walk(typer.main.get_command(build_app("*")), ())
    return found


def texts() -> Iterator[tuple[str, str]]:
    """Where it stands and what it says, for each string that is no docstring."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value


def test_every_flag_that_a_message_names_exists() -> None:
    known = {
        option
        for command in commands().values()
        for one in command.params
        for option in (*one.opts, *one.secondary_opts)
    }
    wrong = [
        (place, flag)
        for place, text in texts()
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)
        if flag not in known | OTHERS
    ]
    assert not wrong


def test_every_command_that_a_message_names_exists() -> None:
    groups = {path for path, command in commands().items() if hasattr(command, "commands")}
    wrong = [
        (place, f"{first} {second}".strip())
        for place, text in texts()
        for first, second in re.findall(r"`sracl ([a-z]+)(?: ([a-z]+))?", text)
        if first not in COMMANDS
        or (first in groups - {"describe"} and second and f"{first} {second}" not in commands())
    ]
    assert not wrong


def advised() -> Iterator[tuple[str, str]]:
    """Where it stands and the words after `sracl`, for each command that a message gives in backticks."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "WORD" for part in node.values]
                for found in re.findall(r"`sracl ([^`]+)`", "".join(map(str, parts))):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", found


def test_a_command_that_a_message_gives_takes_the_flags_that_stand_with_it() -> None:
    found = list(advised())
    assert len(found) > 20
    wrong = []
    for place, line in found:
        words = line.split()
        known = commands()
        command = known.get(" ".join(words[:2])) or known.get(
            "describe run" if words[0] == "describe" else words[0]
        )
        if command is None:
            continue  # put together from parts, which stand elsewhere
        own = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        wrong += [
            (place, line, word) for word in words if word.startswith("-") and word not in own | {"--help"}
        ]
    assert not wrong


def test_every_setting_that_a_message_names_exists() -> None:
    known = set(settings())
    parts = {key[: at.start()] for key in known for at in re.finditer(r"\.", key)}
    wrong = [
        (place, name)
        for place, text in texts()
        for name in re.findall(rf"\b(?:{'|'.join(SECTIONS)})(?:\.[a-z_]+)+", text)
        if name not in known | parts and not text.endswith(name) and not name.endswith((".yaml", ".json"))
    ]
    assert not wrong


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"data", "runs", "export", "config", "describe"}))
def test_help_names_its_own_flags_only(command: str) -> None:
    found = commands()[command]
    own = {option for one in found.params for option in one.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", found.help or "")) <= own | {"--help"}
