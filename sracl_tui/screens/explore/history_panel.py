"""A user's purchases under the text that stands for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult

from sracl_tui.content import Content, doing
from sracl_tui.screens.explore.answer_panel import AnswerPanel
from sracl_tui.widgets.plain import Static

KINDS = {"titles": "profile, from titles", "llm": "profile, written by a language model"}


class HistoryPanel(AnswerPanel):
    """The profile's first lines on top; the screen opens the whole of it."""

    def compose(self) -> ComposeResult:
        yield Static("", id="profile")
        yield from super().compose()

    def on_mount(self) -> None:
        """No profile before there is a user."""
        self.query_one("#profile").display = False

    def say(self, text: str) -> None:
        """This instead of a history."""
        self.query_one("#profile").display = False
        super().say(text)

    def show_profile(self, history: Mapping[str, Any]) -> None:
        """What stands for the training part of `history`."""
        shown = self.query_one("#profile", Static)
        shown.display = bool(history["profile"])
        key = doing("screen.profile", Content.styled("p profile: ", "$accent"))
        shown.update(Content.assemble(key, (history["profile"], "$muted")))
