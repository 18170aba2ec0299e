"""The panels of the Explore screen, each marked by the others' cursors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from sracl_tui.content import Content, doing
from sracl_tui.screens.explore import list_view, view
from sracl_tui.screens.explore.alignment import aligned, in_common
from sracl_tui.screens.explore.answer_panel import AnswerPanel
from sracl_tui.screens.explore.found_panel import FoundPanel
from sracl_tui.screens.explore.history_panel import HistoryPanel
from sracl_tui.screens.explore.panel_strip import PanelStrip
from sracl_tui.screens.explore.query_client import QueryClient
from sracl_tui.screens.explore.questions import PARTS_READ, Answers, Question
from sracl_tui.screens.explore.second_panel import SecondPanel
from sracl_tui.screens.explore.why_panel import WhyPanel
from sracl_tui.widgets.plain import entitle
from sracl_tui.widgets.row_list import RowList

TITLES = {
    "history": "History",
    "found": "Found",
    "neighbors": "Neighbors",
    "recommended": "Recommended",
    "second": "Second",
    "why": "Why",
}
NOT_YET = {
    "neighbors": "Other users whose purchases mean the same.",
    "recommended": "What the model would show next.",
}
ONLY_THERE = "Only the second run lists this item; the reasons are those of the first."
CHOOSE = "Choose a user; then each recommendation is explained here."


class AnswerBoard(Vertical):
    """History, neighbors and recommendations from left to right, why below; one at a time where narrow.

    A second run's list takes the place of the neighbors.

    `at` is the panel that is shown where only one has room. Those of found items and of a second run
    are there while there are such.
    """

    class Walked(Message):
        """A neighbor was opened."""

        def __init__(self, user: str) -> None:
            self.user = user
            super().__init__()

    class Opened(Message):
        """An item was opened."""

        def __init__(self, item: str) -> None:
            self.item = item
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="board")
        self._question = Question()
        self._answers: Answers | None = None
        self.at = "history"
        self._by_second = False

    def compose(self) -> ComposeResult:
        yield PanelStrip(id="strip")
        with Horizontal(id="flow"):
            with Vertical(id="left"):
                yield HistoryPanel("History", "history")
                yield FoundPanel()
            yield AnswerPanel("→ Neighbors", "neighbors")
            yield AnswerPanel("→ Recommendations", "recommended")
            yield SecondPanel()
        yield WhyPanel()

    def panel(self, name: str) -> AnswerPanel:
        """The panel `name`, any but "why"."""
        return self.query_one(f"#{name}", AnswerPanel)

    def empty(self, hint: str) -> None:
        """Nobody is asked about; `hint` says what to do."""
        self._answers = None
        self.panel("history").say(hint)
        for name, text in NOT_YET.items():
            self.panel(name).say(text)
        self.query_one(WhyPanel).show(None, CHOOSE, "")

    def on_mount(self) -> None:
        """History first; two runs' lists scroll together."""
        self._turn_to("history")
        lists = [self.panel(name).rows for name in ("recommended", "second")]
        for rows, other in (lists, lists[::-1]):
            self.watch(rows, "scroll_y", partial(self._scroll, other), init=False)

    def _scroll(self, other: RowList, y: float) -> None:
        if self.second.found is not None:
            other.scroll_y = y

    def show(self, question: Question, answers: Answers, top: bool = False) -> None:
        """Draw what is known about `question`; with `top` the cursors go to the first rows."""
        self._question, self._answers = question, answers
        self._draw(top)

    @property
    def second(self) -> SecondPanel:
        """The panel of the second run."""
        return self.query_one(SecondPanel)

    def search(self, client: QueryClient | None, text: str) -> None:
        """Show the items that `text` means; none for an empty one."""
        self._open_panel("found", "-searching", bool(text))
        if text:
            self.query_one(FoundPanel).search(client, text)

    def _open_panel(self, name: str, state: str, shown: bool) -> None:
        self.set_class(shown, state)
        if self.at not in self.panels():
            self._turn_to("recommended")
        self._strip()

    def chosen(self) -> Mapping[str, Any] | None:
        """The recommendation under the cursor."""
        if self._answers is None or self._answers.recommended is None:
            return None
        items = [*self._answers.recommended["items"], *self._answers.missed]
        held = self.panel("recommended").rows.current_id
        first = items[0] if items else None
        if self.second.found is not None:
            items += [{**item, "why": None} for item in self.second.found["items"]]
        return next((item for item in items if item["item"] == held), first)

    def turn_order(self) -> None:
        """Two runs' lists in the order of the other one."""
        self._by_second = not self._by_second
        self._draw()

    def _draw(self, top: bool = False) -> None:
        answers = self._answers
        if answers is None:
            return
        self._draw_recommendations(answers, top)
        chosen = self.chosen()
        why = (chosen or {}).get("why")
        shared: set[str] = set()
        if answers.neighbors is not None:
            neighbors = self.panel("neighbors")
            shared = view.shared_items(answers.neighbors, neighbors.rows.highlighted or 0)
            rows = view.neighbor_rows(answers.neighbors, why)
            neighbors.show(rows, view.neighbors_note(answers.neighbors), keep_cursor=not top)
        else:
            self.panel("neighbors").say(answers.no_neighbors or "…")
        history = self.query_one(HistoryPanel)
        history.show_profile(answers.history)
        read = self._question.until
        rows = view.history_rows(answers.history, PARTS_READ[read], why, shared)
        reads = doing("screen.until", f"u: {view.READS[read]}")
        history.show(rows, Content.assemble(reads, " · = shared"), keep_cursor=not top)
        hint = ONLY_THERE if chosen is not None and chosen["item"] not in self._first_items() else "…"
        self.query_one(WhyPanel).show(chosen, hint, answers.no_neighbors)

    def _first_items(self) -> set[str]:
        answers = self._answers
        listed = answers.recommended["items"] if answers is not None and answers.recommended else ()
        return {item["item"] for item in (*listed, *(answers.missed if answers is not None else ()))}

    def _draw_recommendations(self, answers: Answers, top: bool) -> None:
        found, second, before = answers.recommended, self.second, answers.before
        panel = self.panel("recommended")
        if found is None:
            panel.say("…")
            return
        also = ", also bought before" if self._question.include_seen else ""
        note = list_view.held_out_note(found)
        if second.found is None:
            entitle(
                panel, f"→ Recommended{also} · ▲▼ vs {before.of}" if before else f"→ Recommendations{also}"
            )
            rows = list_view.recommendation_rows(found, answers.missed, before.rank if before else None)
            panel.show(rows, note, keep_cursor=not top)
            return
        lists = (found, answers.missed, second.found, second.here, second.there)
        rows, theirs = aligned(*lists, self._by_second)
        entitle(panel, f"→ {self._question.run}{also}{'' if self._by_second else ' · its order'}")
        panel.show(rows, note, keep_cursor=not top)
        entitle(second, f"→ {second.name_of_run}{' · its order' if self._by_second else ''}")
        note = f"{in_common(found, second.found)}  {list_view.held_out_note(second.found)}"
        second.show(theirs, note, keep_cursor=not top)

    @on(SecondPanel.Changed)
    def _compared(self) -> None:
        self._open_panel("second", "-comparing", self.second.run is not None)
        self._draw()

    @on(RowList.OptionHighlighted, "#recommended-rows")
    @on(RowList.OptionHighlighted, "#second-rows")
    def _moved_together(self, event: RowList.OptionHighlighted) -> None:
        other = "recommended" if event.option_list.id == "second-rows" else "second"
        rows = self.panel(other).rows
        if self.second.found is not None and event.option.id:
            with self.prevent(RowList.OptionHighlighted):
                rows.select_id(event.option.id)

    @on(RowList.OptionHighlighted, "#recommended-rows")
    @on(RowList.OptionHighlighted, "#second-rows")
    @on(RowList.OptionHighlighted, "#neighbors-rows")
    def _moved(self, event: RowList.OptionHighlighted) -> None:
        event.stop()
        self._draw()

    @on(RowList.OptionSelected)
    def _opened(self, event: RowList.OptionSelected) -> None:
        event.stop()
        row, name = str(event.option_list.id).removesuffix("-rows"), str(event.option.id)
        after_place = name.partition(":")[2]
        if row in ("neighbors", "why-neighbors"):
            self.post_message(self.Walked(after_place))
        else:
            self.post_message(self.Opened(after_place if row in ("history", "why-history") else name))

    def panels(self) -> list[str]:
        """The panels that there are now, from left to right."""
        comparing = self.has_class("-comparing")
        hidden = {"found": not self.has_class("-searching"), "second": not comparing, "neighbors": comparing}
        return [name for name in TITLES if not hidden.get(name)]

    def step(self, by: int) -> None:
        """To the next panel on the right, or on the left."""
        names = self.panels()
        focused = [name for name in names if self.query_one(f"#{name}").has_pseudo_class("focus-within")]
        now = names.index(focused[0] if focused else self.at)
        self.go(names[(now + by) % len(names)])

    def go(self, name: str) -> None:
        """Show and focus one panel."""
        self._turn_to(name)
        self.screen.set_focus(self.target())

    def target(self) -> Widget:
        """The rows of the panel that one is at."""
        return self.query_one("#why-history-rows" if self.at == "why" else f"#{self.at}-rows")

    def _turn_to(self, name: str) -> None:
        self.at = name
        self.update_classes({f"-at-{other}": other == name for other in TITLES})
        self._strip()

    def _strip(self) -> None:
        shown = set(self.panels())
        self.query_one(PanelStrip).show({name: TITLES[name] for name in TITLES if name in shown}, self.at)
