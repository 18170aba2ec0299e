"""How many tokens a text has, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.errors import ConfigError

BYTES_PER_TOKEN = 4.0
"""Of UTF-8, so that scripts with fewer letters a token are not underestimated."""
MESSAGE_TOKENS = 8
"""What a chat template adds around a message, roughly."""


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens. how: what counts them, for people to read."""

    how: str
    exact: bool
    tokens_of: Callable[[str], int]

    def count(self, text: str) -> int:
        """Tokens of `text` as a message."""
        return self.tokens_of(text) + MESSAGE_TOKENS


def estimate(text: str) -> int:
    """About how many tokens a text has.

    >>> estimate("A rose soap.")
    3
    """
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def token_counter(model: str, tokenizer: str = "") -> TokenCounter:
    """The tokenizer named, else the model's own where it is on this machine, else an estimate.

    tokenizer: a `tokenizer.json`, a folder that holds one, or a name in the Hugging Face cache; nothing
    is downloaded. Raises ConfigError where a named one cannot be opened.
    """
    try:
        return _local(tokenizer or model)
    except Exception as error:  # each tokenizer library raises its own kinds
        if tokenizer:
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"describe.tokenizer '{tokenizer}' cannot be opened: {reason}; give a tokenizer.json"
            ) from error
    return TokenCounter(
        f"estimate, {BYTES_PER_TOKEN:g} bytes of text a token (no tokenizer of {model} on this machine)",
        False,
        estimate,
    )


def _local(name: str) -> TokenCounter:
    from tokenizers import Tokenizer

    path = Path(name)
    if path.is_dir():
        path = path / "tokenizer.json"
    if not path.is_file():
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(name, "tokenizer.json", local_files_only=True))
    loaded: Any = Tokenizer.from_file(str(path))
    return TokenCounter(f"the tokenizer {path}", True, lambda text: len(loaded.encode(text).ids))


@dataclass(frozen=True)
class Prices:
    """Money for a million tokens, in any currency; None where it is not known."""

    input: float | None
    output: float | None

    @property
    def known(self) -> bool:
        """Whether both prices are set."""
        return self.input is not None and self.output is not None

    def cost(self, input_tokens: float, output_tokens: float) -> float | None:
        """What the tokens cost, None where a price is not known."""
        if self.input is None or self.output is None:
            return None
        return (input_tokens * self.input + output_tokens * self.output) / 1e6
