"""What a person does with runs that are there: rename, note, sort, remove."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

from sracl_core import disk
from sracl_core.errors import InputError, RunError, nearest
from sracl_core.files import storage_error, write_text
from sracl_core.runs.directory import RunDirectory, run_label
from sracl_core.runs.lock import only_writer
from sracl_core.runs.summary import RunSummary

NOTE = "note.txt"
MOST_CHARACTERS = 2000
_TAG = re.compile(r"(?<!\S)#(\w[\w-]*)")
_TEXTS = ("name", "status", "dataset", "model")
_NUMBERS = ("created", "seed", "epoch", "best_epoch", "training_seconds")


def note_of(run: RunDirectory) -> str:
    """What a person wrote about the run, "" where nothing."""
    try:
        with (run.path / NOTE).open(encoding="utf-8", errors="replace") as file:
            return file.read(MOST_CHARACTERS).strip()
    except OSError:
        return ""


def tags_of(note: str) -> list[str]:
    """The tags of a note: its words that begin with #, each once, without it and in small letters.

    >>> tags_of("#Baseline of the paper, #to-keep")
    ['baseline', 'to-keep']
    """
    return list(dict.fromkeys(word.lower() for word in _TAG.findall(note)))


def set_note(run: RunDirectory, text: str) -> None:
    """Keep `text` beside the run; "" removes it. Raises InputError, StorageError."""
    path = run.path / NOTE
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"a note has at most {MOST_CHARACTERS:,} characters, this one {len(text):,}")
    if text.strip():
        write_text(path, text.strip() + "\n")
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path, "remove") from error


def rename(run: RunDirectory, name: str) -> RunDirectory:
    """Give the run another name; the time it was made stays before it.

    Raises InputError for a name that is none, RunError where one is called so, or the run is being written.
    """
    stamp = "-".join(run.name.split("-", 2)[:2])
    kept = stamp.replace("-", "").isdigit() and len(stamp) == len("20260101-120000")
    path = run.path.with_name(f"{stamp}-{run_label(name)}" if kept else run_label(name))
    with only_writer(run):
        if path.exists():
            raise RunError(f"{path} is there already; choose another name")
        try:
            run.path.rename(path)
        except OSError as error:
            raise storage_error(error, path) from error
    return RunDirectory(path)


def remove(run: RunDirectory) -> None:
    """Delete the run. Raises RunError while it is being written, StorageError where that cannot be done."""
    # Under another name it is no run any more, and what a kill leaves of it is swept up later.
    disk.sweep(run.path.parent)
    aside = disk.beside(run.path)
    with only_writer(run):
        try:
            run.path.rename(aside)
        except OSError as error:
            raise storage_error(error, run.path, "remove") from error
    try:
        if aside.is_symlink():  # the run itself lies elsewhere, and stays
            aside.unlink()
        else:
            shutil.rmtree(aside)
    except OSError as error:
        raise storage_error(error, aside, "remove") from error


def size_of(run: RunDirectory) -> int:
    """Bytes of the run's files."""
    return sum(path.lstat().st_size for path in run.path.rglob("*") if path.is_file())


def ordered(summaries: Sequence[RunSummary], key: str) -> list[RunSummary]:
    """By `key`: a column, or a metric such as "NDCG@20" or "masked/NDCG@20" (test; else validation).

    Metrics from the best down, those without at the end; times from the newest; the rest up from the least.
    Raises InputError for a key that no run has.
    """
    if key in _TEXTS:
        return sorted(summaries, key=lambda one: (str(getattr(one, key)), -one.created))
    if key in _NUMBERS:
        sign = -1 if key == "created" else 1
        held = {one.path: getattr(one, key) for one in summaries}
        return sorted(summaries, key=lambda one: (held[one.path] is None, sign * (held[one.path] or 0)))
    mask, _, name = key.rpartition("/")
    require_metric(summaries, key)
    values = {one.path: _metric(one, mask, name) for one in summaries}
    return sorted(summaries, key=lambda one: (values[one.path] is None, -(values[one.path] or 0.0)))


def metric_shown(one: RunSummary, key: str) -> str:
    """Which metric of a run a list sorted by `key` shows: that one, else what chose the run's best epoch."""
    if key in (*_TEXTS, *_NUMBERS):
        return one.headline
    return key if "/" in key else f"{one.headline.partition('/')[0]}/{key}"


def metrics_of(summaries: Sequence[RunSummary]) -> list[str]:
    """Every "mask/metric" that a run has, in the order of the first that has it."""
    return list(
        dict.fromkeys(
            f"{mask}/{metric}"
            for one in summaries
            for part in (one.test, one.valid)
            for mask, held in part.items()
            for metric in held
        )
    )


def require_metric(summaries: Sequence[RunSummary], key: str) -> None:
    """Raise InputError, with the nearest name, where no run has the metric `key`, such as "masked/HR@10"."""
    mask, _, name = key.rpartition("/")
    if summaries and all(_metric(one, mask, name) is None for one in summaries):
        metrics = {metric for one in summaries for held in one.valid.values() for metric in held}
        known = [*_TEXTS, *_NUMBERS, *sorted(metrics)]
        raise InputError(f"no run has '{key}' to sort by{nearest(key, known)}; there are {', '.join(known)}")


def metric_of(one: RunSummary, part: str, mask: str, name: str) -> float | None:
    """A metric of "test" or "valid"; without a mask under the one that chose the best epoch."""
    held = one.test if part == "test" else one.valid
    return held.get(mask or one.headline.partition("/")[0], {}).get(name)


def _metric(one: RunSummary, mask: str, name: str) -> float | None:
    on_test = metric_of(one, "test", mask, name)
    return metric_of(one, "valid", mask, name) if on_test is None else on_test
