"""The prompts: Jinja templates, worded by domain, with a version that follows their wording."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sracl_core.errors import ConfigError, nearest

if TYPE_CHECKING:
    import jinja2

    from sracl_core.semantics.llm.sandbox import BoundedSandbox

What = Literal["items", "users"]

TEMPLATES = Path(__file__).parent / "prompt_templates"

FIELDS: dict[str, tuple[str, ...]] = {
    "items": ("domain", "title", "facts", "contexts"),
    "users": ("domain", "history"),
}
"""What a template may name. facts: list of {name, value}; contexts: list of lists of titles, oldest
first; history: list of titles, oldest first; domain: the words of `Domain`."""


@dataclass(frozen=True)
class Domain:
    """How one speaks of the items, the people and what they did in a trade."""

    thing: str
    things: str
    person: str
    people: str
    did: str
    aspects: str


DOMAINS: dict[str, Domain] = {
    "generic": Domain(
        "item", "items", "customer", "customers", "chose", "purpose, style, quality and occasion"
    ),
    "beauty": Domain(
        "beauty product",
        "beauty products",
        "shopper",
        "shoppers",
        "bought",
        "skin or hair type, ingredients, scent, effect, routine and price level",
    ),
    "sports": Domain(
        "sports or outdoor product",
        "sports and outdoor products",
        "shopper",
        "shoppers",
        "bought",
        "activity, level, fit, durability, season and price level",
    ),
    "office": Domain(
        "office product",
        "office products",
        "shopper",
        "shoppers",
        "bought",
        "task, kind of workplace, compatibility, format and price level",
    ),
    "restaurants": Domain(
        "restaurant or local business",
        "restaurants and local businesses",
        "guest",
        "guests",
        "visited",
        "cuisine, atmosphere, occasion, area and price level",
    ),
    "movies": Domain("movie", "movies", "viewer", "viewers", "watched", "genre, mood, theme, era and pace"),
}

_HINTS = {
    "beauty": ("beauty", "cosmetic", "perfume"),
    "sports": ("sport", "outdoor"),
    "office": ("office",),
    "restaurants": ("yelp", "restaurant"),
    "movies": ("movie", "ml-", "film", "netflix"),
}


def guess_domain(dataset_name: str) -> str:
    """The domain that a dataset's name speaks of, else "generic".

    >>> guess_domain("amazon-beauty"), guess_domain("my-shop")
    ('beauty', 'generic')
    """
    name = dataset_name.casefold()
    return next(
        (domain for domain, words in _HINTS.items() if any(word in name for word in words)), "generic"
    )


@dataclass(frozen=True)
class Prompt:
    """A template ready to be filled.

    version: names the kind and the domain, and ends in a hash of the wording: an edited template is
    another version.
    """

    what: What
    domain: str
    version: str
    template: jinja2.Template
    environment: BoundedSandbox

    def render(self, fields: Mapping[str, Any]) -> str:
        """The text to send; raises ConfigError when the template breaks on these fields."""
        import jinja2

        try:
            return self.environment.text(self.template, {"domain": DOMAINS[self.domain], **fields}).strip()
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ConfigError(f"prompt {self.template.name}: {error}; correct the template") from error


def load_prompt(what: What, domain: str = "generic", file: Path | None = None) -> Prompt:
    """The built-in prompt for `what`, or the one in `file`.

    Raises ConfigError where the file cannot be read, is no Jinja template, or names an unknown field.
    """
    try:
        import jinja2.meta

        from sracl_core.semantics.llm.sandbox import BoundedSandbox
    except ImportError:
        raise ConfigError("prompts need jinja2; install it with: pip install 'sracl-tui[llm]'") from None
    path = file or TEMPLATES / f"{what}.j2"
    source = _read(path)
    environment = BoundedSandbox()
    try:
        tree = environment.parse(source)
        named = jinja2.meta.find_undeclared_variables(tree)
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"prompt {path}, line {error.lineno}: {error.message}") from error
    unknown = sorted(named - set(FIELDS[what]))
    if unknown:
        raise ConfigError(
            f"prompt {path}: {what} have no field '{unknown[0]}'{nearest(unknown[0], FIELDS[what])}"
        )
    telling = [name for name in FIELDS[what] if name != "domain"]
    if not named & set(telling):
        raise ConfigError(
            f"prompt {path} is the same for all {what}; let it name a field, such as {{{{ {telling[0]} }}}}"
        )
    template = environment.bounded_template(tree, str(path))
    digest = hashlib.blake2b(
        json.dumps([source, asdict(DOMAINS[domain])]).encode(), digest_size=4
    ).hexdigest()
    return Prompt(what, domain, f"{what}-{'custom' if file else domain}-{digest}", template, environment)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"prompt {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"prompt {path} is not UTF-8 text; save it as UTF-8") from error
