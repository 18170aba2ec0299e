"""What comes of the settings: a measured plan, what differs from the preset, and the YAML."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import TabbedContent, TabPane

from sracl_core.settings.layers import preset_about
from sracl_tui.commands import CommandError, ask
from sracl_tui.content import Content
from sracl_tui.screens.configure import view
from sracl_tui.screens.configure.form import DATASET, FormModel, Resolved
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static

ESTIMATE_SECONDS = 1.0
SIDES = (("estimate", "Estimate"), ("changes", "Changes"), ("yaml", "YAML"))


class Outcome(Panel):
    """Follows a form; the plan is measured once its entries have stood still."""

    def __init__(self, form: FormModel, runs_dir: Path) -> None:
        super().__init__("What comes of it", id="outcome")
        self._form = form
        self._runs_dir = runs_dir
        self._measured: Any = None

    def compose(self) -> ComposeResult:
        """What the preset is, then one tab for each."""
        yield Static("", id="preset-about")
        with TabbedContent(id="sides"):
            for name, title in SIDES:
                yield TabPane(title, VerticalScroll(Static("", id=f"{name}-text")), id=f"side-{name}")

    def show(self, resolved: Resolved) -> None:
        """Draw what the form's entries come to."""
        about = self.query_one("#preset-about", Static)
        about.display = self._form.preset is not None
        about.update(Content.styled(preset_about(self._form.preset) if self._form.preset else "", "$muted"))
        self.query_one("#changes-text", Static).update(view.changes(self._form, resolved))
        if resolved.values:
            self.query_one("#yaml-text", Static).update(Content(self._form.as_yaml(resolved)))
        if not resolved.valid:
            self._measured = None
            self.workers.cancel_group(self, "estimate")
            self.query_one("#estimate-text", Static).update(
                view.estimate(None, "the settings do not hold yet")
            )
        elif self.screen.is_current and self._measured != self._subject():
            self.measure()

    def _subject(self) -> tuple[Any, ...]:
        """All that an estimate is made of: the settings, and the dataset as it lies there now."""
        manifest = Path(self._form.shown(DATASET)) / "dataset.json"
        written = manifest.stat().st_mtime_ns if manifest.is_file() else None
        return self._form.preset, dict(self._form.entries), written

    @work(group="estimate", exclusive=True, exit_on_error=False)
    async def measure(self) -> None:
        """Ask for the plan of a run, and for what its texts would cost."""
        self._measured = self._subject()
        said = self.query_one("#estimate-text", Static)
        said.update(view.estimate(None, "measuring the dataset…"))
        await asyncio.sleep(ESTIMATE_SECONDS)
        texts: list[dict[str, Any]] = []
        try:
            # What texts cost is wanted most while they are missing, and then training has no plan yet.
            for question in view.describe_questions(self._form):
                texts.append(await ask("describe", *question))
            plan = await ask("train", *self._form.arguments(self._runs_dir), "--dry-run")
        except CommandError as error:
            said.update(view.without_plan(str(error), texts))
            return
        said.update(view.estimate(plan, "", texts))
