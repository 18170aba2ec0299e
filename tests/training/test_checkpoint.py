from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from sracl_core import disk
from sracl_core.errors import CheckpointError, StorageError
from sracl_core.training import checkpoint


def save(folder, value: float, step: int = 1) -> None:
    checkpoint.save_checkpoint(folder, {"model": {"w": torch.full((4,), value)}}, {"step": step})


def value(folder) -> float:
    found = checkpoint.find_checkpoint(folder)
    checkpoint.read_state(found)
    return float(checkpoint.load_tensors(found, "model")["w"][0])


def test_a_checkpoint_replaces_the_one_before(tmp_path) -> None:
    folder = tmp_path / "last"
    save(folder, 1.0)
    save(folder, 2.0, step=7)
    assert value(folder) == 2.0
    assert checkpoint.read_state(folder)["step"] == 7
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_its_tensors_are_read_by_the_library_as_they_were(tmp_path) -> None:
    kinds = {name: torch.arange(6).reshape(2, 3).T.to(kind) for kind, name in checkpoint.NAMES.items()}
    tensors = {**kinds, "one number": torch.tensor(0.5), "none": torch.empty(0, 4)}
    checkpoint.save_checkpoint(tmp_path / "last", {"model": tensors}, {})
    found = load_file(tmp_path / "last" / "model.safetensors")
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


def test_a_full_disk_leaves_the_earlier_one(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "last"
    save(folder, 1.0)

    def full(path, values) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write", full)
    with pytest.raises(StorageError, match=r"no space is left on the disk.*the earlier checkpoint is kept"):
        save(folder, 2.0)
    assert value(folder) == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path) -> None:
    folder = tmp_path / "last"
    save(folder, 1.0)
    folder.rename(disk.set_aside(folder))
    assert checkpoint.has_checkpoint(folder)
    assert value(folder) == 1.0


def test_a_removed_run_is_not_made_anew(tmp_path) -> None:
    with pytest.raises(StorageError, match=r"its folder has been removed"):
        save(tmp_path / "run" / "checkpoints" / "last", 1.0)
    assert not (tmp_path / "run").exists()


def test_its_files_are_as_readable_as_any_other(tmp_path) -> None:
    save(tmp_path / "last", 1.0)
    (tmp_path / "other").touch()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "last").iterdir()}
    assert set(modes) == {"model.safetensors", "state.json"}
    assert set(modes.values()) == {(tmp_path / "other").stat().st_mode & 0o777}


@pytest.mark.parametrize("damage", ["flip", "cut", "delete", "json"])
def test_damage_is_noticed_and_named(tmp_path, damage: str) -> None:
    folder = tmp_path / "best"
    save(folder, 1.0)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
        weights.write_bytes(bytes(data))
    elif damage == "cut":
        weights.write_bytes(bytes(data[:-3]))
    elif damage == "delete":
        weights.unlink()
    else:
        (folder / "state.json").write_text(json.dumps({"step": 1}))
    name = "state.json" if damage == "json" else "model.safetensors"
    with pytest.raises(CheckpointError, match=name):
        value(folder)


def test_none_at_all_is_an_error(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.find_checkpoint(tmp_path / "last")
    assert not checkpoint.has_checkpoint(tmp_path / "last")


def test_weights_of_another_shape_do_not_fit(tmp_path) -> None:
    folder = tmp_path / "best"
    checkpoint.save_checkpoint(folder, {"model": torch.nn.Linear(2, 3).state_dict()}, {})
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoint.load_into(torch.nn.Linear(2, 4), folder, "model")
