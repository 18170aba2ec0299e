"""The texts of a run: from attributes, or as a language model wrote them."""

from __future__ import annotations

from sracl_core.data.sources import Sources
from sracl_core.semantics.llm.texts import LlmTexts, llm_item_texts, llm_prefix_texts
from sracl_core.semantics.template import ItemTexts, prefix_titles, template_texts
from sracl_core.settings.models import RunConfig


def item_texts(config: RunConfig, sources: Sources) -> ItemTexts | LlmTexts:
    """The text of every item, from its attributes or as `sracl describe` wrote it."""
    if config.semantics.items == "template":
        return template_texts(sources.dataset)
    return llm_item_texts(sources.dataset, sources.split.train, config.describe.model)


def prefix_texts(config: RunConfig, sources: Sources) -> ItemTexts | LlmTexts | None:
    """The text of every training prefix, or None where none is encoded."""
    kind, settings = config.semantics.users, config.describe
    unread = config.needs.isdisjoint({"prefix_vectors", "prefix_neighbors"})
    if unread or kind in ("pooled", "recency"):
        return None
    if kind == "titles":
        return ItemTexts(prefix_titles(sources.prefixes, sources.dataset.titles()), 0)
    return llm_prefix_texts(
        sources.dataset, sources.split.train, sources.prefixes, settings.scope, settings.model
    )
