"""The line that says where one is, what is asked, and how the explorer is doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual import work

from sracl_tui.content import Content, line
from sracl_tui.screens.explore.query_client import QueryClient
from sracl_tui.screens.explore.questions import Question
from sracl_tui.view_models import count, short_name
from sracl_tui.widgets.plain import Static

NO_RUN = "No run to explore yet. F2 sets up and starts one; F3 shows how it is going."
SEARCHES = {"exact": "exact search", "hnsw": "HNSW search"}


class ExplorerLine(Static):
    """Holds the explorer; the walk on the left, then the run's facts, or that it loads or has ended."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.client: QueryClient | None = None

    def open(self, run: Path, on_change: Callable[[], None]) -> QueryClient:
        """Start an explorer for `run` in the place of the one that there is."""
        if self.client is not None:
            self._close(self.client)
        self.client = QueryClient(run, on_change)
        self.client.start()
        return self.client

    @work(group="client", exit_on_error=False)
    async def _close(self, client: QueryClient) -> None:
        await client.close()

    async def on_unmount(self) -> None:
        """End the explorer with the screen."""
        if self.client is not None:
            await self.client.close()

    def show(self, trail: Sequence[str], asked: Question, answered: Question, said: str) -> None:
        """Draw what is known; `said` is how far `asked` is. What is shown answers `answered`."""
        client = self.client
        self.set_class(client is not None and client.state == "dead", "-dead")
        if client is None:
            self.update(Content.styled(NO_RUN, "$muted"))
            return
        name = short_name(client.run.name)
        if client.state == "dead":
            why = (("✗ the explorer has ended: ", "bold $error"), f"{client.problem}  ")
            self.update(Content.assemble(*why, ("F5 starts it again", "bold")))
        elif client.state == "ready":
            self.update(self._facts(name, client, trail, asked, answered, said))
        else:
            self.update(
                Content.assemble(("▸ loading ", "bold $primary"), f"the model of {name}, some seconds…")
            )

    def _facts(
        self,
        name: str,
        client: QueryClient,
        trail: Sequence[str],
        asked: Question,
        answered: Question,
        said: str,
    ) -> Content:
        facts = client.facts
        parts = [name, f"{count(facts.get('users'))} users", f"{count(facts.get('items'))} items"]
        parts.append(SEARCHES.get(str(facts.get("search")), "no neighbor search"))
        if said:
            parts.insert(0, said)
        if asked.text and asked != answered:
            parts.insert(0, f"steering by “{asked.text}”…")
        elif answered.text:
            parts.insert(0, f"steered {answered.weight:.1f} by “{answered.text}”")
        walk = "  ›  ".join(trail) if len(trail) > 1 else ""
        said = Content.assemble((walk + "   " if walk else "", "bold"), (" · ".join(parts), "$muted"))
        return line(said)
