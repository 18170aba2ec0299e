"""The texts of a run: from attributes, or as a language model wrote them."""

from __future__ import annotations

from sracl_core.data.sources import Sources
from sracl_core.semantics.llm.texts import LlmTexts, Taken, llm_item_texts, llm_prefix_texts
from sracl_core.semantics.template import ItemTexts, prefix_titles, template_texts
from sracl_core.settings.models import RunConfig

Texts = ItemTexts | LlmTexts


def item_texts(config: RunConfig, sources: Sources, taken: Taken | None = None) -> Texts:
    """The text of every item, from its attributes or as `sracl describe` wrote it.

    taken: these texts of a language model and no others.
    """
    if config.semantics.items == "template":
        return template_texts(sources.dataset)
    return llm_item_texts(sources.dataset, sources.split.train, config.describe.model, taken=taken)


def prefix_texts(config: RunConfig, sources: Sources, taken: Taken | None = None) -> Texts | None:
    """The text of every training prefix, or None where none is encoded; `taken` as for items."""
    kind, settings = config.semantics.users, config.describe
    unread = config.needs.isdisjoint({"prefix_vectors", "prefix_neighbors"})
    if unread or config.semantics.pooling_decay is not None:
        return None
    if kind == "titles":
        return ItemTexts(prefix_titles(sources.prefixes, sources.dataset.titles()), 0)
    dataset, train = sources.dataset, sources.split.train
    return llm_prefix_texts(dataset, train, sources.prefixes, settings.scope, settings.model, taken=taken)
