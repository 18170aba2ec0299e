"""What the import form asks for, and the words of `sracl data prepare` that come of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from sracl_core.methods import READERS, names

Held = dict[str, str]
"""What stands in the form, by option."""


class Entry(NamedTuple):
    """A line of the form: the option of the command, its name here, what to type, what stands there first."""

    option: str
    title: str
    hint: str
    default: str = ""


class Column(NamedTuple):
    """A line of the form that is chosen from the files' columns: which role they have, of which part.

    without: what comes of there being none.
    """

    option: str
    title: str
    role: str
    part: str = "log"
    without: str = ""


class Choice(NamedTuple):
    """A drop-down of the form. usual: what holds where nothing is chosen. others: (words here, value)."""

    option: str
    title: str
    usual: str
    others: tuple[tuple[str, str], ...]


ENTRIES = (
    Entry("source", "files or folder", "with spaces between several; → completes"),
    Entry("name", "name", "what the dataset is called"),
    Entry("k-core", "least interactions", "of each user and item; 1 keeps all", "5"),
    Entry("time-format", "time format", "found by itself; else such as %d/%m/%Y"),
    Entry("min-rating", "least rating", "empty keeps every rating"),
    Entry("events", "events to keep", "such as purchase,cart; empty keeps all"),
    Entry("since", "from", "a date such as 2019-01-01; empty keeps the oldest"),
    Entry("until", "before", "a date; empty keeps the latest"),
    Entry("valid", "validation part", "files, where the split is your own"),
    Entry("test", "test part", "files, where the split is your own"),
)
TEXTS = Entry("text-cols", "text columns", "")
COLUMNS = (
    Column("user-col", "user column", "user"),
    Column("item-col", "item column", "item"),
    Column("time-col", "time column", "time"),
    Column("title-col", "title column", "title", "items", "items then go by their ids"),
    Column("rating-col", "rating column", "rating"),
    Column("event-col", "event column", "event"),
)
FIRST = ("source", "name")
"""What stands above the first rows of the files."""
USUAL = ("user-col", "item-col", "time-col", "title-col", "k-core")
"""What stands right below them, as most imports need no more; the rest follows."""
CHOICES = (
    Choice("format", "format", "found by itself", tuple((name, name) for name in names(*READERS))),
    Choice("header", "first line", "found by itself", (("names of columns", "yes"), ("data", "no"))),
    Choice("order", "order of rows", "by their times", (("as they stand, without times", "rows"),)),
    Choice("ties", "rows of one time", "as they stand", (("shuffled", "shuffle"), ("by item id", "id"))),
    Choice("drop-empty", "empty cells", "are an error", (("rows left out and counted", "yes"),)),
)
_TITLES = {each.option: each.title for each in (*ENTRIES, TEXTS, *COLUMNS, *CHOICES)} | {
    "out": "name",
    "no-header": "first line",
}
_FLAGS = {
    ("header", "yes"): "--header",
    ("header", "no"): "--no-header",
    ("drop-empty", "yes"): "--drop-empty",
}
_FILES = ("valid", "test")


def fresh(source: str) -> Held:
    """What stands in the form at first."""
    quoted = shlex.quote(source) if source else ""
    return {entry.option: entry.default for entry in ENTRIES} | {"source": quoted, "name": source}


def arguments(held: Held, data_dir: Path) -> list[str]:
    """What follows ``sracl data prepare`` for these entries."""
    sources, name = sources_of(held["source"]), name_of(held)
    asked = [each.option for each in (*ENTRIES[2:], TEXTS, *COLUMNS, *CHOICES)]
    return [*sources, "--out", str(data_dir / name), "--name", name, *_options(held, asked)]


def name_of(held: Held) -> str:
    """What the dataset is called: as the first file where nothing is said."""
    return held["name"] or Path(sources_of(held["source"])[0]).stem


def questions(held: Held) -> list[str]:
    """What follows ``sracl data look`` for these entries; text columns are chosen of its answer."""
    asked = [each.option for each in COLUMNS] + ["time-format", "format", "header", "order"]
    return [*sources_of(held["source"]), *_options(held, asked)]


def _options(held: Held, asked: list[str]) -> list[str]:
    words = []
    for option in asked:
        value = held.get(option, "")
        if (option, value) in _FLAGS:
            words.append(_FLAGS[option, value])
        elif value:
            for part in sources_of(value) if option in _FILES else [value]:
                words += [f"--{option}", part]
    return words


def in_words_of_the_form(message: str) -> str:
    """An error of the command, with what it calls an option as the form calls it.

    >>> in_words_of_the_form("for dates give --time-format auto")
    'for dates give “time format” auto'
    """
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda found: _in_words(found[1], found[0]), message)


def sources_of(text: str) -> list[str]:
    """One path with spaces in it, if that exists, else the words, as a shell reads them.

    >>> sources_of("a.csv 'my items.csv'")
    ['a.csv', 'my items.csv']
    """
    try:
        words = [text] if Path(text).expanduser().exists() else shlex.split(text)
    except ValueError:  # a quote that is not closed
        words = text.split()
    return [str(Path(word).expanduser()) if word.startswith("~") else word for word in words]


def _in_words(option: str, whole: str) -> str:
    return f"“{_TITLES[option]}”" if option in _TITLES else whole
