"""Picking a user by typing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from sracl_tui.content import Content
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.plain import entitle
from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.split_line import SplitLine

NOBODY = "nobody"
TYPING_SECONDS = 0.12
SUGGESTED = 200


class UserBox(Vertical):
    """An input over its suggestions; Enter takes the first one, or what is under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "suggestions", "Suggestions", show=False),
        Binding("escape", "close", "Close", show=False),
    ]

    class Picked(Message):
        """A user was chosen, or an id typed that nobody has."""

        def __init__(self, user: str) -> None:
            self.user = user
            super().__init__()

    def __init__(self, client: Callable[[], QueryClient | None]) -> None:
        super().__init__(id="user-box")
        self._client = client

    def compose(self) -> ComposeResult:
        """The input, the suggestions below it."""
        yield FilterField("/  user: type a part of the id", "user")
        yield RowList(id="suggestions")

    def on_mount(self) -> None:
        """Closed until somebody types."""
        self.close()

    @work(group="suggest", exclusive=True, exit_on_error=False)
    async def suggest(self, prefix: str) -> None:
        """Show the users that fit `prefix` below the input, if it is still being typed in."""
        await asyncio.sleep(TYPING_SECONDS)
        answer = await self._lookup(prefix, SUGGESTED)
        if answer is not None and self.has_pseudo_class("focus-within"):
            self._show(answer["users"], answer["total"])

    @work(group="suggest", exclusive=True, exit_on_error=False)
    async def _enter(self, typed: str) -> None:
        """Pick whom `typed` fits best; the suggestions on the screen may be those of an earlier text."""
        answer = await self._lookup(typed, 1)
        if answer is not None:
            users = answer["users"]
            self.post_message(self.Picked(str(users[0]["user"]) if users else typed))

    async def _lookup(self, prefix: str, limit: int) -> Any:
        """Users whose id has `prefix` in it; None where nobody can be asked."""
        client = self._client()
        if client is None:
            return None
        try:
            answer, _ = await client.ask("users", prefix=prefix, limit=limit)
        except QueryError:
            return None
        return answer

    def _show(self, users: Sequence[Mapping[str, Any]], total: int) -> None:
        rows = [
            (
                str(user["user"]),
                SplitLine((str(user["user"]), Content.styled(f"{user['interactions']} items", "$muted"))),
            )
            for user in users
        ]
        nobody = SplitLine((Content.styled("no user has this in the id", "$warning"), ""))
        suggestions = self.query_one(RowList)
        suggestions.show(rows or [(NOBODY, nobody)], keep_cursor=False)
        suggestions.disabled = not rows
        entitle(
            suggestions,
            f"{total:,} user{'s' * (total != 1)}",
            f"the first {len(rows)}" if total > len(rows) else "",
        )
        suggestions.display = True

    def close(self) -> None:
        """Hide the suggestions."""
        self.query_one(RowList).display = False

    def set_user(self, user: str) -> None:
        """Show `user` as what is typed, without asking for suggestions."""
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = user
        self.close()

    @property
    def typed(self) -> str:
        """What stands in the input."""
        return self.query_one(Input).value.strip()

    def action_suggestions(self) -> None:
        """Into the list."""
        if self.query_one(RowList).display:
            self.query_one(RowList).focus()
        else:
            self.suggest(self.typed)

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
        self.suggest(event.value.strip())

    @on(Input.Submitted, "#user")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._enter(event.value.strip())

    @on(RowList.OptionSelected, "#suggestions")
    def _chosen(self, event: RowList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.post_message(self.Picked(event.option.id))
