"""The line on top: the screens, and the runs that are alive."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from sracl_core.words import counted
from sracl_tui.content import Content, TextualContent, line
from sracl_tui.glyphs import RUN_GLYPHS
from sracl_tui.view_models import RunLine
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.split_line import READABLE

LEAST = 40
"""Columns that all tabs need at least."""


class ModeTab(Static):
    """One of the screens; a click shows its screen."""

    ALLOW_SELECT = False

    def __init__(self, mode: str, title: str, key: str, active: bool) -> None:
        self.mode = mode
        self._key = Content.styled(key, "" if active else "bold")
        self._whole = Content.assemble(self._key, f" {title}")
        super().__init__(self._whole, classes="-active" if active else "")

    def shorten(self, short: bool) -> None:
        """Show the key alone where not all of the tabs have room; the active one stays whole."""
        label = self._key if short and not self.has_class("-active") else self._whole
        if label is not self.content:
            self.update(label)

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.show_screen()

    async def show_screen(self) -> None:
        """What its key does."""
        await self.run_action(f"app.go('{self.mode}')")


class Fitting(Visual):
    """Of several texts the first that has room, at the right edge; nothing where none has."""

    def __init__(self, *texts: TextualContent | str) -> None:
        self._texts = [line(text) for text in texts]

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """One line at `width` columns."""
        fits = (text for text in self._texts if text.cell_length <= width)
        text = next(fits, Content(""))
        return text.pad_left(width - text.cell_length).render_strips(width, 1, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The width of the first."""
        return self._texts[0].cell_length

    def get_height(self, rules: RulesMap, width: int) -> int:
        return 1


class ModeBar(Horizontal):
    """Tabs on the left, live runs on the right."""

    def __init__(self, active: str, tabs: Sequence[tuple[str, str, str]]) -> None:
        """tabs: of each screen its mode, title and key."""
        super().__init__()
        self._tabs = tabs
        self._active = active

    def compose(self) -> ComposeResult:
        """The tabs and the status."""
        yield Static("SRA-CL", id="brand")
        for mode, title, key in self._tabs:
            yield ModeTab(mode, title, key, mode == self._active)
        yield Static("", id="live")

    def on_resize(self, event: events.Resize) -> None:
        """No tab is cut; that one takes another width is seen after this layout alone."""
        for tab in self.query(ModeTab):
            self.call_after_refresh(tab.shorten, event.size.width < LEAST)

    def show_runs(self, runs: tuple[RunLine, ...], waiting: int, starting: bool) -> None:
        """Say what is running or has no sign of life yet, and how many trainings wait for it."""
        live = [line for line in runs if line.status == "running"]
        glyph, color = RUN_GLYPHS["running"]
        sign = Content.styled(glyph, f"bold {color}")
        if starting:
            shown = [Content.assemble(sign, (" starting…", f"bold {color}")), sign]
        elif not live:
            shown = [Content.styled(counted(len(runs), "run"), "$muted")]
        else:
            running = Content.assemble(sign, (" running", f"bold {color}"))
            name = live[0].short_name if len(live) == 1 else f"{len(live)} runs"
            cut = Content(name).truncate(READABLE, ellipsis=True)
            shown = [Content.assemble(running, " ", told) for told in (name, cut)] + [running, sign]
        if waiting:
            shown.insert(0, shown[0] + Content.styled(f"  · {counted(waiting, 'waits', 'wait')}", "$muted"))
        self.query_one("#live", Static).update(Fitting(*shown))
