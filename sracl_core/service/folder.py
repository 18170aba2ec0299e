"""The files of an export; docs/deploy.md says what each holds."""

from __future__ import annotations

VERSION = 1
ABOUT, ENCODER, INDEX = "export.json", "encoder.onnx", "items.hnsw"
ITEMS, VECTORS, TEXTS = "items.json", "item_vectors.npy", "text_vectors.npy"
REPEATS, POPULARITY = "repeat_bias.npy", "popularity.npy"
