"""Static vectors: one vector a word piece, distilled from the bundled encoder; a text is their mean.

What a sentence encoder says of each word piece alone, in fewer dimensions, weighted so that frequent
pieces count for little: van Dongen and Tulkens, Model2Vec (2024, doi 10.5281/zenodo.17270888), after
the smooth inverse frequency of Arora et al. (ICLR 2017). A minute once, then some fifty times as fast
on a CPU as the encoder itself, and a little less exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.files import cache_folder, make_folder, read_json, whole_folder, write_json
from sracl_core.notices import warn

if TYPE_CHECKING:
    from sracl_core.progress import Progress

WIDTH = 256
_FREQUENT = 1e-4
_AT_ONCE = 512
_ABOUT = "about.json"
_VERSION = 1


def static_fingerprint(teacher: str) -> str:
    """Hash of what decides the vectors: the fingerprint of the encoder distilled, and how it is done."""
    return hashlib.sha256(f"sracl static {_VERSION} {WIDTH} {_FREQUENT} {teacher}".encode()).hexdigest()


def static_folder(fingerprint: str) -> Path:
    """Where the distilled model lies, or will."""
    return cache_folder() / "static" / fingerprint[:32]


def distilled(teacher: Callable[[], Any], folder: Path, progress: Progress) -> Any:
    """The static model of `folder`, distilled from the sentence-transformers model `teacher()` where need be.

    One that was cut or altered is made again, and that is said.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    about = read_json(folder / _ABOUT)
    if about is not None and about.get("files") == _hash_of_files(folder):
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
    if folder.exists():
        warn(f"the static vectors in {folder} are damaged, or of an earlier version; they are made again")
    model = teacher()
    make_folder(folder.parent)
    with whole_folder(folder, replace=True) as work:
        static = StaticEmbedding(_plain_tokenizer(model), embedding_weights=_table(model, progress))
        made = SentenceTransformer(modules=[static, Normalize()], device="cpu")
        made.save(str(work), create_model_card=False)
        write_json(work / _ABOUT, {"files": _hash_of_files(work)}, seal=True)
    return made


def _plain_tokenizer(model: Any) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    return tokenizer


def _table(model: Any, progress: Progress) -> NDArray[np.float32]:
    """float32 [V, WIDTH]: a row for each piece of the vocabulary; 0 for those that stand for no text."""
    import torch

    tokenizer = model.tokenizer
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    real = np.asarray([not (piece.startswith("[") and piece.endswith("]")) for piece in pieces])
    begin, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    vectors: list[NDArray[np.float32]] = []
    progress("distill", 0, len(pieces))
    for start in range(0, len(pieces), _AT_ONCE):
        ids = torch.arange(start, min(start + _AT_ONCE, len(pieces)))
        ids = torch.stack([torch.full_like(ids, begin), ids, torch.full_like(ids, end)], dim=1)
        with torch.inference_mode():
            said = model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        vectors.append(said["sentence_embedding"].numpy())
        progress("distill", start + len(ids), len(pieces))
    found = np.concatenate(vectors)[real].astype(np.float64)
    found -= found.mean(axis=0)
    _, axes = np.linalg.eigh(found.T @ found)
    # The vocabulary's order goes by frequency; Zipf's law gives each piece's share.
    shares = 1.0 / np.arange(1, len(found) + 1)
    shares /= shares.sum()
    table = np.zeros((len(pieces), WIDTH), dtype=np.float32)
    table[real] = (found @ axes[:, ::-1][:, :WIDTH]) * (_FREQUENT / (_FREQUENT + shares))[:, None]
    return table


def _hash_of_files(folder: Path) -> str:
    """Of all that is loaded: a changed letter of the tokenizer changes vectors, too."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _ABOUT):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
