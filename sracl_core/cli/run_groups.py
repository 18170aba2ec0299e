"""`sracl runs show RUN --groups`."""

from __future__ import annotations

from sracl_core.cli import output
from sracl_core.runs.directory import RunDirectory


def show_groups(run: RunDirectory, as_json: bool) -> None:
    """Metrics of the test part by group, and what the lists show beside hits."""
    from sracl_core.data.sources import sources_of
    from sracl_core.evaluation.groups import MASKS, beyond_accuracy, groups

    sources = sources_of(run, run.config)
    ks = run.config.evaluation.ks
    found, beyond = groups(run, sources, ks), beyond_accuracy(run, sources)
    if as_json:
        output.print_json({"run": str(run.path), "groups": found, "beyond_accuracy": beyond})
        return
    names = [f"{metric}@{max(ks)}" for metric in ("HR", "NDCG")]
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
