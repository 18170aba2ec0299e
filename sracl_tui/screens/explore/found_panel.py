"""Items whose texts mean what was typed."""

from __future__ import annotations

from textual import work

from sracl_tui.screens.explore.answer_panel import AnswerPanel
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.screens.explore.view import found_rows, spent

FOUND = 20


class FoundPanel(AnswerPanel):
    """Searches when told to; the best match first."""

    def __init__(self) -> None:
        super().__init__("Items by meaning", "found")

    @work(group="search", exclusive=True, exit_on_error=False)
    async def search(self, client: QueryClient | None, text: str) -> None:
        """Show the items that are nearest to `text`."""
        if client is None:
            return
        self.say("searching; the first text loads the encoder, some seconds…")
        try:
            answer, milliseconds = await client.ask("search", text=text, k=FOUND)
        except QueryError as error:
            self.say(str(error))
            return
        self.show(found_rows(answer), f"exact search, {spent(milliseconds)}", keep_cursor=False)
