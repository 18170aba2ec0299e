"""Explore: a user's history, the semantic neighbors, the recommendations, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from sracl_tui import explore_view as view
from sracl_tui.query_client import QueryClient, QueryError
from sracl_tui.screens.base import TabScreen
from sracl_tui.view_models import count, short_name
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.user_box import UserBox
from sracl_tui.widgets.weight_bar import WeightBar
from sracl_tui.widgets.why_panel import WhyPanel

PANELS = ("history", "neighbors", "recommended", "why")
READ = {"train": {"train"}, "valid": {"train", "valid"}, "test": {"train", "valid", "test"}}
NO_RUN = "No run to explore yet. F2 sets up and starts one; F3 shows how it is going."
PICK = "Press / and type a user's id, or press enter there for the first one."
TYPING_SECONDS = 0.12


@dataclass(frozen=True)
class Question:
    """What the recommendations answer."""

    user: str | None = None
    text: str = ""
    weight: float = 0.5
    until: str = "valid"
    include_seen: bool = False

    def arguments(self, k: int) -> dict[str, Any]:
        """As the explorer wants it."""
        asked: dict[str, Any] = {
            "user": self.user,
            "k": k,
            "until": self.until,
            "include_seen": self.include_seen,
        }
        return asked | ({"text": self.text, "text_weight": self.weight} if self.text else {})


class ExploreScreen(TabScreen):
    """Asks an explorer process about the chosen run."""

    MODE = "explore"
    TITLE = "Explore"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "User", key_display="/", tooltip="Pick a user by typing"),
        Binding("f", "text", "Free text", tooltip="Search items by meaning, and steer by it"),
        Binding("left_square_bracket", "weight(-0.1)", "Less text", key_display="[", show=False),
        Binding("right_square_bracket", "weight(0.1)", "Text weight", key_display="[ ]", tooltip="More text"),
        Binding("backspace", "back", "Back", tooltip="To the user before"),
        Binding("left", "panel(-1)", "Panel", show=False, tooltip="To the panel on the left"),
        Binding("right", "panel(1)", "Panels", key_display="← →", tooltip="To the panel on the right"),
        Binding("u", "until", "Until", tooltip="How much of the history is read"),
        Binding("i", "seen", "Seen", tooltip="Recommend what was bought before too, or not"),
        Binding("c", "compare", "Compare", tooltip="A second run's list beside this one"),
        Binding("R", "restart", "Reload", key_display="R", tooltip="Start the explorer again"),
        Binding("y", "copy", "Copy"),
        Binding("e", "export", "Export"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.client: QueryClient | None = None
        self._second: QueryClient | None = None
        self._question = Question()
        self._trail: list[str] = []
        self._history: dict[str, Any] | None = None
        self._neighbors: dict[str, Any] | None = None
        self._found: dict[str, Any] | None = None
        self._found_there: dict[str, Any] | None = None
        self._latency: float | None = None

    def body(self) -> Iterable[Widget]:
        """The question on top; history, neighbors and recommendations from left to right; why below."""
        yield Horizontal(
            UserBox(id="user-box"),
            Input(placeholder="f  free text: what should it be like?", id="text", compact=True),
            WeightBar(id="weight"),
            id="question",
        )
        yield Static("", id="trail")
        yield Static("", id="strip")
        yield Horizontal(
            Vertical(
                Panel("History", Static("", classes="said"), RowList(id="history-rows"), id="history"),
                Panel("Items by meaning", Static("", classes="said"), RowList(id="found-rows"), id="found"),
                id="left",
            ),
            Panel("→ Neighbors", Static("", classes="said"), RowList(id="neighbor-rows"), id="neighbors"),
            Panel("→ Recommendations", Static("", classes="said"), RowList(id="item-rows"), id="recommended"),
            Panel("Second run", Static("", classes="said"), RowList(id="other-rows"), id="second"),
            id="flow",
        )
        yield WhyPanel()

    def on_mount(self) -> None:
        """Nothing is asked before the screen is shown."""
        self._question = replace(self._question, weight=self.dashboard.preferences["text_weight"])
        self.query_one(WeightBar).weight = self._question.weight
        for name in ("#found", "#second"):
            self.query_one(name).display = False
        self._show_panel("history")
        self._empty()

    def on_screen_resume(self) -> None:
        """The explorer starts when it is first needed, and again when another run was chosen."""
        self._follow_run()

    def run_chosen(self, path: Path) -> None:
        """Another run: another explorer."""
        if self.is_current:
            self._follow_run()

    def _follow_run(self) -> None:
        path = self.dashboard.current
        if path is None or (self.client is not None and self.client.run == path):
            self._tell_state()
            return
        self._replace_client(path)
        if self.focused is None:
            self.query_one("#user", Input).focus()
        self._load_first()

    @work(group="client", exit_on_error=False)
    async def _close(self, client: QueryClient) -> None:
        await client.close()

    def _replace_client(self, path: Path) -> None:
        if self.client is not None:
            self._close(self.client)
        self._history = self._neighbors = self._found = None
        self._trail = []
        self._question = replace(self._question, user=None)
        self.client = QueryClient(path, self._tell_state)
        self.client.start()
        self._empty()

    @work(group="first", exclusive=True, exit_on_error=False)
    async def _load_first(self) -> None:
        try:
            await self._ask("info")
        except QueryError:
            return
        self._empty()
        field = self.query_one("#user", Input)
        if self._question.user is None and self.focused is field and self.is_current:
            self._suggest(field.value.strip())

    async def _ask(self, op: str, **arguments: Any) -> Any:
        if self.client is None:
            raise QueryError(NO_RUN)
        result, milliseconds = await self.client.ask(op, **arguments)
        if op == "recommend" and not arguments.get("why"):
            self._latency = milliseconds
        return result

    def _tell_state(self) -> None:
        if not self.is_mounted:
            return
        client = self.client
        trail = self.query_one("#trail", Static)
        if client is None:
            trail.update(Content.styled(NO_RUN, "$muted"))
            return
        name = short_name(client.run.name)
        if client.state == "loading":
            trail.update(
                Content.assemble(("▸ loading ", "bold $primary"), f"the model of {name}, some seconds…")
            )
        elif client.state == "dead":
            trail.update(
                Content.assemble(
                    ("✗ the explorer has ended ", "bold $error"),
                    client.problem,
                    ("  R starts it again", "bold"),
                )
            )
        else:
            trail.update(self._facts(name, client.facts))

    def _facts(self, name: str, facts: Mapping[str, Any]) -> Content:
        walk = "  ›  ".join(self._trail)
        search = {"exact": "exact search", "hnsw": "HNSW search"}.get(str(facts.get("search")), "")
        right = [name, f"{count(facts.get('users'))} users", f"{count(facts.get('items'))} items", search]
        if self._latency is not None:
            right.append(f"answered in {self._latency:.0f} ms")
        return Content.assemble(
            (walk + "   " if walk else "", "bold"), (" · ".join(part for part in right if part), "$muted")
        )

    def _empty(self) -> None:
        loading = self.client is not None and self.client.state == "loading"
        hint = NO_RUN if self.client is None else "loading…" if loading else PICK
        self._say("history", hint if self._history is None else "")
        self._say(
            "neighbors", "Other users whose purchases mean the same." if self._neighbors is None else ""
        )
        self._say("recommended", "What the model would show next." if self._found is None else "")
        self._draw()

    def _say(self, panel: str, text: str) -> None:
        said = self.query_one(f"#{panel} .said", Static)
        said.display = bool(text)
        said.update(Content.styled(text, "$muted"))

    @on(UserBox.Typed)
    def _typed(self, event: UserBox.Typed) -> None:
        self._suggest(event.prefix)

    @work(group="suggest", exclusive=True, exit_on_error=False)
    async def _suggest(self, prefix: str) -> None:
        await asyncio.sleep(TYPING_SECONDS)
        try:
            answer = await self._ask("users", prefix=prefix, limit=200)
        except QueryError:
            return
        self.query_one(UserBox).suggest(answer["users"], answer["total"])

    @on(UserBox.Picked)
    def _picked(self, event: UserBox.Picked) -> None:
        self._trail = [event.user]
        self._show_user(event.user)

    def _show_user(self, user: str) -> None:
        self._question = replace(self._question, user=user)
        self._load(user)

    @work(group="answers", exclusive=True, exit_on_error=False)
    async def _load(self, user: str) -> None:
        """Ask the four questions about a user, drawing each answer as it comes."""
        question = self._question
        try:
            history = await self._ask("history", user=user)
            self._history, self._neighbors, self._found = history, None, None
            self.query_one(UserBox).set_user(user)
            self._empty()
            if self.focused is None or self.focused.id in ("user", "suggestions"):
                self.query_one("#history-rows" if self.has_class("-narrow") else "#item-rows").focus()
            self._neighbors = await self._ask("neighbors_of_user", user=user, k=10, until=question.until)
            self._empty()
            await self._recommend(question)
        except QueryError as error:
            self._refuse(str(error))

    async def _recommend(self, question: Question) -> None:
        self._found = await self._ask("recommend", **question.arguments(20))
        self._empty()
        if self._second is not None:
            self._found_there, _ = await self._second.ask("recommend", **question.arguments(20))
            self._draw()
        self._found = await self._ask("recommend", why=True, **question.arguments(20))
        self._draw()

    def _refuse(self, text: str) -> None:
        if self.client is not None and self.client.state == "dead":
            self._tell_state()
        else:
            self.notify(text, severity="warning", title="no answer")
            if self._trail:
                self._trail.pop()

    @work(group="answers", exclusive=True, exit_on_error=False)
    async def _again(self) -> None:
        """Ask for recommendations again, after the text, the weight or the rules changed."""
        question = self._question
        try:
            found = self.query_one("#found")
            found.display = bool(question.text)
            if question.text:
                self._say("found", "reading the text…")
                answer = await self._ask("search", text=question.text, k=20)
                self._say("found", "")
                self.query_one("#found-rows", RowList).show(view.found_rows(answer), keep_cursor=False)
            if question.user is not None:
                self._neighbors = await self._ask(
                    "neighbors_of_user", user=question.user, k=10, until=question.until
                )
                await self._recommend(question)
        except QueryError as error:
            self._refuse(str(error))

    def _draw(self) -> None:
        """Put everything that is known on the screen, each panel marked by the others' cursors."""
        chosen = self._chosen_item()
        why = (chosen or {}).get("why")
        if self._history is not None:
            neighbor = self.query_one("#neighbor-rows", RowList).highlighted
            shared = view.shared_items(self._neighbors, neighbor) if self._neighbors else set()
            rows = view.history_rows(self._history, READ[self._question.until], why, shared)
            self._rows("history", "#history-rows", rows)
        if self._neighbors is not None:
            self._rows("neighbors", "#neighbor-rows", view.neighbor_rows(self._neighbors, why))
        if self._found is not None:
            there = view.ranks(self._found_there) if self._found_there and self._second else None
            self._rows("recommended", "#item-rows", view.recommendation_rows(self._found, there))
            if self._found_there and self._second:
                here = view.ranks(self._found)
                self._rows("second", "#other-rows", view.recommendation_rows(self._found_there, here))
        hint = "Choose a user; then each recommendation is explained here." if self._found is None else ""
        self.query_one(WhyPanel).show(chosen, hint)
        self._notes()
        self._tell_state()
        self._strip()

    def _rows(self, panel: str, rows_id: str, rows: list[view.Row]) -> None:
        with self.prevent(RowList.OptionHighlighted):
            self.query_one(rows_id, RowList).show(rows)

    def _notes(self) -> None:
        if self._history is not None:
            reads = {"train": "training part", "valid": "all but the test item", "test": "everything"}
            self.query_one("#history", Panel).note(f"the model reads {reads[self._question.until]}  u")
        if self._neighbors is not None:
            recall = self._neighbors.get("recall")
            method = {"hnsw": "HNSW", "exact": "exact"}.get(self._neighbors["method"], "")
            self.query_one("#neighbors", Panel).note(
                f"{method}{f', recall {recall:.1%}' if recall is not None else ''}  enter walks there"
            )
        if self._found is not None:
            self.query_one("#recommended", Panel).note(view.held_out_note(self._found))
        if self._found_there is not None and self._second is not None:
            self.query_one("#second", Panel).note(view.held_out_note(self._found_there))

    def _strip(self) -> None:
        names = {"history": "History", "neighbors": "Neighbors", "recommended": "Recommended", "why": "Why"}
        now = next((name for name in PANELS if self.has_class(f"-at-{name}")), "history")
        parts = []
        for name, title in names.items():
            style = "bold reverse" if name == now else "$muted"
            parts.append(Content.from_markup(f"[@click=screen.show_panel('{name}')][{style}] {title} [/][/]"))
        self.query_one("#strip", Static).update(Content.styled("→", "$muted").join(parts))

    def _chosen_item(self) -> dict[str, Any] | None:
        held = self.query_one("#item-rows", RowList).current_id
        items = self._found["items"] if self._found else []
        return next((item for item in items if item["item"] == held), items[0] if items else None)

    @on(RowList.OptionHighlighted, "#item-rows")
    @on(RowList.OptionHighlighted, "#neighbor-rows")
    def _moved(self, event: RowList.OptionHighlighted) -> None:
        event.stop()
        self._draw()

    @on(RowList.OptionSelected, "#neighbor-rows")
    def _walk(self, event: RowList.OptionSelected) -> None:
        event.stop()
        user = str(event.option.id).partition(":")[2]
        self._trail.append(user)
        self._show_user(user)

    @on(RowList.OptionSelected, "#item-rows, #history-rows, #found-rows, #other-rows")
    def _open_item(self, event: RowList.OptionSelected) -> None:
        event.stop()
        name = str(event.option.id)
        self._item_dialog(name.partition(":")[2] if event.option_list.id == "history-rows" else name)

    @work(group="item", exclusive=True, exit_on_error=False)
    async def _item_dialog(self, item: str) -> None:
        from sracl_tui.screens.item import ItemScreen

        try:
            answer = await self._ask("neighbors_of_item", item=item, k=15)
        except QueryError as error:
            self._refuse(str(error))
            return
        self.app.push_screen(ItemScreen(answer))

    def action_back(self) -> None:
        """One step back on the walk."""
        if len(self._trail) > 1:
            self._trail.pop()
            self._show_user(self._trail[-1])

    def action_filter(self) -> None:
        """To the user."""
        self.query_one("#user", Input).focus()
        self._suggest(self.query_one("#user", Input).value.strip())

    def action_text(self) -> None:
        """To the free text."""
        self.query_one("#text", Input).focus()

    @on(Input.Submitted, "#text")
    def _steer(self, event: Input.Submitted) -> None:
        self._question = replace(self._question, text=event.value.strip())
        self._again()
        self.query_one("#item-rows").focus()

    def action_weight(self, by: float) -> None:
        """More or less text."""
        self.query_one(WeightBar).action_change(by)

    @on(WeightBar.Changed)
    def _weighed(self, event: WeightBar.Changed) -> None:
        self._question = replace(self._question, weight=event.weight)
        self.dashboard.remember("text_weight", event.weight)
        if self._question.text:
            self._again()

    def action_until(self) -> None:
        """Read the training part, all but the test item, or everything."""
        order = list(READ)
        self._question = replace(
            self._question, until=order[(order.index(self._question.until) + 1) % len(order)]
        )
        self._again()

    def action_seen(self) -> None:
        """With or without what was bought before."""
        self._question = replace(self._question, include_seen=not self._question.include_seen)
        self.notify("bought before: " + ("shown" if self._question.include_seen else "left out"), timeout=2)
        self._again()

    def action_panel(self, by: int) -> None:
        """To the next panel."""
        now = next((at for at, name in enumerate(PANELS) if self.has_class(f"-at-{name}")), 0)
        for at, name in enumerate(PANELS):
            if self.query_one(f"#{name}").has_pseudo_class("focus-within"):
                now = at
        self.action_show_panel(PANELS[(now + by) % len(PANELS)])

    def action_show_panel(self, name: str) -> None:
        """Show and focus one panel."""
        self._show_panel(name)
        target = "#why-history" if name == "why" else f"#{name} RowList"
        self.query_one(target).focus()

    def _show_panel(self, name: str) -> None:
        for other in PANELS:
            self.set_class(other == name, f"-at-{other}")
        self._strip()

    def action_restart(self) -> None:
        """A fresh explorer, and the same user again."""
        path = self.dashboard.current
        if path is None:
            self.notify(NO_RUN)
            return
        user = self._question.user
        self._replace_client(path)
        if user:
            self._trail = [user]
            self._show_user(user)

    def action_compare(self) -> None:
        """Choose a second run, or leave the comparison."""
        from sracl_tui.screens.pick_run import PickRunScreen

        if self._second is not None:
            self._close(self._second)
            self._second = self._found_there = None
            self.query_one("#second").display = False
            self.remove_class("-comparing")
            self._draw()
            return
        others = [run for run in self.dashboard.runs or () if run.path != self.dashboard.current]
        if not others:
            self.notify("there is no other run to compare with")
            return
        self.app.push_screen(PickRunScreen(others), self._compare_with)

    def _compare_with(self, path: Path | None) -> None:
        if path is None:
            return
        self._second = QueryClient(path, lambda: None)
        self.query_one("#second").display = True
        self.add_class("-comparing")
        self.query_one("#second", Panel).border_title = f"→ {short_name(path.name)}"
        self._say("second", f"loading the model of {short_name(path.name)}…")
        self._ask_second(self._second)

    @work(group="second", exclusive=True, exit_on_error=False)
    async def _ask_second(self, client: QueryClient) -> None:
        try:
            if self._question.user is not None:
                self._found_there, _ = await client.ask("recommend", **self._question.arguments(20))
            else:
                await client.ask("info")
            self._say("second", "" if self._question.user else PICK)
        except QueryError as error:
            self._say("second", str(error))
        self._draw()

    def action_copy(self) -> None:
        """The focused panel's rows, else the recommendations."""
        rows = self.focused if isinstance(self.focused, RowList) else self.query_one("#item-rows", RowList)
        self.dashboard.copy_text(rows.as_text(), f"rows of {self._question.user or 'nobody'}")

    def action_export(self) -> None:
        """Recommendations as CSV, every answer as JSON."""
        if self._found is None or self.client is None:
            self.notify("choose a user first")
            return
        whole = {
            "run": str(self.client.run),
            "history": self._history,
            "neighbors": self._neighbors,
            "recommendations": self._found,
        }
        stem = f"{short_name(self.client.run.name)}-{self._question.user}"
        self.dashboard.export_rows(stem, view.export_rows(self._found), whole)

    async def on_unmount(self) -> None:
        """End the explorers with the screen."""
        for client in (self.client, self._second):
            if client is not None:
                await client.close()
