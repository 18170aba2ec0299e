"""The files of an export; docs/deploy.md says what each holds."""

from __future__ import annotations

VERSION, READ = 3, (2, 3)
"""What is written and what is read. 3 has `counts`, which a reader of 2 would leave out without a word."""
ABOUT, ENCODER, INDEX = "export.json", "encoder.onnx", "items.hnsw"
ITEMS, VECTORS, TEXTS = "items.json", "item_vectors.npy", "text_vectors.npy"
REPEATS, POPULARITY = "repeat_bias.npy", "popularity.npy"
RELATED, SHARES = "related_items.npy", "related_shares.npy"
CHECKED = (ENCODER, INDEX, ITEMS, VECTORS, TEXTS, REPEATS, POPULARITY, RELATED, SHARES)
"""Files that decide an answer: export.json has the hash of each."""
