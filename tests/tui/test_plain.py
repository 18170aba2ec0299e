"""Foreign text: plain on every screen, whoever wrote it."""

from __future__ import annotations

import ast
from pathlib import Path

import sracl_tui

HOME = Path(sracl_tui.__file__).parent
DOORS = {HOME / "content.py", HOME / "widgets" / "plain.py"}
"""The modules through which texts reach Textual."""
TAKES_MARKUP = {"Static", "Label", "Button", "Select", "DataTable", "RichLog", "Tree", "Checkbox", "Markdown"}


def modules() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in HOME.rglob("*.py") if path not in DOORS]


def test_no_module_takes_textuals_own_texts() -> None:
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                if node.module in ("textual.content", "rich.text", "rich.markup", "textual.markup"):
                    found.append(f"{path.name} imports {node.module}")
                if (node.module or "").startswith("textual.widgets") and names & TAKES_MARKUP:
                    found.append(f"{path.name} imports {names & TAKES_MARKUP} of {node.module}")
            if isinstance(node, ast.Attribute) and node.attr in ("from_markup", "from_text", "render_str"):
                found.append(f"{path.name} reads markup: {node.attr}")
    assert not found


def test_no_module_sets_a_title_itself() -> None:
    found = [
        f"{path.name}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and node.attr in ("border_title", "border_subtitle", "tooltip", "placeholder")
    ]
    assert not found
