"""Keep a finished run's evidence: settings, seed, versions, wall time, curve and metrics as JSON.

sracl train --dataset data/beauty --preset best --seed 42 --name best-42
python benchmarks/record.py runs/*-best-42 benchmarks/results/best-42.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.runs.directory import open_run
from sracl_core.runs.reader import read_history

CURVE = ("epoch", "elapsed", "seconds", "loss", "next_item", "inter", "intra", "prefixes_per_second")


def evidence(path: Path) -> dict[str, object]:
    """What a run directory proves, without paths of the machine it ran on."""
    run = open_run(path)
    meta, results = run.meta(), run.results()
    if results is None:
        raise SystemExit(f"{path} has no results.json: the run has not finished")
    config = run.config.model_dump(mode="json")
    config["dataset"]["path"] = Path(config["dataset"]["path"]).name
    curve = [
        {**{name: epoch.get(name) for name in CURVE}, "NDCG@20": epoch["valid"]["unmasked"]["NDCG@20"]}
        for epoch in read_history(path).epochs
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


def main() -> None:
    """Write the evidence of one run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(evidence(options.run), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
