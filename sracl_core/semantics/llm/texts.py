"""The texts that `sracl describe` wrote, as training reads them; nothing is asked here."""

from __future__ import annotations

import shlex
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
class Taken:
    """Which texts a run has taken: those of a job that had arrived by a unix time.

    `sracl describe` may write more afterwards; whoever takes the same again gives this.
    """

    job: str
    until: float


@dataclass(frozen=True)
class LlmTexts:
    """Texts of all items or prefixes, and where they come from.

    texts: one for each row; where the model wrote none, the template (items) or the titles (prefixes).
    written: rows with a text of the model. failed, missing: rows without, because the question failed or
    was never asked. plain: rows whose text is an answer that was no JSON (items only).
    """

    texts: list[str]
    taken: Taken
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
            "job": self.taken.job,
            "until": self.taken.until,
        }


def llm_item_texts(
    dataset: Dataset,
    train: Sequences,
    model: str = "",
    cache_path: Path | None = None,
    taken: Taken | None = None,
) -> LlmTexts:
    """A text for every item; row i is item index i + 1.

    train: the train part of the run's split; texts that have seen another one are not used.
    model: whose texts; "" takes the ones that were taken up last. taken: these texts and no others.
    Raises DataError where there are none.
    """
    fallback = template_texts(dataset).texts
    where = _Where("items", "item", dataset, train, model)
    return _texts(where, list(dataset.items.ids), fallback, cache_path, taken)


def llm_prefix_texts(
    dataset: Dataset,
    train: Sequences,
    prefixes: Prefixes,
    scope: str = "user",
    model: str = "",
    cache_path: Path | None = None,
    taken: Taken | None = None,
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
    return _texts(_Where("users", scope, dataset, train, model), subjects, fallback, cache_path, taken)


def latest_model(
    dataset: Dataset, train: Sequences, wanted: Sequence[tuple[str, str]], cache_path: Path | None = None
) -> str:
    """The model whose texts were taken up last, of those that wrote all that is `wanted`.

    wanted: (what, scope) of each kind, ("items", "item") or ("users", "user" or "prefix"). Raises
    DataError where there is no such model.
    """
    cache = LlmCache(cache_path, read_only=True)
    try:
        found = [_Where(what, scope, dataset, train, "").jobs(cache) for what, scope in wanted]
    finally:
        cache.close()
    latest = sorted((job for jobs in found for job in jobs), key=lambda job: -job["updated"])
    models = [{job["model"] for job in jobs} for jobs in found]
    for job in latest:
        if all(job["model"] in of_kind for of_kind in models):
            return str(job["model"])
    model, kinds = str(latest[0]["model"]), zip(wanted, models, strict=True)
    what, scope = next(kind for kind, of_kind in kinds if model not in of_kind)
    raise _Where(what, scope, dataset, train, model).nothing("only other models' are there")


@dataclass(frozen=True)
class _Where:
    """Whose texts are looked for."""

    what: str
    scope: str
    dataset: Dataset
    train: Sequences
    model: str

    def jobs(self, cache: LlmCache) -> list[dict[str, Any]]:
        """The jobs that fit and have texts, the latest first; DataError where there are none.

        Where none has texts, those that were only begun (with a wrong key, say).
        """
        model = {"model": self.model} if self.model else {}
        jobs = cache.jobs(dataset=self.dataset.identity, what=self.what, scope=self.scope, **model)
        same_train = [job for job in jobs if job["train"] == train_fingerprint(self.train)]
        if not same_train:
            reason = (
                "those in the cache have seen another train part (another split)"
                if jobs
                else "there are none"
            )
            raise self.nothing(reason)
        return [job for job in same_train if job["done"]] or same_train

    def nothing(self, reason: str) -> DataError:
        by = f" by '{self.model}'" if self.model else ""
        flag = f" --scope {self.scope}" if self.what == "users" else ""
        place, model = (
            shlex.quote(str(self.dataset.folder)),
            shlex.quote(self.model) if self.model else "NAME",
        )
        return DataError(
            f"semantics.{self.what}=llm needs texts of {self.what}{by} for {self.dataset.name}, "
            f"and {reason}; write them with `sracl describe {place} --what {self.what}{flag} "
            f"--model {model} --base-url URL`"
        )


def _texts(
    where: _Where, subjects: Sequence[str], fallback: list[str], cache_path: Path | None, taken: Taken | None
) -> LlmTexts:
    cache = LlmCache(cache_path, read_only=True)
    try:
        if taken is None:
            (job, *_) = where.jobs(cache)
            taken = Taken(job["id"], cache.latest_answer(job["id"]))
        else:
            jobs = cache.jobs(id=taken.job)
            if not jobs:
                raise where.nothing("those that were taken before are no longer in the cache")
            job = jobs[0]
        found = cache.texts(taken.job, until=taken.until)
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
        raise where.nothing("no answer has arrived yet")
    return LlmTexts(fallback, taken, job["model"], job["prompt_version"], **counts)
