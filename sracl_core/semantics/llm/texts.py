"""The texts that `sracl describe` wrote, as training reads them; nothing is asked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.data.dataset import Dataset
from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.errors import DataError
from sracl_core.semantics.llm.answers_db import LlmCache
from sracl_core.semantics.llm.prompt_inputs import prefix_subject, train_fingerprint
from sracl_core.semantics.template import prefix_titles, template_texts


@dataclass(frozen=True)
class LlmTexts:
    """Texts of all items or prefixes, and where they come from.

    texts: one for each row; where the model wrote none, the template (items) or the titles (prefixes).
    written: rows with a text of the model. failed, missing: rows without, because the question failed or
    was never asked. plain: rows whose text is an answer that was no JSON (items only).
    """

    texts: list[str]
    model: str
    prompt_version: str
    written: int
    plain: int
    failed: int
    missing: int

    @property
    def fallback_count(self) -> int:
        """Rows that the model did not write."""
        return self.failed + self.missing

    def notes(self) -> dict[str, Any]:
        """What a run's meta data says of these texts."""
        return {
            "model": self.model,
            "prompt_version": self.prompt_version,
            "written": self.written,
            "plain": self.plain,
            "failed": self.failed,
            "missing": self.missing,
        }


def llm_item_texts(
    dataset: Dataset, train: Sequences, model: str = "", cache_path: Path | None = None
) -> LlmTexts:
    """A text for every item; row i is item index i + 1.

    train: the train part of the run's split; texts that have seen another one are not used.
    model: whose texts; "" takes the ones that were taken up last. Raises DataError where there are none.
    """
    fallback = template_texts(dataset).texts
    return _texts("items", "item", list(dataset.items.ids), fallback, dataset, train, model, cache_path)


def llm_prefix_texts(
    dataset: Dataset,
    train: Sequences,
    prefixes: Prefixes,
    scope: str = "user",
    model: str = "",
    cache_path: Path | None = None,
) -> LlmTexts:
    """A text for every prefix; with scope "user", the prefixes of a user share theirs.

    See `llm_item_texts` for the rest.
    """
    if scope == "user":
        subjects = [dataset.users.ids[user] for user in prefixes.users.tolist()]
    else:
        bounds = zip(prefixes.starts.tolist(), prefixes.ends.tolist(), strict=True)
        subjects = [prefix_subject(prefixes.values[start:end]) for start, end in bounds]
    fallback = prefix_titles(prefixes, dataset.titles())
    return _texts("users", scope, subjects, fallback, dataset, train, model, cache_path)


def _texts(
    what: str,
    scope: str,
    subjects: Sequence[str],
    fallback: list[str],
    dataset: Dataset,
    train: Sequences,
    model: str,
    cache_path: Path | None,
) -> LlmTexts:
    cache = LlmCache(cache_path, read_only=True)
    try:
        job = _latest_job(cache, what, scope, dataset, train, model)
        found = cache.texts(job["id"])
    finally:
        cache.close()
    counts = {"written": 0, "plain": 0, "failed": 0, "missing": 0}
    for row, subject in enumerate(subjects):
        form, text = found.get(subject, ("missing", ""))
        if form in ("failed", "missing"):
            counts[form] += 1
            continue
        fallback[row] = text
        counts["written"] += 1
        counts["plain"] += form == "plain"
    if not counts["written"]:
        raise _nothing(what, scope, dataset, model, "no answer has arrived yet")
    return LlmTexts(fallback, job["model"], job["prompt_version"], **counts)


def _latest_job(
    cache: LlmCache, what: str, scope: str, dataset: Dataset, train: Sequences, model: str
) -> dict[str, Any]:
    wanted = {"dataset": dataset.identity, "what": what, "scope": scope} | ({"model": model} if model else {})
    jobs = cache.jobs(**wanted)
    same_train = [job for job in jobs if job["train"] == train_fingerprint(train)]
    if not same_train:
        reason = (
            "those in the cache have seen another train part (another split)" if jobs else "there are none"
        )
        raise _nothing(what, scope, dataset, model, reason)
    # A job that was only begun (a wrong key, say) must not hide the texts of an earlier one.
    return next((job for job in same_train if job["done"]), same_train[0])


def _nothing(what: str, scope: str, dataset: Dataset, model: str, reason: str) -> DataError:
    by = f" by '{model}'" if model else ""
    flag = f" --scope {scope}" if what == "users" else ""
    return DataError(
        f"semantics.{what}=llm needs texts of {what}{by} for {dataset.name}, and {reason}; "
        f"write them with: sracl describe {dataset.folder} --what {what}{flag} --model NAME --base-url URL"
    )
