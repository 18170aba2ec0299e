"""The bundled encoder, other folders and names, and what can be wrong with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from sracl_core.errors import ConfigError, InputError, ServiceError, SraclError
from sracl_core.sealed import file_hash
from sracl_core.semantics import model_files
from sracl_core.semantics.encode import (
    KEPT_TEXTS,
    AskedTexts,
    TextEncoder,
    bundled_folder,
    check_weights,
    load_encoder,
)
from sracl_core.semantics.model_files import known_hash

NO_NETWORK = """
import socket
def refuse(*_, **__):
    raise OSError("this test has no network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NO_NETWORK + code],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_vectors_are_those_of_plain_sentence_transformers(minilm: TextEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["Rose soap, by Acme.", "A comb", "", "word " * 400, "Ünïcode ♥"]
    plain = SentenceTransformer(str(bundled_folder()), device="cpu", local_files_only=True)
    expected = np.stack([plain.encode(text, normalize_embeddings=True) for text in texts])
    found = minilm.encode(texts, batch_size=2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    assert minilm.dimension == found.shape[1] == 384


def test_the_published_vector_of_a_known_sentence(minilm: TextEncoder) -> None:
    """The similarities on the model's card: weather with weather, not with driving."""
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = minilm.encode(texts)
    np.testing.assert_allclose(vectors @ vectors[0], [1.0, 0.6660, 0.1046], atol=1e-3)


def test_progress_counts_to_the_end(minilm: TextEncoder) -> None:
    seen: list[tuple[str, int, int]] = []
    minilm.encode(["a", "b", "c"], batch_size=2, progress=lambda *told: seen.append(told))
    assert seen == [("embed", 0, 3), ("embed", 2, 3), ("embed", 3, 3)]


def test_texts_that_are_asked_with_are_read_together_and_once(minilm: TextEncoder) -> None:
    texts = ["tea", "a warm drink for the evening", "tea", "more stillpond"]
    read: list[tuple[str, int, int]] = []
    asked = AskedTexts(lambda: minilm, lambda *told: read.append(told))
    expected = np.stack([minilm.encode([text])[0] for text in texts])
    for _ in range(2):
        np.testing.assert_allclose(asked(texts), expected, atol=1e-5)
    asked(["tea", "yoga"])
    assert read == [("embed", 0, 3), ("embed", 3, 3), ("embed", 0, 1), ("embed", 1, 1)]
    with pytest.raises(InputError, match="the text is empty"):
        asked(["tea", " "])


def test_of_asked_texts_the_latest_stay() -> None:
    class Numbers:
        def encode(self, texts: list[str], progress: object) -> np.ndarray:
            read.extend(texts)
            return np.array([[float(text)] for text in texts], dtype=np.float32)

    read: list[str] = []
    asked = AskedTexts(lambda: cast(TextEncoder, Numbers()))
    many = [str(place) for place in range(KEPT_TEXTS + 1)]
    assert asked(many)[:, 0].tolist() == list(range(KEPT_TEXTS + 1))
    assert asked([many[-1], many[0]])[:, 0].tolist() == [KEPT_TEXTS, 0]
    assert read == [*many, many[0]]


def test_the_bundled_encoder_is_silent_and_asks_no_network() -> None:
    done = run_python(
        "from sracl_core.semantics.encode import load_encoder\n"
        "print(load_encoder('all-MiniLM-L6-v2').encode(['x']).shape)"
    )
    assert (done.stdout, done.stderr) == ("(1, 384)\n", "")


def test_naming_the_encoder_imports_no_torch() -> None:
    code = "import sys; from sracl_core.semantics.encode import load_encoder as f"
    done = run_python(code + "; print(f('all-MiniLM-L6-v2').dimension, 'torch' in sys.modules)")
    assert done.stdout == "384 False\n", done.stderr


def test_a_process_reads_a_file_again_only_where_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, read = tmp_path / "model.safetensors", []
    monkeypatch.setattr(model_files, "file_hash", lambda path: read.append(path) or file_hash(path))
    for content in (b"one", b"two", b"one"):
        beside = tmp_path / "made"
        beside.write_bytes(content)
        beside.replace(weights)
        assert {known_hash(weights) for _ in range(3)} == {sha256(content).hexdigest()}
    assert len(read) == 3


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"something else")
    with pytest.raises(SraclError, match="is not the published all-MiniLM-L6-v2"):
        check_weights(weights, "53aa")
    with pytest.raises(SraclError, match="is missing"):
        check_weights(tmp_path / "other", "53aa")


def test_a_copied_folder_is_the_same_encoder_and_a_changed_one_is_not(
    tmp_path: Path, minilm: TextEncoder
) -> None:
    copied = tmp_path / "mine"
    shutil.copytree(bundled_folder(), copied)
    assert load_encoder(str(copied)).fingerprint == minilm.fingerprint
    (copied / "README.md").write_text("notes")
    assert load_encoder(str(copied)).fingerprint == minilm.fingerprint
    pooling = copied / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text() + " ")
    assert load_encoder(str(copied)).fingerprint != minilm.fingerprint


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no sentence-transformers model"):
        load_encoder(str(tmp_path))


def test_a_folder_with_a_broken_model_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be loaded") as raised:
        load_encoder(str(tmp_path)).encode(["x"])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["no-such-model", "nobody/no-such-model"])
def test_an_unknown_name_without_network_is_one_line_and_quick(name: str, tmp_path: Path) -> None:
    code = (
        "from sracl_core.errors import SraclError\nfrom sracl_core.semantics.encode import load_encoder\n"
        f"try: load_encoder({name!r})\nexcept SraclError as error: print(type(error).__name__, error)"
    )
    done = run_python(code, HF_HOME=str(tmp_path))
    assert done.stdout.startswith("ServiceError ")
    assert done.stdout.count("\n") == 1
    assert name in done.stdout
    assert "cannot be reached" in done.stdout
    assert done.stderr == ""


def test_a_path_that_is_no_name_is_refused() -> None:
    with pytest.raises(InputError, match="no folder and no name"):
        load_encoder("/nowhere/at/all")
    assert not issubclass(ServiceError, InputError)


def test_a_model_with_code_of_its_own_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    shutil.copytree(bundled_folder(), tmp_path / "evil")
    ran = tmp_path / "ran"
    (tmp_path / "evil" / "mine.py").write_text(f"open({str(ran)!r}, 'w')\nclass Module: pass\n")
    modules = tmp_path / "evil" / "modules.json"
    for kind in ("mine.Module", "sentence_transformersx.Module", "os.system", ""):
        modules.write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": kind}]))
        with pytest.raises(ConfigError, match="code of its own"):
            load_encoder(str(tmp_path / "evil")).encode(["x"])
    assert not ran.exists()


@pytest.mark.parametrize(
    "text", ['{"type": "x"}', "[1]", '[{"type": 3}]', "[" * 10_000, "\0", '[{"path": ""}]']
)
def test_a_damaged_list_of_modules_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "modules.json").write_text(text)
    with pytest.raises(ConfigError, match="is damaged"):
        load_encoder(str(tmp_path))


def test_what_a_run_names_is_taken_only_after_the_user_gave_it(tmp_path: Path) -> None:
    copied = tmp_path / "theirs"
    shutil.copytree(bundled_folder(), copied)
    assert load_encoder("all-MiniLM-L6-v2", given=False).name == "all-MiniLM-L6-v2"
    with pytest.raises(ConfigError, match="never given here by yourself"):
        load_encoder(str(copied), given=False)
    load_encoder(str(copied))
    load_encoder(str(copied), given=False)
    with (copied / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ConfigError, match="never given here by yourself"):
        load_encoder(str(copied), given=False)


def test_a_name_in_a_run_asks_no_network(tmp_path: Path) -> None:
    code = (
        "from sracl_core.errors import SraclError\nfrom sracl_core.semantics.encode import load_encoder\n"
        "try: load_encoder('nobody/no-such-model', given=False)\n"
        "except SraclError as error: print(type(error).__name__, error)"
    )
    done = run_python(code, HF_HOME=str(tmp_path))
    assert done.stdout.startswith("ConfigError the encoder 'nobody/no-such-model' was never given here")
