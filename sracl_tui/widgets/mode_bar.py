"""The line on top: the screens, and the runs that are alive."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from sracl_core.words import counted
from sracl_tui.content import Content
from sracl_tui.glyphs import RUN_GLYPHS
from sracl_tui.view_models import RunLine
from sracl_tui.widgets.plain import Static


class ModeTab(Static):
    """One of the screens; a click shows its screen."""

    ALLOW_SELECT = False

    def __init__(self, mode: str, title: str, key: str, active: bool) -> None:
        self.mode = mode
        label = Content.assemble((key, "" if active else "bold"), f" {title}")
        super().__init__(label, classes="-active" if active else "")

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.show_screen()

    async def show_screen(self) -> None:
        """What its key does."""
        await self.run_action(f"app.go('{self.mode}')")


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

    def show_runs(self, runs: tuple[RunLine, ...], waiting: int, starting: bool) -> None:
        """Say what is running or has no sign of life yet, and how many trainings wait for it."""
        live = [line for line in runs if line.status == "running"]
        sign, color = RUN_GLYPHS["running"]
        if starting:
            shown = Content.styled(f"{sign} starting…", f"bold {color}")
        elif not live:
            shown = Content.styled(counted(len(runs), "run"), "$muted")
        else:
            names = live[0].short_name if len(live) == 1 else f"{len(live)} runs"
            shown = Content.assemble((f"{sign} running ", f"bold {color}"), names)
        if waiting:
            shown += Content.styled(f"  · {counted(waiting, 'waits', 'wait')}", "$muted")
        self.query_one("#live", Static).update(shown)
