"""Jinja's sandbox with an end: as many steps and as long a text as a prompt can need, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

MOST_STEPS = 100_000
"""Turns of loops, calls and filters in one text; our own templates take some hundred."""

MOST = 1_000_000
"""Characters or entries of a value, and the largest number to make one with."""

_WIDE = re.compile(r"\d{7,}")
_STEP, _BOUNDED = "_step", "_bounded"


class BoundedSandbox(SandboxedEnvironment):
    """Raises SecurityError where a template would take for ever, or all memory.

    Render with `text`.
    """

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False)
        self.filters = {name: self._counted(made) for name, made in self.filters.items()}
        self.filters |= {_STEP: self._turns, _BOUNDED: self._bounded}
        self._steps = self._made = 0

    def bounded_template(self, tree: nodes.Template, name: str) -> jinja2.Template:
        """The template of a parsed source, whose loops are counted."""
        code = self.compile(_Bounding().visit(tree), name, name)
        return jinja2.Template.from_code(self, code, self.make_globals(None))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A call, counted."""
        self._step()
        _require_small((*args, *kwargs.values()))
        return self._bounded(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """`left` operator `right`, where the result has a size that is bearable."""
        if operator == "%" and isinstance(left, str):
            _require_narrow(left)
            _require_small(right if isinstance(right, tuple) else (right,))
        elif operator == "*" and (hasattr(left, "__len__") or hasattr(right, "__len__")):
            sizes = [len(side) if hasattr(side, "__len__") else side for side in (left, right)]
            _require_small([sizes[0] * sizes[1]])
        elif operator == "**":
            _require_small([abs(left), abs(right) * len(str(left))])
        return self._bounded(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format`, which takes the width of a field from its text."""
        if isinstance(getattr(value, "__self__", None), str):
            _require_narrow(value.__self__)
        return super().wrap_str_format(value)

    def text(self, template: jinja2.Template, fields: Mapping[str, Any]) -> str:
        """What `template` makes of `fields`."""
        self._steps = self._made = 0
        return "".join(self._bounded(piece) for piece in template.generate(**fields))

    def _bounded(self, value: Any) -> Any:
        size = len(value) if isinstance(value, str | list | tuple | dict) else 0
        self._made += size
        _require_small([size, self._made // 50])
        return value

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise SecurityError(f"it takes more than {MOST_STEPS:,} steps for one text")

    def _turns(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._step()
            yield value

    def _counted(self, made: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._step()
            given = [each for each in (*args, *kwargs.values()) if isinstance(each, int | str)]
            _require_small(given)
            if made is jinja2.filters.FILTERS["format"]:
                _require_narrow(str(args[0]))
            return self._bounded(made(*args, **kwargs))

        counted.__dict__.update(
            getattr(made, "__dict__", {})
        )  # says what of the template it wants to be given
        return counted


class _Bounding(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:
        """A loop, each turn of which is a step."""
        self.generic_visit(node)
        assert isinstance(node.iter, nodes.Expr)
        node.iter = _filtered(node.iter, _STEP)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        """A text put together, which may not become endless."""
        self.generic_visit(node)
        return _filtered(node, _BOUNDED)


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


def _require_small(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int) and value > MOST:
            raise SecurityError(f"it makes values of more than {MOST:,} characters or entries")


def _require_narrow(form: str) -> None:
    if _WIDE.search(form):
        raise SecurityError(f"it formats to a width of more than {MOST:,} characters")
