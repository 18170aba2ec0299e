"""Which files make a sentence-transformers model, on disk and on the Hugging Face hub."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath

from sracl_core.errors import ConfigError, ServiceError
from sracl_core.sealed import file_hash

_ENCODING_VERSION = 1
_PARTS = {".json", ".txt", ".model", ".safetensors", ".bin", ".jinja"}
_OTHER_RUNTIMES = {"onnx", "openvino", "coreml", "tflite", "gguf", ".git", ".cache"}
_UNUSED = {"data_config.json"}
_HUB_ORGANIZATION = "sentence-transformers"


def needed(names: Iterable[str]) -> list[str]:
    """Of the files of a model (posix names), those that PyTorch reads, sorted.

    >>> needed(["model.safetensors", "pytorch_model.bin", "onnx/model.onnx", "config.json", "README.md"])
    ['config.json', 'model.safetensors']
    """
    paths = [PurePosixPath(name) for name in names]
    with_safetensors = {path.parent for path in paths if path.suffix == ".safetensors"}
    return sorted(
        str(path)
        for path in paths
        if path.suffix in _PARTS
        and path.name not in _UNUSED
        and not _OTHER_RUNTIMES.intersection(path.parts)
        and not (path.suffix == ".bin" and path.parent in with_safetensors)
    )


def model_files(folder: Path) -> list[Path]:
    """The files in `folder` that decide what its model computes, in a fixed order."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [folder / name for name in needed(names)]


def fingerprint(folder: Path) -> str:
    """Hash of every file that decides a vector, whatever the folder is called."""
    digest = hashlib.sha256(f"sracl encoding {_ENCODING_VERSION}".encode())
    for path in model_files(folder):
        digest.update(f"\n{path.relative_to(folder).as_posix()} {known_hash(path)}".encode())
    return digest.hexdigest()


def known_hash(path: Path) -> str:
    """sha256 of a file, which a process reads once for as long as the file stays what it is.

    The weights of an encoder are some 90 MB, half a second of a core, and a run asks several times.
    """
    now = path.stat()
    return _hash_of(path.resolve(), now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


@cache
def _hash_of(path: Path, *_: int) -> str:
    return file_hash(path)


def hub_folder(name: str, *, download: bool = True) -> Path | None:
    """The local copy of the model `name` of the Hugging Face hub, downloaded if need be.

    Without `download` None where there is no copy.

    sentence-transformers asks an unreachable hub fifteen times, 70 s in all, and then names a
    proxy; this asks once. Raises ConfigError for an unknown name, ServiceError for a hub that
    cannot be reached.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repository = name if "/" in name else f"{_HUB_ORGANIZATION}/{name}"
    try:
        return Path(huggingface_hub.snapshot_download(repository, local_files_only=True))
    except LocalEntryNotFoundError:
        return _download(name, repository) if download else None
    except (HFValidationError, ValueError) as error:
        raise ConfigError(
            f"semantics.encoder '{name}' is no folder and no name of a sentence-transformers model; "
            "give either"
        ) from error


def _download(name: str, repository: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    advice = "give a folder, or all-MiniLM-L6-v2, which comes with the install"
    try:
        found = huggingface_hub.HfApi().model_info(repository, timeout=20)
        names = needed(sibling.rfilename for sibling in found.siblings or ())
        return Path(huggingface_hub.snapshot_download(repository, allow_patterns=names))
    except RepositoryNotFoundError as error:
        raise ConfigError(
            f"semantics.encoder '{name}': huggingface.co has no model {repository}; {advice}"
        ) from error
    except HfHubHTTPError as error:
        raise ServiceError(
            f"semantics.encoder '{name}': huggingface.co answered {error}; {advice}"
        ) from error
    except Exception as error:
        # Which library reports a lost connection, and with which class, changes with the hub's version.
        raise ServiceError(
            f"semantics.encoder '{name}' is no folder, is not in the local Hugging Face cache, and "
            f"huggingface.co cannot be reached ({type(error).__name__}); {advice}"
        ) from error
