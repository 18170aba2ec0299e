"""Where a chat model is asked, with which key, and what of it may be said."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sracl_core.errors import ConfigError

OPENAI_KEY, OPENAI_HOST = "OPENAI_API_KEY", "api.openai.com"
KEY_VARIABLES = ("SRACL_LLM_API_KEY", OPENAI_KEY)


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, and how.

    backoff_seconds: the first wait after a failure; doubled after each further one.
    """

    base_url: str
    model: str
    temperature: float = 0.0
    max_output_tokens: int = 400
    structured: bool = True
    timeout_seconds: float = 120.0
    retries: int = 6
    backoff_seconds: float = 0.5


def api_key(base_url: str, given: bool = True, environment: Mapping[str, str] = os.environ) -> str:
    """The key that `base_url` is asked with; "" where there is none, as local servers need none.

    OPENAI_API_KEY goes to OpenAI's own host, and elsewhere only where the user named the address
    (`given`): a settings file that came with a folder must not say who gets it.

    Raises ConfigError where it cannot be a key: the HTTP library would repeat it in its complaint,
    escaped, where `scrub` does not find it.
    """
    for name in KEY_VARIABLES:
        if name == OPENAI_KEY and not given and not _is_openai(base_url):
            continue
        if key := environment.get(name, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise ConfigError(f"{name} holds characters that no key has; copy the key once more")
            return key
    return ""


def withholds_key(base_url: str, given: bool, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is an OPENAI_API_KEY that `api_key` does not send to this address."""
    return not api_key(base_url, given, environment) and bool(environment.get(OPENAI_KEY, "").strip())


def _is_openai(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return parts.scheme == "https" and parts.hostname == OPENAI_HOST and parts.port in (None, 443)


def check_endpoint(base_url: str) -> None:
    """Raise ConfigError unless `base_url` can be asked and holds no secret."""
    if not base_url:
        raise ConfigError(
            "no endpoint is given: use --base-url URL of an OpenAI-compatible server, such as "
            "http://localhost:11434/v1 (Ollama) or https://api.openai.com/v1"
        )
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError("--base-url is no URL like http://localhost:8000/v1; correct it")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"--base-url holds more than an address; put the key into {KEY_VARIABLES[0]}")


def scrub(text: str, key: str) -> str:
    """`text` with every occurrence of `key` replaced.

    >>> scrub("Incorrect API key provided: sk-1", "sk-1")
    'Incorrect API key provided: [key]'
    """
    return text.replace(key, "[key]") if key else text
