"""Items that came after training are recommended, exported and served by what their texts say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from sracl_core.cli.main import run as sracl
from sracl_core.data.prefixes import Prefixes, query_prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.errors import InputError, RunError
from sracl_core.explorer import Explorer, adding
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.mapping import COST, RIDGES, choose, raising
from sracl_core.methods import backbones
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.build import build_encoder, with_items
from sracl_core.models.text_map import from_text
from sracl_core.pipeline import fitting
from sracl_core.runs.directory import RunDirectory
from sracl_core.semantics.encode import TextEncoder
from sracl_core.service import asked, batch, exporting
from sracl_core.service.answering import Answers, Asked
from sracl_core.service.exported import open_export
from sracl_core.service.reloading import Source
from tests.tiny import given_counts, hashed_words, tiny_config, tiny_dataset, tiny_run

NOTE = "came after training: what is known of them is their text"


@pytest.fixture(scope="module", autouse=True)
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("adding")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setattr(fitting, "fit_counts", given_counts)
        yield base


@pytest.fixture(scope="module")
def trained(hashed: Path) -> RunDirectory:
    changes = {"training.max_epochs": 2, "model.evidence": "both", "model.repeats": "counted"}
    return tiny_run(tiny_config(tiny_dataset(hashed), changes), hashed / "runs")


@pytest.fixture
def run(trained: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy that may be changed."""
    return RunDirectory(shutil.copytree(trained.path, tmp_path / trained.name))


@pytest.fixture
def new(run: RunDirectory, tmp_path: Path) -> Path:
    """Two new items, the first with the very attributes of one that was trained; one known, one mute."""
    own = LoadedRun.open(run.path).dataset.item_table()
    rows = (
        own.row(7, named=True) | {"item_id": "twin"},
        own.row(3, named=True) | {"item_id": "new, two"},
        own.row(0, named=True),
        dict.fromkeys(own.columns) | {"item_id": "mute"},
    )
    table = pl.DataFrame(rows, schema=own.schema)
    table.with_columns(shelf=pl.lit("a")).write_csv(tmp_path / "new.csv")
    return tmp_path / "new.csv"


def test_what_is_added_is_known_everywhere(
    run: RunDirectory, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = LoadedRun.open(run.path)
    user = before.dataset.users.ids[0]
    held_out = Explorer(before).recommend(user).held_out
    source = Source(run.path)
    source.open()
    assert not source.changed()
    assert sracl(["items", "add", str(run.path), str(new), "--lift", "0"]) == 0
    said = capsys.readouterr().err
    for text in (
        "loading",
        "1 item is known from training, and left so",
        "1 item has no text and is left out (mute)",
        "shelf",
        "2 items added",
    ):
        assert text in said
    assert "map from text" not in said, "nothing was ranked with a lift that somebody gave"
    assert source.changed()

    loaded, n = LoadedRun.open(run.path), before.dataset.n_items
    assert loaded.dataset.items.ids == [*before.dataset.items.ids, "twin", "new, two"]
    vectors = np.asarray(before.item_vectors)
    np.testing.assert_allclose(loaded.item_vectors[n], vectors[7], atol=1e-6)
    about = json.loads((run.path / "added/added.json").read_text())
    weights = before.encoder.items.weight[1:].detach().numpy()
    mapped = from_text(vectors, weights, vectors[[7, 3]], about["ridge"])
    expected = weights.mean(axis=0) + about["scale"] * (mapped - weights.mean(axis=0))
    np.testing.assert_allclose(loaded.encoder.items.weight[n + 1 :].detach().numpy(), expected, atol=1e-6)

    explorer = Explorer(loaded)
    assert explorer.info()["added_items"] == 2
    assert explorer.recommend(user).held_out == held_out
    assert explorer.neighbors_of_item("twin").neighbors[0].item == before.dataset.items.id_of(8)
    every = explorer.recommend(history=["twin"], k=n + 1)
    assert "new, two" in {item.item for item in every.items}
    assert every.notes == [f"1 of these items {NOTE}"]
    assert not any(NOTE in note for note in Explorer(before).recommend(user, k=n).notes)

    people = asked.every_user(loaded.dataset, loaded.histories, "test")
    written = batch.write_lists(loaded, people, n + 2, tmp_path / "recs.parquet")
    assert (written.added, written.taken) == (2 * 40, 0)
    exporting.export_run(loaded, tmp_path / "live")
    for model in (open_export(tmp_path / "live"), source.open()):
        found = Answers(model).recommend(Asked(history=["twin"], k=n + 1))
        assert [item["item"] for item in found["items"]] == [item.item for item in every.items]
        assert found["notes"] == every.notes


def test_adding_again_replaces_and_removing_takes_out(
    run: RunDirectory, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sracl(["items", "add", str(run.path), str(new)]) == 0
    assert "map from text" in capsys.readouterr().err
    (tmp_path / "more.csv").write_text("item_id,name\ntwin,Rose soap\nthird,Comb\n")
    assert sracl(["items", "add", str(run.path), str(tmp_path / "more.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["again"], told["total"]) == (1, 1, 3)
    loaded = LoadedRun.open(run.path)
    assert dict(zip(loaded.dataset.items.ids, loaded.titles[1:], strict=True))["twin"] == "Rose soap"
    whole = {
        name: loaded.encoder.items.weight[loaded.dataset.items.index(name)] for name in ("twin", "third")
    }
    assert sracl(["items", "remove", str(run.path), "new, two"]) == 0
    loaded = LoadedRun.open(run.path)
    assert loaded.dataset.items.ids[-2:] == ["twin", "third"]
    for name, row in whole.items():
        assert torch.equal(loaded.encoder.items.weight[loaded.dataset.items.index(name)], row)
    assert sracl(["items", "remove", str(run.path), "nothing"]) == 2
    assert "was not added" in capsys.readouterr().err
    assert sracl(["items", "remove", str(run.path), "--all"]) == 0
    assert LoadedRun.open(run.path).added is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("item_id,title\n{known},Soap\n", "none of the 1 in the table is new to the run"),
        ("item_id,title\nx,\n", "'x' has no title"),
        ("item_id,title\nx,a\nx,b\n", "item id 'x' is there already"),
        ("title,price\na,1\n", "no item column"),
    ],
)
def test_a_table_that_adds_nothing(
    run: RunDirectory, tmp_path: Path, text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    known = LoadedRun.open(run.path).dataset.items.ids[0]
    (tmp_path / "new.csv").write_text(text.format(known=known))
    assert sracl(["items", "add", str(run.path), str(tmp_path / "new.csv")]) == 2
    assert expected in capsys.readouterr().err
    assert not (run.path / "added").exists()


def test_damage_and_other_weights_are_noticed(run: RunDirectory, new: Path, tmp_path: Path) -> None:
    assert sracl(["items", "add", str(run.path), str(new), "-q"]) == 0
    for path in sorted((run.path / "added").iterdir()):
        content = path.read_bytes()
        changed = bytearray(content)
        changed[len(changed) // 2] ^= 1
        path.write_bytes(changed)
        with pytest.raises(RunError, match=r"added.*(not as it was written|other weights).*items remove"):
            LoadedRun.open(run.path)
        path.write_bytes(content)
    about = json.loads((run.path / "added/added.json").read_text())
    about.pop("sha256")
    (run.path / "added/added.json").write_text(json.dumps({**about, "model": "x"}))
    with pytest.raises(RunError, match="were added to other weights"):
        LoadedRun.open(run.path)
    assert sracl(["items", "remove", str(run.path), "--all"]) == 0
    LoadedRun.open(run.path)


@pytest.mark.parametrize("name", sorted(backbones()))
def test_every_backbone_takes_new_items(name: str) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, 8)).astype(np.float32)
    small = {"digits": 2, "codebook": 4} if name == "rpg" else {}
    settings = backbones()[name].settings(hidden_size=8, max_length=6, **small)
    encoder = build_encoder(settings, 60, seed=1).eval()
    encoder.start_from_texts(vectors)
    # The text vectors are the weights' only source here, so that the map meets them.
    larger = with_items(settings, encoder, encoder.new_rows(vectors, vectors[[4, 9]], 1e-6))
    rows = Sequences.from_lists([[5, 10, 2], [3]])
    with torch.no_grad():
        old, found = encoder.score(encoder.encode(rows), rows), larger.score(larger.encode(rows), rows)
        swapped = Sequences.from_lists([[61, 62, 2], [3]])
        torch.testing.assert_close(found[:, :60], old)
        torch.testing.assert_close(found[:, 60:], old[:, [4, 9]], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(larger.encode(swapped), encoder.encode(rows), atol=1e-4, rtol=1e-3)


def test_the_ridge_is_chosen_by_items_that_it_has_not_seen(trained: RunDirectory) -> None:
    """Where texts are exact a weak penalty must win, where they are mostly noise a strong one."""
    loaded = LoadedRun.open(trained.path)
    n, rng = loaded.dataset.n_items, np.random.default_rng(0)
    learned = loaded.encoder.items.weight[1:].detach().numpy()
    exact = np.concatenate([learned / learned.std(), 1e-2 * rng.standard_normal((n, 4))], axis=1)
    noisy = np.concatenate([learned / learned.std(), rng.standard_normal((n, 400))], axis=1)
    chosen = {}
    for kind, vectors in (("exact", exact), ("noisy", noisy)):
        heard: list[tuple[str, int, int]] = []
        found = choose(
            loaded.encoder,
            vectors.astype(np.float32),
            loaded.prefixes,
            validation(loaded),
            3,
            lambda *told, heard=heard: heard.append(told),
        )
        assert [done for _, done, _ in heard] == list(range(heard[0][2] + 1)), (
            "a step each, so that it has an ETA"
        )
        assert list(found.tried) == [f"{ridge:g}" for ridge in RIDGES]
        assert found.tried[f"{found.ridge:g}"] == max(found.tried.values())
        chosen[kind] = found.ridge
        # No scale and no lift is among what is tried, and costs the others nothing.
        assert found.ranked["held out"] >= found.ranked["held out, plain"]
        assert found.ranked["trained"] >= (1 - COST) * found.ranked["trained, plain"]
    assert chosen["exact"] < chosen["noisy"]


def validation(loaded: LoadedRun) -> Prefixes:
    split = loaded.trained.split
    return query_prefixes(loaded.dataset.sequences, split.valid_users, split.valid_ends, 50)


@pytest.mark.parametrize("kind", ["transitions", "words"])
def test_only_the_words_of_a_trained_item_stand_for_a_new_one(trained: RunDirectory, kind: str) -> None:
    """One item is told of after every history; held out, what followed what must not raise it."""
    loaded = LoadedRun.open(trained.path)
    encoder, valid = loaded.encoder, validation(loaded)
    assert encoder.evidence is not None
    of_one = valid.at(np.flatnonzero(valid.targets == np.bincount(valid.targets).argmax()))
    place = encoder.evidence.kinds.index(kind)
    encoder.evidence.shares.zero_()
    encoder.evidence.items[place, :, 0] = int(of_one.targets[0])
    encoder.evidence.shares[place, :, 0] = 1.0
    encoder.evidence.lift.zero_()
    vectors, found = np.asarray(loaded.item_vectors), []
    for weight in (0.0, 2.0):
        encoder.evidence.weights.fill_(weight)
        found.append(choose(encoder, vectors, loaded.prefixes, of_one, seed=1).ranked)
    assert found[1]["trained, plain"] > found[0]["trained, plain"]
    if kind == "words":
        assert found[1]["held out, plain"] > found[0]["held out, plain"]
    else:
        assert found[1]["held out, plain"] == pytest.approx(found[0]["held out, plain"])


def test_a_lift_raises_new_items_and_no_others(run: RunDirectory, new: Path) -> None:
    history = [LoadedRun.open(run.path).dataset.sequences.of(0)]
    scores = {}
    for lift in ("0", "2"):
        assert sracl(["items", "add", str(run.path), str(new), "-q", "--lift", lift]) == 0
        scores[lift] = LoadedRun.open(run.path).scores(history)[0]
    rise = scores["2"] - scores["0"]
    assert np.abs(rise[:-2]).max() < 1e-6
    deviation = scores["0"][:-2].std()
    assert 1.0 * deviation < rise[-1] < 3.0 * deviation
    states = np.random.default_rng(0).standard_normal((50, 4)) + np.array([3.0, 0, 0, 0])
    assert (states @ raising(states.astype(np.float32))).mean() == pytest.approx(1.0, abs=0.1)


def test_texts_of_a_language_model_cannot_be_made_of_a_table(
    run: RunDirectory, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = LoadedRun.open(run.path)
    semantics = opened.config.semantics.model_copy(update={"items": "llm"})
    opened.config = opened.config.model_copy(update={"semantics": semantics})
    monkeypatch.setattr(adding.LoadedRun, "open", lambda *_, **__: opened)
    with pytest.raises(InputError, match="written by a language model"):
        adding.add_items(run.path, pl.DataFrame({"item_id": ["x"], "title": ["y"]}))


def test_where_scores_are_no_products_nothing_is_raised(
    run: RunDirectory, new: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SequenceEncoder, "linear", False)
    assert sracl(["items", "add", str(run.path), str(new), "--lift", "1"]) == 2
    assert "is a sasrec, whose items cannot be raised; leave lift out" in capsys.readouterr().err
    assert not (run.path / "added").exists()
    assert sracl(["items", "add", str(run.path), str(new)]) == 0
    assert "2 items added" in capsys.readouterr().err
