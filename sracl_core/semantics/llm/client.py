"""One question to a chat model behind an OpenAI-compatible server, with patience.

Retries with exponential backoff and jitter on 408, 409, 429, 5xx, timeouts and cut connections, and
waits as long as Retry-After says. What no retry can mend (a refused key, an unknown model, no server)
ends the job with one line.
"""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sracl_core.data.reading.text import whole_characters
from sracl_core.errors import ConfigError, ServiceError, nearest
from sracl_core.notices import warn
from sracl_core.semantics.llm.endpoint import KEY_VARIABLES, Endpoint, check_endpoint, scrub
from sracl_core.semantics.llm.rate_limit import RateLimit

if TYPE_CHECKING:
    import openai

CONNECT_SECONDS = 15.0
LONGEST_BACKOFF = 60.0
LONGEST_RETRY_AFTER = 900.0
LONG_PAUSE = 10.0
"""A pause of so many seconds is told: nothing moves meanwhile."""
RETRIED = (408, 409, 429)
MOST_BYTES, MOST_TOKENS = 1 << 22, 1 << 31
"""What an answer, and the tokens of one, stay below."""

Message = dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What the model wrote. The token counts are None where the server does not tell."""

    text: str
    input_tokens: int | None
    output_tokens: int | None


class CallFailed(Exception):
    """One question got no answer, whatever was tried; others may."""


class ChatClient:
    """Asks one endpoint. `limit` is shared by all questions; use inside `async with`.

    sent: requests that went out. retried: how many of them repeat an earlier one.
    """

    def __init__(self, endpoint: Endpoint, limit: RateLimit | None = None, key: str = "") -> None:
        check_endpoint(endpoint.base_url)
        try:
            import openai
        except ImportError:
            raise ConfigError(
                "asking a model needs the openai client; install it with: pip install 'sracl-tui[llm]'"
            ) from None
        self.endpoint = endpoint
        self._key = key
        self._limit = limit or RateLimit()
        self._openai = openai
        longest = endpoint.timeout_seconds
        # Anything that is not empty; a server that wants a key will refuse this one.
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=openai.Timeout(longest, connect=min(longest, CONNECT_SECONDS)),
        )
        self._options: dict[str, Any] = {
            "temperature": endpoint.temperature,
            "max_tokens": endpoint.max_output_tokens,
        }
        self._schema = endpoint.structured
        self._any_success = False
        self.sent = self.retried = 0

    async def __aenter__(self) -> ChatClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(self, messages: list[Message], schema: dict[str, Any] | None, tokens: int) -> Reply:
        """The model's reply, or CallFailed after all retries.

        schema: the `response_format` to ask for where the server has it. tokens: about how many the
        request has, for the rate limit. Raises ConfigError or ServiceError where asking on is useless, and
        Stopped where the job is to stop before the request goes out.
        """
        question = uuid.uuid4().hex
        attempt = 0
        while True:
            await self._limit.turn(tokens)
            self.sent += 1
            used, format_sent = dict(self._options), schema if self._schema else None
            try:
                reply = _reply(await self._send(messages, used, format_sent, question))
                self._any_success = True
                return reply
            except self._openai.APIStatusError as error:
                if self._adapts(error, used, format_sent is not None):
                    continue
                await self._judge(error)
                wait = self._retry_after(error)
                reason = f"the server answered {error.status_code}: {self._scrub(error)}"
            except self._openai.APIConnectionError as error:
                wait, reason = None, f"the connection broke ({self._scrub(error.__cause__ or error)})"
                if isinstance(error, self._openai.APITimeoutError):
                    reason = f"no answer within {self.endpoint.timeout_seconds:g} s"
                if not self._any_success and attempt and _unreached(error):
                    raise ServiceError(
                        f"no server answers at {self.endpoint.base_url} "
                        f"({self._scrub(error.__cause__ or error)}); start it, or correct --base-url"
                    ) from None
            except (self._openai.OpenAIError, ValueError, _Unusable) as error:
                wait, reason = None, f"the answer is no chat completion ({self._scrub(error)})"
            if attempt >= self.endpoint.retries:
                raise CallFailed(reason)
            await self._wait(attempt, wait)
            attempt += 1
            self.retried += 1

    async def _send(
        self, messages: list[Message], options: dict[str, Any], schema: dict[str, Any] | None, question: str
    ) -> bytes:
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": messages, **options}
        if schema is not None:
            body["response_format"] = schema
        # `chat.completions.create` checks every field of question and answer against its types, which
        # takes a third of the client's time; `post` is the same request without that.
        answer: bytes = await self._client.post(
            "/chat/completions",
            cast_to=bytes,
            body=body,
            options={"headers": {"Idempotency-Key": question}},
        )
        return answer

    def _adapts(self, error: openai.APIStatusError, used: dict[str, Any], with_schema: bool) -> bool:
        """Leave away, or rename, what this server says it does not know; true if that changed anything."""
        if error.status_code not in (400, 422, 501):
            return False
        complaint = self._scrub(error).lower()
        if with_schema and any(word in complaint for word in ("response_format", "json_schema", "grammar")):
            self._schema = False
            return True
        if "max_tokens" in used and "max_completion_tokens" in complaint:
            if "max_tokens" in self._options:
                self._options["max_completion_tokens"] = self._options.pop("max_tokens")
            return True
        if "temperature" in used and "temperature" in complaint:
            self._options.pop("temperature", None)
            return True
        return False

    async def _judge(self, error: openai.APIStatusError) -> None:
        """Raise what ends the job, or the question, at once; return where a retry may help."""
        status, said = error.status_code, self._scrub(error)
        if status in (401, 403):
            keys = " or ".join(KEY_VARIABLES)
            have = f"the key in {keys}" if self._key else "a request without a key"
            advice = "correct the key" if self._key else f"put one into {keys}"
            raise ConfigError(
                f"{self.endpoint.base_url} refuses {have} ({status}: {said}); {advice}"
            ) from None
        if status == 429 and getattr(error, "code", None) == "insufficient_quota":
            raise ServiceError(f"the account has no credit left ({said}); start again when it has") from None
        if not self._any_success and status in (400, 404) and "context" not in said.lower():
            await self._judge_model(said)
        if status not in RETRIED and status < 500:
            raise CallFailed(f"the server refused the request ({status}: {said})")
        if (wait := self._retry_after(error) or 0.0) > LONGEST_RETRY_AFTER:
            raise ServiceError(f"the server asks to wait {wait:,.0f} s; start again then, nothing is lost")

    async def _judge_model(self, said: str) -> None:
        """Raise ConfigError unless the server offers the model: then only this question is at fault."""
        name, offered = self.endpoint.model, await self.models()
        if offered is None:
            raise ConfigError(f"{self.endpoint.base_url} has no model '{name}' or no such path ({said})")
        if name not in offered:
            listed = ", ".join(offered[:12]) + (f" and {len(offered) - 12} more" if len(offered) > 12 else "")
            hint = nearest(name, offered) if len(offered) > 12 else ""
            raise ConfigError(
                f"the server lists no model '{name}' ({said}); it offers {listed or 'none'}{hint}"
            )

    async def models(self) -> list[str] | None:
        """The names the server offers, None where it does not tell."""
        try:
            return sorted([model.id async for model in self._client.models.list()])
        except (self._openai.OpenAIError, ValueError, TypeError, AttributeError):
            return None

    def _retry_after(self, error: openai.APIStatusError) -> float | None:
        # The client's own parser knows seconds, milliseconds and dates.
        wait = self._client._parse_retry_after_header(error.response.headers)
        return wait if wait is not None and wait > 0 else None

    async def _wait(self, attempt: int, wait: float | None) -> None:
        if wait is not None:
            if self._limit.pause(wait) and wait >= LONG_PAUSE:
                warn(f"the server asks to wait {wait:,.0f} s, and so it is")
        else:
            longest = min(LONGEST_BACKOFF, self.endpoint.backoff_seconds * 2.0**attempt)
            await self._limit.sleep(longest * random.uniform(0.5, 1.0))

    def _scrub(self, error: object) -> str:
        """A server may repeat the key in its complaint; what we keep and print must not."""
        body = getattr(error, "body", None)
        # FastAPI's servers (`transformers serve`) complain in a form of their own.
        detail = body.get("detail") if isinstance(body, dict) else None
        said = str(detail or getattr(error, "message", None) or error or type(error).__name__)
        return scrub(" ".join(said.split()), self._key)[:300]

    def scrub(self, text: str) -> str:
        """`text` without the key."""
        return scrub(text, self._key)


class _Unusable(Exception):
    """A 200 whose body is not what was asked for."""


def _reply(body: bytes) -> Reply:
    """Raises _Unusable where `body` is no chat completion."""
    if len(body) > MOST_BYTES:
        raise _Unusable(f"it has {len(body):,} bytes")
    try:
        completion = json.loads(body)
    except (ValueError, RecursionError) as error:
        begin = body[:60].decode("utf-8", "replace")
        raise _Unusable(f"it begins with {begin!r}" if begin.strip() else "it is empty") from error
    try:
        text = completion["choices"][0]["message"].get("content") or ""
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        told = completion.get("error") if isinstance(completion, dict) else None
        told = told.get("message") if isinstance(told, dict) else told
        raise _Unusable(f"an error with status 200: {told}" if told else "no message in it") from error
    if not isinstance(text, str):
        raise _Unusable("its content is no text")
    usage = completion.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(whole_characters(text), _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _count(usage: dict[str, Any], name: str) -> int | None:
    """A count of tokens that can be one; None leaves it to be estimated."""
    count = usage.get(name)
    return count if type(count) is int and 0 <= count < MOST_TOKENS else None


def _unreached(error: BaseException) -> bool:
    """Whether nobody listens, as opposed to a connection that broke."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout"):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
