"""The settings of one section, or those that a word finds, a field each."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.containers import VerticalScroll
from textual.widgets import Input

from sracl_tui.screens.configure import view
from sracl_tui.screens.configure.form import FormModel, Resolved
from sracl_tui.screens.configure.setting_field import SettingField
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static, entitle

PASSING_SECONDS = 0.15
MOST_FIELDS = 24
"""Each one is five widgets; a first letter would find them all."""


class SettingsPanel(Panel):
    """Draws a form's entries, and what is wrong with them; its fields say what is entered."""

    def __init__(self, form: FormModel) -> None:
        scroll = VerticalScroll(id="fields", can_focus=False)
        super().__init__("Settings", FilterField("/ find a setting", "find"), scroll, id="form")
        self._form = form
        self._resolved = Resolved()
        self._section = "dataset"
        self._asked = 0
        self._drawing = asyncio.Lock()

    async def draw(self) -> None:
        """Make the fields anew. Nothing ends this halfway: widgets whose going is not awaited never go."""
        self._asked += 1
        async with self._drawing:
            await self._draw()

    async def _draw(self) -> None:
        fields = self.query_one("#fields", VerticalScroll)
        wanted = self.query_one("#find", Input).value.strip().lower()
        keys = view.matching(self._form, self._section, wanted)
        shown = keys[:MOST_FIELDS]
        await fields.remove_children()
        await fields.mount_all(
            SettingField(self._form.known[key], self._form.shown(key), self._form.enter) for key in shown
        )
        if not keys:
            await fields.mount(Static(view.no_setting(wanted), classes="nothing"))
        fields.scroll_home(animate=False)
        entitle(self, f"Settings with “{wanted}”" if wanted else f"Settings of {self._section}")
        self.note(f"{len(shown)} of {len(keys)}; type more" if len(keys) > len(shown) else "")
        self.mark(self._resolved)

    @work(group="section", exit_on_error=False)
    async def draw_soon(self) -> None:
        """Passing over a section with the cursor need not build its form."""
        self._asked += 1
        at = self._asked
        await asyncio.sleep(PASSING_SECONDS)
        if at == self._asked:
            await self.draw()

    def mark(self, resolved: Resolved) -> None:
        """Show at each field what stands in it, and what is wrong there."""
        self._resolved = resolved
        for field in self.query(SettingField):
            key = field.setting.key
            if key not in self._form.known:  # of the backbone before; its field is about to go
                continue
            entered = key in self._form.entries
            field.show(self._form.shown(key), entered, resolved.problems.get(key, ""))

    def turn_to(self, section: str) -> None:
        """Show another section, and no search any more."""
        if section != self._section:
            self._section = section
            find = self.query_one("#find", Input)
            with find.prevent(Input.Changed):
                find.value = ""
            self.draw_soon()

    def enter(self) -> None:
        """Into the first field, once it is laid out: before that a terminal's cursor cannot follow."""
        self.call_after_refresh(self._focus_first)

    def _focus_first(self) -> None:
        first = self.query("#fields Input, #fields Select")
        if first:
            self.screen.set_focus(first.first())

    @on(Input.Submitted, "#find")
    async def _into_found(self, event: Input.Submitted) -> None:
        event.stop()
        await self.draw()
        self.enter()

    @on(Input.Changed, "#find")
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self.draw_soon()
