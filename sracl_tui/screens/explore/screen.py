"""Explore: a user's history, the semantic neighbors, the recommendations, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from sracl_tui.deliver import copy, export
from sracl_tui.preferences import DEFAULTS
from sracl_tui.screens.base import TabScreen
from sracl_tui.screens.explore.answer_board import AnswerBoard
from sracl_tui.screens.explore.history_panel import KINDS
from sracl_tui.screens.explore.keys import KEYS, NEEDS_ANSWERS, NEEDS_RUN
from sracl_tui.screens.explore.list_view import export_rows
from sracl_tui.screens.explore.query_client import QueryClient
from sracl_tui.screens.explore.questions import RECOMMENDED, Question
from sracl_tui.screens.explore.second_panel import First
from sracl_tui.screens.explore.user_box import Asked, UserBox
from sracl_tui.screens.explore.walk import NO_RUN, Walk
from sracl_tui.screens.explore.weight_bar import WeightBar
from sracl_tui.view_models import short_name
from sracl_tui.widgets.field import Field
from sracl_tui.widgets.row_list import RowList

PICK = "Press / and type a part of a user's id, or press enter there for the first one."


class ExploreScreen(TabScreen):
    """Asks an explorer process about the chosen run."""

    MODE = "explore"
    TITLE = "Explore"
    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    @classmethod
    def key_sections(cls) -> list[tuple[str, list[BindingType]]]:
        """Also those of the map and of an item's card."""
        from sracl_tui.screens.explore.item import ItemScreen
        from sracl_tui.screens.explore.map import ARROWS, MapScreen

        keys = [ARROWS, *MapScreen.BINDINGS]
        return [
            *super().key_sections(),
            ("The map of the items (v on Explore)", keys),
            ("The card of an item (enter on one)", ItemScreen.BINDINGS),
        ]

    def body(self) -> Iterable[Widget]:
        """The question on top, the answers below."""
        yield Horizontal(
            UserBox(self._asked),
            Field(placeholder="f  free text: what should it be like?\nf  free text", id="text"),
            WeightBar(id="weight"),
            id="question",
        )
        yield Walk(self.keys_changed)
        yield AnswerBoard()

    def on_mount(self) -> None:
        """Nothing is asked before the screen is shown."""
        self.query_one(WeightBar).weight = weight = self._kept_weight()
        self.walk.question = replace(self.question, weight=weight)
        self.board.empty(NO_RUN)

    def _kept_weight(self) -> float:
        # A weight of 0 would let a text change nothing, without a word.
        return float(self.session.preferences["text_weight"]) or DEFAULTS["text_weight"]

    def _asked(self) -> Asked:
        second = self.board.second.run
        against = None if second is None else str(second)
        return Asked(self.client, self.question.user, against, masked=not self.question.include_seen)

    def _first(self) -> First:
        return First(self.question, self.client, self.walk.answers)

    @property
    def walk(self) -> Walk:
        """Whom the screen is about, and who is asked."""
        return self.query_one(Walk)

    @property
    def client(self) -> QueryClient | None:
        """The explorer of the run."""
        return self.walk.client

    @property
    def question(self) -> Question:
        """What the screen shows the answers to."""
        return self.walk.question

    @property
    def board(self) -> AnswerBoard:
        return self.query_one(AnswerBoard)

    def on_screen_resume(self) -> None:
        """The explorer starts when it is first needed, and again when another run was chosen."""
        self._follow_run()

    def arrive(self) -> None:
        """A letter typed at once is of a user, and a key asks the explorer of this run."""
        self._follow_run()

    def run_chosen(self, path: Path) -> None:
        """Another run: another explorer."""
        if self.is_current:
            self._follow_run()

    def _follow_run(self) -> None:
        path, client = self.session.current, self.client
        if path is None or (client is not None and client.run == path and not client.no_model):
            self.walk.draw()
            return
        self._open(path)
        if self.focused is None:
            self.set_focus(self.query_one("#user", Input))

    def _open(self, path: Path) -> None:
        self.walk.open(path)
        self.board.empty("loading…")

    @on(Walk.Awaited)
    def _awaited(self) -> None:
        self._say_whom()
        box = self.query_one(UserBox)
        if self.walk.alive and not box.picking:
            box.suggest(box.typed)

    def _say_whom(self) -> None:
        self.board.empty(PICK if self.walk.alive else "")

    @on(Walk.Answered)
    def _answered(self, event: Walk.Answered) -> None:
        answers = self.walk.answers
        if answers is None:  # another run was chosen meanwhile
            return
        self.board.show(self.question, answers, event.top)
        self.query_one(UserBox).set_user(str(self.question.user))
        if self.focused is None or self.focused.id in ("user", "suggestions"):
            self.board.go("history" if self.has_class("-narrow") else "recommended")

    @on(Walk.Whole)
    def _whole(self) -> None:
        self.board.second.ask(self._first())

    @on(Walk.Refused)
    def _refused(self, event: Walk.Refused) -> None:
        if self.walk.alive:
            self.notify(event.why, severity="warning", title="no answer")
        if self.walk.answers is None:
            self._say_whom()

    def action_restart(self) -> None:
        """A fresh explorer, and the same question again."""
        if self.session.current is None:
            self.notify(NO_RUN)
            return
        self._open(self.session.current)
        second = self.board.second
        if second.run is not None:
            second.open(second.run, self._first())

    @on(UserBox.Picked)
    def _picked(self, event: UserBox.Picked) -> None:
        self.walk.ask(replace(self.question, user=event.user), [event.user])

    def action_back(self) -> None:
        """One step back on the walk."""
        self.walk.back()

    @on(AnswerBoard.Walked)
    def _walked(self, event: AnswerBoard.Walked) -> None:
        self.walk.step_to(event.user)

    @on(AnswerBoard.Opened)
    def _open_item(self, event: AnswerBoard.Opened) -> None:
        from sracl_tui.screens.explore.item import ItemScreen

        if self.client is not None:
            self.app.push_screen(ItemScreen(self.client, event.item), self.walk.step_to)

    def action_map(self) -> None:
        """All items in the plane."""
        from sracl_tui.screens.explore.map import MapScreen
        from sracl_tui.screens.explore.map_view import marks_of

        if self.client is None:
            self.notify(NO_RUN)
            return
        marks = marks_of(self.question, self.walk.answers)
        self.app.push_screen(MapScreen(self.client, marks), self.walk.step_to)

    def offers(self, action: str) -> bool:
        """What a run, an answer, a second run, a walk allows."""
        if action in NEEDS_ANSWERS:
            return self.walk.answers is not None
        if action == "restart":
            return self.client is None or self.client.state == "dead"
        if action == "back":
            return len(self.walk.trail) > 1
        if action == "compare":
            return bool(self.session.alike())
        dead = self.client is not None and self.client.state == "dead"
        return action.partition("(")[0] not in NEEDS_RUN or (self.session.current is not None and not dead)

    def home(self) -> Widget | None:
        """The panel that one was at, once there are answers."""
        return None if self.walk.answers is None else self.board.target()

    def action_filter(self) -> None:
        self.set_focus(self.query_one("#user", Input))
        self.query_one(UserBox).suggest("")

    def action_text(self) -> None:
        self.set_focus(self.query_one("#text", Input))

    @on(Input.Submitted, "#text")
    def _steer(self, event: Input.Submitted) -> None:
        text, weight = event.value.strip(), self.question.weight
        if text and not weight:
            self.query_one(WeightBar).weight = weight = self._kept_weight()
        self.walk.ask(replace(self.question, text=text, weight=weight))
        self.board.search(self.client, text)
        self.board.go("found" if text and self.walk.answers is None else "recommended")

    def action_weight(self, by: float) -> None:
        self.query_one(WeightBar).action_change(by)

    @on(WeightBar.Changed)
    def _weighed(self, event: WeightBar.Changed) -> None:
        if event.weight:
            self.remember("text_weight", event.weight)
        self.walk.ask(replace(self.question, weight=event.weight))

    def action_until(self) -> None:
        """Read the training part, all but the test item, or everything."""
        self.walk.ask(self.question.further())

    def action_seen(self) -> None:
        """With or without what was bought before."""
        self.walk.ask(replace(self.question, include_seen=not self.question.include_seen))

    def action_profile(self) -> None:
        """The whole text that stands for the user."""
        from sracl_tui.screens.text import TextScreen

        answers = self.walk.answers
        if answers is None:
            self.notify(PICK)
            return
        history = answers.history
        self.app.push_screen(TextScreen(KINDS[history["profile_kind"]], history["profile"]))

    def action_panel(self, by: int) -> None:
        self.board.step(by)

    def action_show_panel(self, name: str) -> None:
        """Show and focus one panel."""
        self.board.go(name)

    def action_compare(self) -> None:
        """Choose a second run, or leave the comparison."""
        self.board.second.toggle(self.session.alike(), self._first)

    def action_turn_order(self) -> None:
        """Two runs' lists in the order of the other one."""
        self.board.turn_order()

    def action_next_user(self, kind: str) -> None:
        """To the next hit, miss, or anybody."""
        self.query_one(UserBox).go(kind, RECOMMENDED)

    def action_sort_users(self) -> None:
        """Another order of users."""
        self.query_one(UserBox).turn_order()

    def action_copy(self) -> None:
        """The focused panel's rows, else the recommendations."""
        rows = self.focused if isinstance(self.focused, RowList) else self.board.panel("recommended").rows
        copy(self, rows.as_text(), f"rows of {self.question.user or 'nobody'}")

    def action_export(self) -> None:
        """Recommendations as CSV, every answer as JSON."""
        answers = self.walk.answers
        if answers is None or answers.recommended is None or self.client is None:
            self.notify("choose a user first")
            return
        whole = {"run": str(self.client.run), **answers.as_json(), **self.board.second.as_json()}
        stem = f"{short_name(self.client.run.name)}-{self.question.user}"
        export(self, stem, export_rows(answers.recommended), whole)
