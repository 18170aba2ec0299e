"""Picking a user by typing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.split_line import SplitLine


class UserBox(Vertical):
    """An input over its suggestions; Enter takes the first one, or what is under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "suggestions", "Suggestions", show=False),
        Binding("escape", "close", "Close", show=False),
    ]

    class Typed(Message):
        """The text changed; suggestions are wanted."""

        def __init__(self, prefix: str) -> None:
            self.prefix = prefix
            super().__init__()

    class Picked(Message):
        """A user was chosen."""

        def __init__(self, user: str) -> None:
            self.user = user
            super().__init__()

    def compose(self) -> ComposeResult:
        """The input, the suggestions below it."""
        yield Input(placeholder="/ user: type the id", id="user", compact=True)
        yield RowList(id="suggestions")
        yield Static("", id="no-suggestion")

    def on_mount(self) -> None:
        """Closed until somebody types."""
        self.close()

    def suggest(self, users: Sequence[Mapping[str, Any]], total: int) -> None:
        """Show these users below the input, if it is still being typed in."""
        if not self.has_pseudo_class("focus-within"):
            return
        rows = [
            (
                str(user["user"]),
                SplitLine((str(user["user"]), Content.styled(f"{user['interactions']} items", "$muted"))),
            )
            for user in users
        ]
        self.query_one(RowList).show(rows, keep_cursor=False)
        self.query_one(RowList).display = bool(rows)
        nobody = self.query_one("#no-suggestion", Static)
        nobody.display = not rows
        nobody.update(Content.styled("no user has this in the id", "$warning"))
        self.border_subtitle = f"{len(users):,} of {total:,}" if total > len(users) else ""
        self.add_class("-open")

    def close(self) -> None:
        """Hide the suggestions."""
        self.remove_class("-open")
        self.query_one(RowList).display = False
        self.query_one("#no-suggestion").display = False

    def set_user(self, user: str) -> None:
        """Show `user` as what is typed, without asking for suggestions."""
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = user
        self.close()

    def action_suggestions(self) -> None:
        """Into the list."""
        if self.query_one(RowList).display:
            self.query_one(RowList).focus()
        else:
            self.post_message(self.Typed(self.query_one(Input).value.strip()))

    def action_close(self) -> None:
        """Close, and leave the input."""
        self.close()
        self.screen.set_focus(None)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Close when the focus goes elsewhere."""
        self.call_after_refresh(lambda: self.has_pseudo_class("focus-within") or self.close())

    @on(Input.Changed, "#user")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value.strip()))

    @on(Input.Submitted, "#user")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        rows = self.query_one(RowList)
        typed = event.value.strip()
        ids = [option.id for option in rows.options] if rows.display else []
        chosen = typed if typed in ids or not ids else ids[0]
        if chosen:
            self.post_message(self.Picked(chosen))

    @on(RowList.OptionSelected, "#suggestions")
    def _chosen(self, event: RowList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.post_message(self.Picked(event.option.id))
