"""What the Data screen draws: the datasets that are here or could be, and what each one holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sracl_core.words import counted
from sracl_tui.content import Content, TextualContent, line
from sracl_tui.datasets import DatasetLine
from sracl_tui.glyphs import padded_bar
from sracl_tui.view_models import count
from sracl_tui.widgets.facts import Fact, Facts
from sracl_tui.widgets.split_line import SplitLine

STATES = {
    "ready": ("✓", "ready", "$success"),
    "here": ("●", "to prepare", "$primary"),
    "fetch": ("↓", "to fetch", "$muted"),
    "put": ("·", "bring the files", "$muted"),
    "missing": ("✗", "missing", "$error"),
    "damaged": ("✗", "damaged", "$error"),
}
BAR = 30
NAMES = 14


def catalog(entries: Iterable[Mapping[str, Any]], ready: Sequence[DatasetLine]) -> list[DatasetLine]:
    """The datasets that the product knows and that are not prepared yet."""
    names = {line.name for line in ready}
    return [
        DatasetLine(f"catalog:{entry['name']}", str(entry["name"]), str(entry["state"]), entry=entry)
        for entry in entries
        if entry["name"] not in names
    ]


def row(dataset: DatasetLine) -> SplitLine:
    """A dataset in two lines."""
    sign, word, color = STATES.get(dataset.state, STATES["missing"])
    about = (
        f"  {count(dataset.counts.get('users'), 'user')}, {count(dataset.counts.get('items'), 'item')}"
        if dataset.counts
        else f"  {dataset.entry.get('about', '')}"
    )
    return SplitLine(
        (
            Content.assemble(
                (dataset.name, "bold"), (f"  {dataset.place}" if dataset.place else "", "$muted")
            ),
            Content.styled(f"{sign} {word}", color),
        ),
        (Content.styled(about, "$muted"), ""),
    )


def overview(facts: Mapping[str, Any]) -> Facts:
    """The figures of a prepared dataset."""
    lengths, popularity, time = facts["sequence_length"], facts["item_popularity"], facts["time"]
    coverage = facts["text_coverage"]
    pairs = [
        ("users", count(facts["users"])),
        ("items", count(facts["items"])),
        ("interactions", count(facts["interactions"])),
        ("density", f"{facts['density']:.4%}"),
        ("a user has", _spread(lengths)),
        (
            "an item has",
            f"{_spread(popularity)}; the top tenth has {popularity['top_tenth_share']:.0%} of all",
        ),
        ("time", f"{time.get('first_date', time['first'])} to {time.get('last_date', time['last'])}"),
        ("text", ", ".join(f"{name} {share:.0%}" for name, share in coverage.items()) or "none"),
        ("licence", str(facts.get("licence") or "not stated")),
        ("identity", str(facts["identity"])[:16]),
    ]
    lines: list[Fact | TextualContent] = [*pairs]
    if not coverage or facts.get("items_without_title") == facts["items"]:
        lines.append(Content(""))
        lines.append(
            Content.assemble(
                ("! ", "bold $warning"), "No item has a title: semantic neighbors come from ids alone."
            )
        )
    return Facts([*lines, *_funnel(facts.get("funnel") or ())], NAMES)


def _funnel(steps: Sequence[Mapping[str, Any]]) -> list[Content]:
    """What each step of preparing left, in columns as wide as what they hold."""
    title, names = "How it was filtered", ("users", "items", "interactions")
    first = max(len(title), *(len(step["step"]) for step in steps)) if steps else len(title)
    widths = [max(len(name), *(len(f"{step[name]:,}") for step in steps), 0) + 2 for name in names]
    heads = "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    lines = [Content.assemble("\n", (f"{title:<{first}}", "bold"), (heads, "$muted"))]
    for step in steps:
        numbers = (f"{step[name]:>{width},}" for name, width in zip(names, widths, strict=True))
        lines.append(Content(f"{step['step']:<{first}}{''.join(numbers)}"))
    return lines


def distributions(facts: Mapping[str, Any]) -> Content:
    """How long the users' histories are, and how often the items are bought."""
    lines: list[Content] = []
    for key, title in (
        ("sequence_length", "users by number of interactions"),
        ("item_popularity", "items by number of interactions"),
    ):
        bars = facts["histograms"][key]
        most = max((number for _, number in bars), default=1)
        lines.append(Content.styled(("\n" if lines else "") + title, "bold"))
        lines += [
            Content.assemble(
                (f"{label:>12}  ", "$muted"), (padded_bar(number / most, BAR), "$primary"), f" {number:,}"
            )
            for label, number in bars
        ]
    return Content("\n").join(lines)


def split(facts: Mapping[str, Any]) -> Facts:
    """What leave-one-out makes of it."""
    sizes = facts["split"]
    pairs = [
        (
            "training",
            f"{counted(sizes['train_interactions'], 'interaction')}, "
            f"{counted(sizes['train_prefixes'], 'prefix', 'prefixes')}",
        ),
        ("validation", f"{counted(sizes['valid_users'], 'user')}: the item before their last"),
        ("test", f"{counted(sizes['test_users'], 'user')}: their last item"),
        ("too short", counted(sizes["users_too_short"], "user")),
    ]
    note = "Leave-one-out; a run may choose a temporal split instead (F2, dataset.split)."
    return Facts([*pairs, Content(""), Content.styled(note, "$muted")], NAMES)


def preview(facts: Mapping[str, Any]) -> Content:
    """Some items with their text, some users with their latest items."""
    lines: list[Content] = []
    for item in facts["preview"]["items"]:
        rest = [str(held) for name, held in item.items() if name not in ("item_id", "title") and held]
        title = str(item.get("title") or item["item_id"])
        lines.append(line(Content.assemble((title, "bold"), (f"  {item['item_id']}", "$muted"))))
        said = "  " + " · ".join(rest) if rest else "  no text beside the id"
        lines.append(line(Content.styled(said, "$muted")))
    lines.append(Content.styled("\nUsers and their latest items", "bold"))
    lines += [
        line(
            Content.assemble(
                (user["user"], "bold"), (f"  {user['length']}  ", "$muted"), ", ".join(user["latest"])
            )
        )
        for user in facts["preview"]["users"]
    ]
    return Content("\n").join(lines)


def entry_text(entry: Mapping[str, Any]) -> Facts:
    """A dataset of the catalogue that is not prepared."""
    size = sum(int(file.get("size") or 0) for file in entry.get("files") or ())
    pairs = [
        ("what", str(entry.get("about") or "")),
        ("size", f"{size / 1e6:,.0f} MB to fetch" if size else "unknown: the host does not say"),
        ("licence", str(entry.get("licence") or "not stated")),
        ("cite", str(entry.get("citation") or "")),
        ("page", str(entry.get("page") or "")),
        ("folder", str(entry.get("folder") or "")),
    ]
    if entry.get("state") != "fetch":
        pairs.pop(1)
    todo = {
        "here": "Press enter: it is prepared with the usual filter (5-core). p asks for details first.",
        "fetch": "Press enter to fetch it from its authors' host.",
        "put": str(entry.get("manual") or "Its files have to be brought by hand."),
    }.get(str(entry.get("state")), "")
    told = [(name, text) for name, text in pairs if text]
    return Facts([*told, Content(""), Content.styled(todo, "bold")], NAMES)


def nothing(filtered: str, looking: bool) -> Content:
    """In place of a dataset, where none is listed, or not all are known yet."""
    said = f"No dataset has “{filtered}”." if filtered else "Nothing here yet: a imports your own files."
    said = "looking for datasets…" if looking else said
    return Content.styled(said, "$muted")


def _spread(held: Mapping[str, Any]) -> str:
    return f"{held['min']:g} to {held['max']:g}, median {held['median']:g}, mean {held['mean']:.1f}"
