"""What is fitted to a frozen encoder before each validation, so that what is ranked is what is chosen by."""

from __future__ import annotations

from sracl_core.data.sources import Sources
from sracl_core.evaluation.results import queries_of
from sracl_core.models.base import SequenceEncoder
from sracl_core.settings.models import RunConfig
from sracl_core.team import Team
from sracl_core.training.counts import fit_counts
from sracl_core.training.evidence import LEAST, fit_evidence
from sracl_core.training.repeats import fit_repeats


def fit_scores(config: RunConfig, encoder: SequenceEncoder, sources: Sources, team: Team) -> list[str]:
    """Fit what the settings ask for, the same in every process; returns what there was too little for."""
    missed = []
    if config.model.repeats != "none":
        if not fit_repeats(encoder, sources.prefixes, config.training.seed):
            missed.append("model.repeats: too few training prefixes to fit a bias on; it stays 0")
        team.from_first(encoder.repeat_bias)
    if encoder.evidence is not None:
        queries = queries_of(config, sources, "valid", config.model.max_length)
        if not fit_evidence(encoder, queries, config.training.seed):
            missed.append("model.evidence: too few validation queries to fit weights on; they stay 0")
        team.from_first(encoder.evidence.weights)
        team.from_first(encoder.evidence.lift)
    if encoder.counts is not None:
        queries = queries_of(config, sources, "valid", config.model.reach)
        # Where nobody takes anything again there is nothing to count, and nothing is missed.
        if 0 < fit_counts(encoder, queries, config.training.seed) < LEAST:
            missed.append(
                "model.repeats=counted: too few validation queries for an item that the history holds to "
                "choose weights by; they stay 0"
            )
        team.from_first(encoder.counts.weights)
    return missed
