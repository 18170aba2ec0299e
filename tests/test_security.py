"""docs/security.md names a test for each promise; they are there."""

from __future__ import annotations

import ast
import re

from tests.trained import ROOT


def test_each_promise_has_its_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    promises = [line for line in text.splitlines() if re.match(r"\| (?!promise|-)", line)]
    assert len(promises) > 10
    for line in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)`", line.split(" | ")[-1])
        assert named, line
        assert all((ROOT / path).is_file() for path in named), line


def test_nothing_is_unpickled() -> None:
    refused = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for package in ("sracl_core", "sracl_tui"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    named = {getattr(node, "module", None), *(alias.name for alias in node.names)}
                    assert not refused & named, path
                elif isinstance(node, ast.Call):
                    call = ast.unparse(node.func)
                    assert call not in {"torch.load", "eval", "exec", "yaml.unsafe_load", "yaml.full_load"}, (
                        path
                    )
                    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                    assert given.get("allow_pickle", "False") == "False", path
                    assert given.get("trust_remote_code", "False") == "False", path
                    if call == "yaml.load":
                        assert "Loader" in given, path
