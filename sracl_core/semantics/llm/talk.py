"""From one prompt to one text: ask, read, ask once more where the answer is of no use."""

from __future__ import annotations

from contextlib import suppress

from sracl_core.semantics.llm.answers import ITEM_SCHEMA, REPAIR, item_answer, plain_answer
from sracl_core.semantics.llm.budget import Budget, BudgetReached
from sracl_core.semantics.llm.client import CallFailed, ChatClient, Message, Reply
from sracl_core.semantics.llm.rate_limit import Stopped
from sracl_core.semantics.llm.tokens import MESSAGE_TOKENS, Prices, estimate

NOTHING = (
    "the model answered with nothing, twice; one that thinks before it writes needs a larger "
    "describe.max_output_tokens"
)


class Talk:
    """One question to `client`, and the second asking where the first answer is of no use.

    calls, input_tokens, output_tokens: what it took; tokens are estimated where the server does not tell.
    """

    def __init__(
        self, client: ChatClient, prices: Prices, budget: Budget, prompt: str, as_json: bool
    ) -> None:
        self._client, self._prices, self._budget = client, prices, budget
        self._prompt, self._json = prompt, as_json
        self.calls = self.input_tokens = self.output_tokens = 0

    async def hold(self) -> tuple[str, str, str, str]:
        """(form, text, raw, error) as in `Answer`; raises BudgetReached and Stopped before the first call."""
        ask: list[Message] = [{"role": "user", "content": self._prompt}]
        try:
            first = await self._say(ask)
        except CallFailed as failure:
            return "failed", "", "", str(failure)
        if text := self._read(first.text):
            return ("json" if self._json else "text"), text, first.text, ""
        again = [*ask, {"role": "assistant", "content": first.text}, {"role": "user", "content": REPAIR}]
        second = Reply("", None, None)
        with suppress(CallFailed, BudgetReached, Stopped):
            second = await self._say(again if first.text.strip() else ask)
            if text := self._read(second.text):
                return ("repaired" if self._json else "text"), text, second.text, ""
        for raw in (first.text, second.text):
            if plain := plain_answer(raw):
                return "plain", plain, raw, ""
        return "failed", "", "", NOTHING

    def _read(self, raw: str) -> str:
        return (item_answer(raw) or "") if self._json else plain_answer(raw)

    async def _say(self, messages: list[Message]) -> Reply:
        tokens = sum(estimate(message["content"]) + MESSAGE_TOKENS for message in messages)
        most = self._client.endpoint.max_output_tokens
        async with self._budget.reserve(self._prices.cost(tokens, most) or 0.0):
            reply = await self._client.ask(messages, ITEM_SCHEMA if self._json else None, tokens + most)
            used = tokens if reply.input_tokens is None else reply.input_tokens
            wrote = estimate(reply.text) if reply.output_tokens is None else reply.output_tokens
            self.calls += 1
            self.input_tokens += used
            self.output_tokens += wrote
            self._budget.spent += self._prices.cost(used, wrote) or 0.0
        return reply
