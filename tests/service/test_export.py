"""An export says what the run says, in a process without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sracl_core.data.sequences import Sequences
from sracl_core.errors import InputError
from sracl_core.explorer import Explorer
from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import read_json, write_json
from sracl_core.methods import backbones
from sracl_core.models.build import build_encoder
from sracl_core.rules import Rules
from sracl_core.semantics.encode import LOADING
from sracl_core.service import exporting
from sracl_core.service.answering import Answers, Asked
from sracl_core.service.exported import open_export
from sracl_core.service.folder import CHECKED
from sracl_core.service.reloading import Source
from tests import forked
from tests.trained import ROOT

WITHOUT_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "sracl_core", "polars"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import json
from recommend import recommend
print(json.dumps([recommend(history) for history in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def export(loaded: LoadedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "export"
    about = exporting.export_run(loaded, out)
    assert about["largest_difference"] < 1e-4
    assert about["index"]["recall_at_10"] == 1.0
    return out


def histories(loaded: LoadedRun) -> list[list[str]]:
    """Of one item, of many, of a few again and again, of unknown ones among known ones and alone."""
    ids = loaded.dataset.items.ids
    whole = [[ids[item - 1] for item in loaded.dataset.sequences.of(user)] for user in range(6)]
    long = ids[:45]
    return [*whole, ids[7:8], long, ids[:3] * 400 + long, ["nowhere", ids[3]], ["nowhere"]]


def test_the_script_recommends_what_the_run_does(loaded: LoadedRun, export: Path) -> None:
    asked = histories(loaded)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(export)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    explorer = Explorer(loaded)
    for history, listed in zip(asked[:-2], json.loads(done.stdout), strict=False):
        expected = explorer.recommend(history=history).items
        assert [name for name, _ in listed] == [item.item for item in expected]
        assert [score for _, score in listed] == pytest.approx([i.score for i in expected], abs=1e-4)
    among, alone = json.loads(done.stdout)[-2:]
    assert among[0][0] == explorer.recommend(history=asked[-2][1:]).items[0].item
    counts = loaded.catalogue.popularity
    assert [count for _, count in alone] == sorted(counts.tolist(), reverse=True)[:10]


def test_the_script_says_what_it_does_not_know(loaded: LoadedRun, export: Path) -> None:
    known = loaded.dataset.items.ids[3]
    for words, popular in ((["nowhere", known], False), (["nowhere"], True), ([], True), ([known], False)):
        script = [sys.executable, str(export / "recommend.py"), *words]
        done = subprocess.run(script, capture_output=True, text=True, check=True)
        assert ("no such item: nowhere\n" in done.stderr) is ("nowhere" in words), done.stderr
        assert ("the most popular items" in done.stderr) is popular, done.stderr
        assert len(done.stdout.splitlines()) == 10


def test_a_service_of_it_needs_no_torch(loaded: LoadedRun, export: Path) -> None:
    code = (
        "import sys, json; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from sracl_core.service.answering import Answers, Asked\n"
        "from sracl_core.service.exported import open_export\n"
        "answers = Answers(open_export(Path(sys.argv[1])))\n"
        "print(json.dumps(answers.recommend(Asked(history=json.load(sys.stdin)))))"
    )
    history = histories(loaded)[0]
    done = subprocess.run(
        [sys.executable, "-c", code, str(export)],
        input=json.dumps(history),
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    expected = Explorer(loaded).recommend(history=history).items
    assert [item["item"] for item in json.loads(done.stdout)["items"]] == [item.item for item in expected]


def test_the_first_text_of_a_question_is_heard_of(loaded: LoadedRun, export: Path) -> None:
    for path in (loaded.run.path, export):
        told: list[str] = []
        source = Source(path, progress=lambda stage, done, total, told=told: told.append(stage))
        source.open().catalogue.encode(["a warm drink"])
        assert [*dict.fromkeys(told)] == [LOADING, "embed"]


def test_the_same_rules_hold(loaded: LoadedRun, export: Path) -> None:
    answers, explorer = Answers(open_export(export)), Explorer(loaded)
    for rules in (Rules(exclude_seen="no"), Rules(at_most="1:category"), Rules(diversity=0.5)):
        for history in histories(loaded)[:-2]:
            found = answers.recommend(Asked(history=history, rules=rules))
            expected = explorer.recommend(history=history, rules=rules)
            assert [item["item"] for item in found["items"]] == [item.item for item in expected.items]
            assert found["notes"] == expected.notes


def test_unknown_items_are_told_and_alone_give_the_most_popular(loaded: LoadedRun, export: Path) -> None:
    answers = Answers(open_export(export))
    found = answers.recommend(Asked(history=["nowhere"]))
    assert found["source"] == "popular"
    assert found["notes"] == ["1 item of the history is not known: nowhere"]
    assert answers.recommend(Asked(history=["nowhere", loaded.dataset.items.ids[0]]))["source"] == "history"
    with pytest.raises(InputError, match="an export knows no users"):
        answers.recommend(Asked(user="anybody"))
    with pytest.raises(InputError, match="there is no item"):
        answers.neighbors("nowhere")


def test_an_export_of_another_version(export: Path, tmp_path: Path) -> None:
    about = read_json(export / "export.json")
    assert about is not None
    for version, way in ((about["format_version"] + 1, "update sracl"), ("x", "export the run again")):
        write_json(tmp_path / "export.json", {**about, "format_version": version})
        with pytest.raises(InputError, match=way):
            open_export(tmp_path)
    write_json(tmp_path / "export.json", {**about, "format_version": about["format_version"] + 1})
    refused = forked.ran("serve", tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"error: {tmp_path} has format version 4, this program reads 2 and 3; update sracl"
    ]


def test_an_export_from_before_counts_is_answered_from(export: Path, tmp_path: Path) -> None:
    about = read_json(export / "export.json")
    assert about is not None
    before = shutil.copytree(export, tmp_path / "before")
    write_json(before / "export.json", {**about, "format_version": 2, "counts": [0.0, 0.0]})
    plain = open_export(before).scores([np.array([0, 0, 1])])
    older = {name: told for name, told in about.items() if name != "counts"}
    write_json(before / "export.json", {**older, "format_version": 2})
    np.testing.assert_array_equal(open_export(before).scores([np.array([0, 0, 1])]), plain)
    counted = open_export(export).scores([np.array([0, 0, 1])]) - plain
    expected = [[0.3 + 0.7 * np.log1p(2), 0.3 + 0.7 * np.log1p(1), 0.0]]
    np.testing.assert_allclose(counted[:, :3], expected, atol=1e-5)


@pytest.mark.parametrize("name", CHECKED)
def test_a_byte_that_changed_is_noticed(export: Path, tmp_path: Path, name: str) -> None:
    copied = shutil.copytree(export, tmp_path / "copy")
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is not as it was exported"):
        open_export(copied)
    (copied / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        open_export(copied)


def test_what_differs_from_the_run_is_refused(
    loaded: LoadedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = type(loaded.encoder).padded
    monkeypatch.setattr(type(loaded.encoder), "padded", lambda self, items: plain(self, items) * 1.01)
    with pytest.raises(InputError, match="differs from the run"):
        exporting.export_run(loaded, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["bert4rec", "bsarec", "gru4rec", "lares", "sasrec"])
def test_every_exported_backbone_scores_as_the_encoder(name: str, tmp_path: Path) -> None:
    import onnxruntime
    import torch

    settings = backbones()[name].settings(hidden_size=16, max_length=9)
    encoder = build_encoder(settings, 30, seed=3).eval()
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
        encoder.items.weight[0].zero_()
    exporting.write_onnx(encoder, tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"))
    rng = np.random.default_rng(0)
    for lengths in ((1,), (9,), (3, 9, 1, 5), (2, 2), (1, 1, 1)):
        rows = Sequences.from_lists([rng.integers(1, 31, length) for length in lengths])
        states = session.run(None, {"items": rows.padded().astype(np.int64)})[0]
        with torch.no_grad():
            expected = encoder.item_scores(encoder.encode(rows)).numpy()
        np.testing.assert_allclose(states @ encoder.searched.detach().numpy().T, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["fmlprec", "lrurec", "wearec", "comirec"])
def test_a_backbone_without_such_a_form_says_so(name: str, tmp_path: Path) -> None:
    encoder = build_encoder(backbones()[name].settings(hidden_size=16, max_length=9), 30)
    with pytest.raises(InputError, match="no form that can be exported; `sracl serve RUN`"):
        exporting.write_onnx(encoder, tmp_path / "encoder.onnx")
