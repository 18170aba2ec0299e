"""Texts a second of the bundled encoder and of the static vectors distilled from it, in one run.

    python benchmarks/encoders.py --dataset data/beauty [--texts 4000]

An empty cache each time, so that the distillation is counted. `overlap` is the share of an item's ten nearest
by the one that are among its ten nearest by the other, over all items.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.data.dataset import load_dataset
from sracl_core.device import use_threads
from sracl_core.retrieval.neighbors import find_neighbors
from sracl_core.semantics.encode import BUNDLED_NAME, STATIC_NAME, load_encoder
from sracl_core.semantics.template import template_texts
from sracl_core.settings.stages import RetrievalConfig

NEAREST = 10


def main() -> None:
    """Encode the items' texts both ways and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=0, help="only so many; 0: all")
    options = parser.parse_args()
    texts = template_texts(load_dataset(options.dataset)).texts
    texts = texts[: options.texts or len(texts)]
    told: dict[str, object] = {"texts": len(texts), "threads": use_threads(0)}
    near = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SRACL_CACHE_DIR"] = cache
        for name in (BUNDLED_NAME, STATIC_NAME):
            encoder = load_encoder(name)
            began = time.perf_counter()
            encoder.encode(["warm"])
            told[f"{name}: first text, s"] = round(time.perf_counter() - began, 1)
            began = time.perf_counter()
            vectors = encoder.encode(texts)
            told[f"{name}: texts a second"] = round(len(texts) / (time.perf_counter() - began))
            near[name] = find_neighbors(vectors, NEAREST, RetrievalConfig(method="exact")).ids
    shared = [len(set(a) & set(b)) for a, b in zip(*(ids.tolist() for ids in near.values()), strict=True)]
    told["overlap"] = round(float(np.mean(shared)) / NEAREST, 3)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
