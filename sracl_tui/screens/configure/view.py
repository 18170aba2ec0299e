"""What the Configure screen draws, worked out from the form alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sracl_core.json_values import flat
from sracl_core.progress import duration
from sracl_core.words import to_encode
from sracl_tui.content import Content, TextualContent
from sracl_tui.screens.configure.form import DATASET, FormModel, Resolved, as_text
from sracl_tui.view_models import count, short_name
from sracl_tui.widgets.facts import Fact, Facts
from sracl_tui.widgets.split_line import SplitLine, Text

NAMES = 20
PLAN_WORDS = {
    "dataset": "dataset",
    "users": "users",
    "items": "items",
    "interactions": "interactions",
    "split": "split",
    "training_prefixes": "training prefixes",
    "mean_prefix_length": "mean prefix length",
    "items_without_text": "items without text",
    "texts_to_encode": "texts to encode",
    "neighbors": "neighbors",
    "backbone": "backbone",
    "parameters": "parameters",
    "objectives": "objectives",
    "device": "device",
    "steps_per_epoch": "steps an epoch",
    "max_epochs": "epochs at most",
    "sequences_per_step": "sequences at once",
    "memory_mb": "memory, MB",
}
TIMES = ("seconds_per_epoch", "seconds_at_most", "measured_in")
"""Said in one line of their own, the first."""


def matching(form: FormModel, section: str, wanted: str) -> list[str]:
    """The settings to show: of a section, or with `wanted` in name or description.

    What is said elsewhere as ``--set key=value`` finds the key.
    """
    wanted = wanted.removeprefix("--set ").partition("=")[0]
    if not wanted:
        return [setting.key for setting in form.sections()[section]]
    return [
        key
        for key, setting in form.known.items()
        if wanted in key.lower() or wanted in (setting.field.description or "").lower()
    ]


def no_setting(wanted: str) -> Content:
    """In place of the fields, where the search finds none."""
    return Content.styled(f"No setting has “{wanted}” in its name or description.", "$muted")


def section_rows(form: FormModel, resolved: Resolved) -> list[tuple[str, SplitLine]]:
    """The sections, with how many entries and problems each one has."""
    rows = []
    for name, group in form.sections().items():
        keys = [setting.key for setting in group]
        changed = sum(key in form.entries for key in keys if key != DATASET)
        wrong = sum(key in resolved.problems for key in keys)
        right = (
            Content.styled(f"✗ {wrong} wrong", "bold $error")
            if wrong
            else Content.styled(f"● {changed} changed", "$accent")
            if changed
            else Content.styled("off" if form.idle(name) else "", "$muted")
        )
        short: list[Text] = [name, name.rpartition(".")[2]]
        rows.append((name, SplitLine((short, right))))
    return rows


def changes(form: FormModel, resolved: Resolved) -> Content:
    """How the settings differ from the preset, and which files or variables took part."""
    base = form.base()
    entries = {key: text for key, text in form.entries.items() if key != DATASET}
    lines = [Content.assemble(("preset  ", "$muted"), (form.preset or "defaults", "bold"), "\n")]
    if not entries:
        lines.append(Content.styled("Nothing differs from the preset.", "$muted"))
    for key, text in entries.items():
        lines.append(Content.styled(key, "bold"))
        lines.append(Content.assemble(("  − ", "$error"), as_text(base[key])))
        lines.append(Content.assemble(("  + ", "$success"), text))
    outside = {
        key: origin
        for key, origin in resolved.origins.items()
        if origin != "default" and not origin.startswith(("--set", "--preset"))
    }
    if outside:
        lines.append(Content.styled("\nset outside this form", "bold"))
        lines += [Content.assemble(key, (f"  {origin}", "$muted")) for key, origin in outside.items()]
    return Content("\n").join(lines)


def command(line: str) -> Content:
    """The command line, to be copied."""
    return Content.assemble(("$ ", "bold $accent"), (line, "bold"))


def problems(resolved: Resolved) -> Content:
    """Every problem in one line each."""
    return Content("\n").join(
        Content.assemble(("✗ ", "bold $error"), (f"{key}: " if key else "", "bold"), text)
        for key, text in resolved.problems.items()
    )


def refused(why: str) -> Content:
    """Why the last training did not start, nothing where it did."""
    return Content.assemble(("✗ the last one could not start: ", "bold $error"), why) if why else Content("")


def estimate(plan: Mapping[str, Any] | None, note: str, texts: Sequence[Mapping[str, Any]] = ()) -> Facts:
    """The plan of `sracl train --dry-run`, or why there is none yet."""
    if plan is None:
        return Facts([Content.styled(note, "$muted")], NAMES)
    planned = {key: held for key, held in plan.items() if key not in (*TIMES, "remarks", "texts")}
    planned["texts_to_encode"] = to_encode(plan["texts_to_encode"], plan["texts"])
    lines: list[Fact | TextualContent] = [("training time", Content.styled(_time(plan), "bold"))]
    lines += [(PLAN_WORDS.get(key, key), _value(held)) for key, held in planned.items()]
    lines += [Content.assemble(("! ", "bold $warning"), str(text)) for text in plan.get("remarks", ())]
    if not texts:
        lines.append(("LLM calls", "none: no text is written by an LLM"))
    return Facts([*lines, *cost_of_texts(texts)], NAMES)


def _time(plan: Mapping[str, Any]) -> str:
    """How long it takes, as an earlier run of this machine had it, else that this is not known."""
    each, most = plan.get("seconds_per_epoch"), plan.get("seconds_at_most")
    if each is None or most is None:
        return "unknown: nothing like it was trained here yet"
    run = short_name(str(plan.get("measured_in")))
    return f"at most {duration(most)} ({duration(each)} an epoch, as in {run})"


def cost_of_texts(texts: Sequence[Mapping[str, Any]]) -> list[Fact | TextualContent]:
    """What `sracl describe --dry-run` said of each kind of text."""
    if not texts:
        return []
    lines: list[Fact | TextualContent] = [
        Content.styled("\ntexts by an LLM, written once with `sracl describe`", "bold")
    ]
    for asked in texts:
        lines += [
            (key.replace(".", " "), _value(held))
            for key, held in flat(asked).items()
            if not isinstance(held, list)
        ]
    return lines


def without_plan(problem: str, texts: Sequence[Mapping[str, Any]]) -> Facts:
    """Why there is no plan, and what the texts would cost even so."""
    return Facts([Content.assemble(("✗ ", "bold $error"), problem), *cost_of_texts(texts)], NAMES)


def describe_questions(form: FormModel) -> list[list[str]]:
    """What follows ``sracl describe`` for each kind of text that the run wants from an LLM."""
    kinds = [part for part in ("items", "users") if form.shown(f"semantics.{part}") == "llm"]
    sets = [word for text in form.sets() for word in ("--set", text)]
    return [[form.shown(DATASET), "--what", kind, "--dry-run", *sets] for kind in kinds]


def _value(held: Any) -> str:
    return count(held) if isinstance(held, int) and not isinstance(held, bool) else as_text(held)
