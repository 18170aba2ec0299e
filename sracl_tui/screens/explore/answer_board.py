"""The panels of the Explore screen, each marked by the others' cursors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from sracl_tui.screens.explore import view
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

    def compose(self) -> ComposeResult:
        """The strip, the panels."""
        yield PanelStrip(id="strip")
        with Horizontal(id="flow"):
            with Vertical(id="left"):
                yield HistoryPanel("History", "history")
                yield FoundPanel()
            yield AnswerPanel("→ Neighbors", "neighbors")
            yield AnswerPanel("→ Recommendations", "recommended")
            yield SecondPanel()
        yield WhyPanel()

    def on_mount(self) -> None:
        """History first."""
        self._turn_to("history")

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

    def show(self, question: Question, answers: Answers) -> None:
        """Draw what is known about `question`."""
        self._question, self._answers = question, answers
        self._draw()

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
        return next((item for item in items if item["item"] == held), items[0] if items else None)

    def _draw(self) -> None:
        answers = self._answers
        if answers is None:
            return
        self._draw_recommendations(answers)
        chosen = self.chosen()
        why = (chosen or {}).get("why")
        shared: set[str] = set()
        if answers.neighbors is not None:
            neighbors = self.panel("neighbors")
            shared = view.shared_items(answers.neighbors, neighbors.rows.highlighted or 0)
            neighbors.show(view.neighbor_rows(answers.neighbors, why), view.neighbors_note(answers.neighbors))
        else:
            self.panel("neighbors").say(answers.no_neighbors or "…")
        history = self.query_one(HistoryPanel)
        history.show_profile(answers.history)
        read = self._question.until
        rows = view.history_rows(answers.history, PARTS_READ[read], why, shared)
        history.show(rows, f"u reads {view.READS[read]} · = both")
        self.query_one(WhyPanel).show(chosen, "…", answers.no_neighbors)

    def _draw_recommendations(self, answers: Answers) -> None:
        found, second = answers.recommended, self.second.found
        if found is None:
            self.panel("recommended").say("…")
            return
        rows = view.recommendation_rows(found, answers.missed, view.ranks(second) if second else None)
        panel = self.panel("recommended")
        also = ", also bought before" if self._question.include_seen else ""
        entitle(panel, f"→ Recommendations{also}")
        panel.show(rows, view.held_out_note(found))
        if second is not None:
            here = view.recommendation_rows(second, (), view.ranks(found))
            self.second.show(here, view.held_out_note(second))

    @on(SecondPanel.Changed)
    def _compared(self) -> None:
        self._open_panel("second", "-comparing", self.second.run is not None)
        self._draw()

    @on(RowList.OptionHighlighted, "#recommended-rows")
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
        for other in TITLES:
            self.set_class(other == name, f"-at-{other}")
        self._strip()

    def _strip(self) -> None:
        shown = set(self.panels())
        self.query_one(PanelStrip).show({name: TITLES[name] for name in TITLES if name in shown}, self.at)
