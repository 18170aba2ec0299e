"""Leaving while something runs: detach, stop, or stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from sracl_tui.commands import CommandError, ask
from sracl_tui.content import Content
from sracl_tui.view_models import RunLine
from sracl_tui.widgets.plain import Button, Static


class QuitScreen(ModalScreen[None]):
    """Detach leaves the runs alone, Stop asks each for a checkpoint first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "detach", "Detach"),
        Binding("s", "stop", "Stop"),
        Binding("escape,c", "dismiss", "Cancel"),
    ]

    def __init__(self, live: Sequence[RunLine], waiting: int = 0) -> None:
        super().__init__()
        self._live = live
        self._waiting = waiting

    def compose(self) -> ComposeResult:
        """What is running, and the three ways."""
        names = "\n".join(f"  ▶ {line.short_name}" for line in self._live)
        with Vertical(classes="dialog"):
            yield Static(Content.styled("A training is running.", "bold"))
            yield Static(names)
            if self._waiting:
                yield Static(f"{self._waiting} more would follow; leaving gives them up.")
            yield Static("", id="quit-note")
            with Horizontal(classes="buttons"):
                yield Button("Detach (d): it goes on", id="detach", variant="primary", compact=True)
                yield Button("Stop (s): checkpoint, end", id="stop", variant="warning", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """The way that loses nothing first."""
        self.set_focus(self.query_one("#detach"))

    @on(Button.Pressed)
    async def _answer(self, event: Button.Pressed) -> None:
        await self.run_action({"detach": "detach", "stop": "stop"}.get(event.button.id or "", "dismiss"))

    def action_detach(self) -> None:
        """Leave; the runs go on."""
        self.app.exit()

    def action_stop(self) -> None:
        """Ask every live run to stop, then leave."""
        self.query_one("#quit-note", Static).update("waiting for the checkpoint…")
        self.run_worker(self._stop_all(), group="quit", exit_on_error=False)

    async def _stop_all(self) -> None:
        problems = []
        for line in self._live:
            try:
                await ask("stop", str(line.path))
            except CommandError as error:
                problems.append(str(error))
        if problems:
            self.query_one("#quit-note", Static).update("\n".join(problems))
        else:
            self.app.exit()
