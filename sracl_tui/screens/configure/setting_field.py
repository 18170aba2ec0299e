"""One setting of the form: its name, what it does, its value, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from sracl_core.settings.known import Setting
from sracl_tui.content import Content
from sracl_tui.widgets.field import Field
from sracl_tui.widgets.plain import Select, Static


class SettingField(Vertical):
    """Calls `enter` with what is typed in, at once, and then posts Changed; `show` says a problem below.

    What came of a letter is told some messages later, when the next one may be there: were it entered no
    sooner, the field would be set back to what the form still held.
    """

    class Changed(Message):
        """Another text was entered."""

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    def __init__(self, setting: Setting, text: str, enter: Callable[[str, str], None]) -> None:
        super().__init__(id=field_id(setting.key))
        self.setting = setting
        self._text = text
        self._enter = enter
        self._told: tuple[str, bool, str] | None = None

    def on_mount(self) -> None:
        """Now that the parts are there, show what was told before."""
        if self._told is not None:
            self.show(*self._told)

    def compose(self) -> ComposeResult:
        """Name and value in one line, the description and the problem below."""
        words = self.setting.choices
        with Horizontal():
            yield Static(self._label(False), classes="name")
            if words:
                select = Select(
                    [(word, word) for word in words],
                    allow_blank=False,
                    value=self._text if self._text in words else words[0],
                    compact=True,
                )
                yield select
            else:
                field = Field(self._text)
                self.watch(field, "value", self._take, init=False)
                yield field
        yield Static(self.setting.field.description or "", classes="about")
        yield Static("", classes="problem")

    def _label(self, changed: bool) -> Content:
        name = self.setting.key.rpartition(".")[2]
        return Content.assemble(("● " if changed else "  ", "bold $accent"), (name, "bold"))

    def show(self, text: str, changed: bool, problem: str) -> None:
        """Take over a value that came from elsewhere, and say what is wrong."""
        self._told = (text, changed, problem)
        if len(self.query(".name, .problem")) < 2:  # not made yet, or on its way out
            return
        for field in self.query(Input):
            if field.value.strip() != text:
                with field.prevent(Input.Changed):
                    field.value = text
            field.set_class(bool(problem), "-invalid")
        for select in self.query(Select):
            if select.value != text and text in self.setting.choices:
                with select.prevent(Select.Changed):
                    select.value = text
        self.query_one(".name", Static).update(self._label(changed))
        said = self.query_one(".problem", Static)
        said.display = bool(problem)
        said.update(Content.assemble(("✗ ", "bold $error"), (problem, "$error")))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self.setting.key))

    def _take(self, value: str) -> None:
        self._enter(self.setting.key, value.strip())

    @on(Select.Changed)
    def _selected(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, str):
            self._take(event.value)
            self.post_message(self.Changed(self.setting.key))


def field_id(key: str) -> str:
    """The widget's id for a setting."""
    return "set-" + key.replace(".", "-").replace("_", "-")
