"""Names and values in two columns."""

from __future__ import annotations

from collections.abc import Sequence

from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from sracl_tui.content import Content, TextualContent, line

Fact = tuple[TextualContent | str, TextualContent | str]


class Facts(Visual):
    """Facts, and lines across both columns; a long value goes on below itself, not below its name.

    Where the names would take more than half, a value that has no room goes below its name, indented.
    """

    def __init__(self, lines: Sequence[Fact | TextualContent], names: int) -> None:
        self._lines = [one if isinstance(one, TextualContent) else (one[0], line(one[1])) for one in lines]
        self._names = names

    @property
    def plain(self) -> str:
        """The text, for copying and for tests."""
        return "\n".join(self._whole(one).plain for one in self._lines)

    def _whole(self, one: Fact | TextualContent) -> TextualContent:
        if isinstance(one, TextualContent):
            return one
        name, value = one
        if not isinstance(name, TextualContent):
            name = Content.styled(name, "$muted")
        return Content.assemble(name, " " * (self._names - name.cell_length), value)

    def _drawn(self, width: int) -> list[TextualContent]:
        drawn: list[TextualContent] = []
        for one in self._lines:
            whole = self._whole(one)
            if isinstance(one, TextualContent):
                drawn += whole.wrap(width)
                continue
            (name, value), room = one, width - self._names
            if room < self._names and whole.cell_length > width:
                drawn.append(self._whole((name, "")))
                drawn += [Content.assemble("  ", part) for part in line(value).wrap(width - 2)]
                continue
            for part in line(value).wrap(max(1, room)):
                drawn.append(self._whole((name, part)))
                name = ""
        return drawn

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines at `width` columns."""
        return [
            strip
            for one in self._drawn(width)[:height]
            for strip in one.truncate(width, pad=True).render_strips(width, 1, style, options)
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The width at which nothing is wrapped."""
        return max((self._whole(one).cell_length for one in self._lines), default=1)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """As many rows as it has lines at `width` columns."""
        return len(self._drawn(width))
