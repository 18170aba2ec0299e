"""`sracl runs show RUN --groups` and `sracl compare --groups`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sracl_core.cli import output
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.records import at_largest
from sracl_core.settings.models import MASKS

if TYPE_CHECKING:
    from sracl_core.studies.grouping import Groups


def show_groups(run: RunDirectory, as_json: bool) -> None:
    """Metrics of the test part by group, and what the lists show beside hits."""
    from sracl_core.data.sources import sources_of
    from sracl_core.evaluation.groups import beyond_accuracy, groups, long_tail
    from sracl_core.studies.grouping import text_vectors

    sources = sources_of(run, run.config)
    ks = run.config.evaluation.ks
    found, beyond = groups(run, sources, ks), beyond_accuracy(run, sources, text_vectors([run]))
    tail = long_tail(run, sources)
    if as_json:
        output.print_json(
            {"run": str(run.path), "groups": found, "beyond_accuracy": beyond, "long_tail": tail}
        )
        return
    names = at_largest(name for row in found for name in row[MASKS[0]])
    columns = ["by", "group", "test users", *(f"{name} {mask}" for mask in MASKS for name in names)]
    rows = [
        [row["by"], row["group"], row["users"], *(row[mask].get(name) for mask in MASKS for name in names)]
        for row in found
    ]
    output.print_table(columns, rows, "test, by group")
    output.tell()
    measures = list(beyond[MASKS[0]])[1:]
    title = f"what the lists of {beyond[MASKS[0]]['length']:.0f} items show"
    output.print_table(
        ["seen items", *measures],
        [[mask, *(beyond[mask][name] for name in measures)] for mask in MASKS],
        title,
    )
    output.tell()
    rows = [
        [f"{at + 1}", *(f"{shares[at]:.1%}" for shares in tail.values())] for at in range(len(tail["train"]))
    ]
    title = "share of each tenth of the items, the most popular first"
    output.print_table(["tenth", "of training", *(f"of lists, {mask}" for mask in MASKS)], rows, title)


def print_group_table(found: Groups, metric: str) -> None:
    """`metric`, such as "NDCG@20", of every row by group, a table a mask, and what the lists show."""
    methods = list(found.beyond)
    for mask in MASKS:
        rows = [
            [one.by, one.group, one.users, *(one.test[name].get(f"{mask}/{metric}") for name in methods)]
            for one in found.groups
        ]
        title = f"{metric} by group, test, seen items {mask}"
        output.print_table(["by", "group", "test users", *methods], rows, title)
        output.tell()
        measures = [name.partition("/")[2] for name in found.beyond[methods[0]] if name.startswith(mask)]
        shown = [name for name in measures if name != "length"]
        lists = [[name, *(found.beyond[name][f"{mask}/{one}"] for one in shown)] for name in methods]
        output.print_table(["method", *shown], lists, f"what the lists show, seen items {mask}")
        output.tell()
