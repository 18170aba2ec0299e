"""Picking a user by typing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from sracl_core.words import counted
from sracl_tui.content import Content, hints
from sracl_tui.screens.explore.list_view import moved
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.screens.explore.questions import RECOMMENDED
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.plain import entitle
from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.split_line import SplitLine

NOBODY = "nobody"
TYPING_SECONDS = 0.12
SUGGESTED = 200


@dataclass(frozen=True)
class Asked:
    """Who can be asked about users, about whom the screen is, and how ranks are read.

    against: folder of the second run, None where there is none. masked: whether ranks are those among unseen
    items.
    """

    client: QueryClient | None
    user: str | None
    against: str | None
    masked: bool

    def arguments(self, order: Order) -> dict[str, Any]:
        """Of the operations that know an order."""
        told = {"order": order.by, "reverse": order.reverse, "masked": self.masked}
        return told | ({"against": self.against} if self.against else {})


@dataclass(frozen=True)
class Order:
    """An order of users, in words."""

    words: str
    by: str
    reverse: bool = False


ORDERS = (
    Order("by id", "id"),
    Order("worst rank first", "rank", True),
    Order("best rank first", "rank"),
    Order("most gained by the second run", "gain"),
    Order("most lost by the second run", "gain", True),
    Order("longest history first", "length"),
    Order("shortest history first", "length", True),
)


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

    def __init__(self, asked: Callable[[], Asked]) -> None:
        super().__init__(id="user-box")
        self._asked = asked
        self._at = 0

    def compose(self) -> ComposeResult:
        """The input, the suggestions below it."""
        yield FilterField("/  user: type a part of the id\n/  user: part of id\n/  user", "user")
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
            self._show(answer["users"], answer["total"], answer.get("no_ranks") or "")

    @property
    def picking(self) -> bool:
        """Whether somebody is chosen who is not known yet: an explorer that loads answers later."""
        mine = (worker for worker in self.workers if worker.node is self and worker.group == "pick")
        return any(not worker.is_finished for worker in mine)

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def _enter(self, typed: str) -> None:
        """Pick whom `typed` fits best; the suggestions on the screen may be those of an earlier text."""
        self.workers.cancel_group(self, "suggest")
        answer = await self._lookup(typed, 1)
        if answer is not None:
            users = answer["users"]
            self.post_message(self.Picked(str(users[0]["user"]) if users else typed))

    async def _lookup(self, prefix: str, limit: int) -> Any:
        """Users whose id has `prefix` in it; None where nobody can be asked."""
        return await self._ask("users", prefix=prefix, limit=limit)

    async def _ask(self, op: str, **arguments: Any) -> Any:
        asked = self._asked()
        if asked.client is None:
            return None
        try:
            answer, _ = await asked.client.ask(op, **arguments, **asked.arguments(self.order))
        except QueryError as error:
            if asked.client.state == "ready":
                self.notify(str(error), severity="warning", title="no answer")
            return None
        return answer

    @property
    def order(self) -> Order:
        """How users are listed, and gone through."""
        order = ORDERS[self._at]
        return ORDERS[0] if order.by == "gain" and self._asked().against is None else order

    def turn_order(self) -> None:
        """Another order; the suggestions show it."""
        usable = [
            at for at, order in enumerate(ORDERS) if order.by != "gain" or self._asked().against is not None
        ]
        self._at = usable[(usable.index(self._at) + 1) % len(usable)] if self._at in usable else 0
        if not self.has_pseudo_class("focus-within"):
            self.screen.set_focus(self.query_one(Input))
        self.suggest(self._sought)

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def go(self, kind: str, k: int) -> None:
        """Pick the next "hit" or "miss" (by the first `k`) in the order of the list, or "any" by chance."""
        self.workers.cancel_group(self, "suggest")
        asked = self._asked()
        if asked.client is None:
            return
        how = asked.arguments(self.order) | ({"order": "random", "reverse": False} if kind == "any" else {})
        try:
            told, _ = await asked.client.ask("next_user", after=asked.user, kind=kind, k=k, **how)
        except QueryError as error:
            self.notify(str(error), severity="warning", title="no answer")
            return
        self.post_message(self.Picked(str(told["user"])))

    def _show(self, users: Sequence[Mapping[str, Any]], total: int, no_ranks: str) -> None:
        rows = [(str(user["user"]), SplitLine((str(user["user"]), _facts(user)))) for user in users]
        nobody = SplitLine((Content.styled("no user has this in the id", "$warning"), ""))
        suggestions = self.query_one(RowList)
        suggestions.show(rows or [(NOBODY, nobody)], keep_cursor=False)
        suggestions.disabled = not rows
        few = f"the first {len(rows)} · " if total > len(rows) else ""
        entitle(
            suggestions,
            f"{counted(total, 'user')} · {self.order.words}",
            Content.assemble(few, "no ranks yet · " if no_ranks else "", hints("F6 sorts otherwise")),
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

    @property
    def _sought(self) -> str:
        """What is typed of another user's id than that of whom is shown."""
        return "" if self.typed == self._asked().user else self.typed

    def action_suggestions(self) -> None:
        if self.query_one(RowList).display:
            self.screen.set_focus(self.query_one(RowList))
        else:
            self.suggest(self.typed)

    def action_close(self) -> None:
        """Close, and leave the input."""
        self.close()
        self.screen.set_focus(None)

    def on_click(self, event: events.Click) -> None:
        """A click into the input opens its list, as its key does."""
        if isinstance(event.widget, Input):
            self.suggest(self._sought)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Close when the focus goes elsewhere."""
        self.call_after_refresh(lambda: self.has_pseudo_class("focus-within") or self.close())

    @on(Input.Changed, "#user")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.workers.cancel_group(self, "pick")
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


def _facts(user: Mapping[str, Any]) -> Content:
    """The rank of the held-out item, in both runs where there are two, and how long the history is."""
    rank, other = user.get("rank"), user.get("other_rank")
    hit = isinstance(rank, int) and rank <= RECOMMENDED
    parts: list[Any] = []
    if rank is not None:
        parts.append((f"{'★ ' if hit else ''}rank {rank:,}", "$accent" if hit else ""))
    if rank is not None and other is not None:
        parts += [f" → {other:,} ", moved(rank, other)]
    return Content.assemble(*parts, (f"{counted(user['interactions'], 'item'):>11}", "$muted"))
