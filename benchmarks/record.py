"""Keep a finished run's evidence: settings, seed, versions, wall time, curve and metrics as JSON.

sracl train data/beauty --preset best --seed 42 --name best-42
python benchmarks/record.py runs/*-best-42 benchmarks/results/best-42.json

Of several runs, which differ in seed, epochs and minutes alone, also mean and deviation of the test.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.runs.directory import open_run
from sracl_core.runs.reader import read_history
from sracl_core.runs.records import at_largest, loss_names

WHEN = ("epoch", "elapsed", "seconds", "prefixes_per_second")


def evidence(path: Path) -> dict[str, Any]:
    """What a run directory proves, without paths of the machine it ran on."""
    run = open_run(path)
    meta, results = run.meta(), run.results()
    if results is None:
        raise SystemExit(f"{path} has no results.json: the run has not finished")
    config = run.config.model_dump(mode="json")
    config["dataset"]["path"] = Path(config["dataset"]["path"]).name
    if (encoder := Path(config["semantics"]["encoder"])).is_absolute():  # a folder, and not a model's name
        config["semantics"]["encoder"] = encoder.name
    epochs = read_history(path).epochs
    names = (*WHEN, *loss_names(epochs, meta))
    shown = _shown(results["valid"]["unmasked"])
    curve = [
        {**{name: epoch.get(name) for name in names}, shown: epoch["valid"]["unmasked"][shown]}
        for epoch in epochs
        if epoch.get("valid")
    ]
    dataset = {name: value for name, value in meta["dataset"].items() if name != "path"}
    return {
        "dataset": dataset,
        "config": config,
        "seed": meta["seed"],
        "versions": meta["versions"],
        "machine": meta["machine"],
        "semantics": meta.get("semantics"),
        "results": results,
        "curve": curve,
    }


def _shown(metrics: dict[str, float]) -> str:
    """NDCG@20, which curves.py draws; where the run has other cut-offs, at the largest."""
    named = at_largest(name for name in metrics if name.startswith("NDCG@"))
    return "NDCG@20" if "NDCG@20" in metrics else named[0]


def seeds(paths: list[Path]) -> dict[str, object]:
    """Of runs that differ in seed, epochs and minutes alone: each by its seed, mean and sample deviation."""
    runs = {str(found["seed"]): found for found in map(evidence, paths)}
    settings = set()
    for found in runs.values():
        config = copy.deepcopy(found["config"])
        for name in ("seed", "max_epochs", "max_minutes"):
            config["training"].pop(name)
        settings.add(json.dumps([config, found["dataset"]], sort_keys=True))
    if len(settings) != 1 or len(runs) != len(paths):
        raise SystemExit("the runs differ in more than seed, epochs and minutes, or two have one seed")
    tests = [found["results"]["test"] for found in runs.values()]
    told = {
        name: {
            kind: {key: of([test[kind][key] for test in tests]) for key in tests[0][kind]}
            for kind in tests[0]
        }
        for name, of in (("mean", statistics.mean), ("deviation", statistics.stdev))
    }
    kept = ("results", "curve", "versions", "machine")
    first = next(iter(runs.values()))
    each = {seed: {name: found[name] for name in kept} for seed, found in runs.items()}
    return {"dataset": first["dataset"], "config": first["config"], "test": told, "seeds": each}


def main() -> None:
    """Write the evidence of one run, or of several."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = evidence(options.run[0]) if len(options.run) == 1 else seeds(options.run)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
