"""What is being prepared or fetched, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from sracl_tui.commands import CommandError, follow
from sracl_tui.content import Content
from sracl_tui.widgets.plain import Static


class JobLine(Vertical):
    """Runs one command at a time, and shows its latest line."""

    class Done(Message):
        """The dataset `name` was made or fetched."""

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    class Turned(Message):
        """A job has begun, or ended."""

    def __init__(self) -> None:
        super().__init__(id="job")
        self._busy = ""

    def compose(self) -> ComposeResult:
        yield Static("", id="job-lines")

    def on_mount(self) -> None:
        """Not there before the first job."""
        self.display = False

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._busy)

    def start(
        self, doing: str, name: str, arguments: Sequence[str], failed: Callable[[str], None] | None = None
    ) -> None:
        """Run ``sracl ARGUMENTS``, which is `doing` ("preparing", "fetching") the dataset `name`.

        failed: hears the error in place of a notice.
        """
        if self._busy:
            self.notify(f"still {self._busy}; ctrl+x ends it", severity="warning")
            return
        self._busy = f"{doing} {name}"
        self.post_message(self.Turned())
        self._run(name, arguments, failed)

    @work(group="job", exit_on_error=False)
    async def _run(self, name: str, arguments: Sequence[str], failed: Callable[[str], None] | None) -> None:
        title, self.display = self._busy, True
        self._say("▸ ", "$primary", title, "…")
        try:
            await follow(*arguments, on_line=lambda line: self._say("▸ ", "$primary", title, f"  {line}"))
        except CommandError as error:
            # Who hears it says it, in words of the dashboard's own.
            self._say("✗ ", "$error", title, f": {error}" if failed is None else " failed")
            if failed is not None:
                failed(str(error))
            else:
                self.notify(str(error), severity="error", title=f"{title} failed", timeout=12)
        else:
            self._say("✓ ", "$success", title, ": done")
            self.post_message(self.Done(name))
        finally:
            self._busy = ""
            self.post_message(self.Turned())

    def cancel(self) -> None:
        """End the present job."""
        if self._busy:
            self.workers.cancel_group(self, "job")
            self.query_one(Static).update(f"{self._busy}: ended on request")
        else:
            self.notify("nothing is going on here")

    def _say(self, mark: str, color: str, title: str, what: str) -> None:
        self.query_one(Static).update(Content.assemble((mark, f"bold {color}"), (title, "bold"), what))
