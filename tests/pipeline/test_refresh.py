"""A dataset that grows, and a run that goes on from yesterday's weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from sracl_core.cli.main import run as sracl
from sracl_core.data.append import append
from sracl_core.data.dataset import load_dataset
from sracl_core.data.sequences import Sequences
from sracl_core.data.vocabulary import Vocabulary
from sracl_core.errors import ConfigError, DataError
from sracl_core.evaluation.metrics import mean_metrics
from sracl_core.files import write_json
from sracl_core.methods import backbones
from sracl_core.models.build import build_encoder
from sracl_core.models.text_map import from_text
from sracl_core.pipeline import fitting
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import train
from sracl_core.pipeline.warm import start_warm
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.studies.refreshed import compare_refreshed
from sracl_core.training.checkpoint import load_encoder
from sracl_core.training.inputs import read_vectors
from tests.tiny import given_counts, hashed_words, tiny_config, tiny_dataset, tiny_run

CHANGES = {"training.max_epochs": 2, "model.repeats": "counted", "model.evidence": "both"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a run of it, and the dataset of the day after."""
    base = tmp_path_factory.mktemp("refresh")
    tiny_dataset(base)
    old = load_dataset(base / "tiny")
    last = int(old.timestamps.max())
    first, second = old.users.ids[:2]
    known = old.items.ids[:2]
    rows = [(first, "brand-new", last + 50), (second, known[1], last + 60)]
    rows += [("newcomer", item, last + 100 + at) for at, item in enumerate((*known, "brand-new"))]
    lines = [f"{user},{item},{time}" for user, item, time in rows]
    (base / "new.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]))
    titles = old.titles()
    (base / "more.csv").write_text(f'item_id,title\nbrand-new,"{titles[1]}"\n')
    append(base / "tiny", [base / "new.csv", base / "more.csv"], base / "grown")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setattr(fitting, "fit_counts", given_counts)
        run = tiny_run(tiny_config(base / "tiny", CHANGES), base / "runs")
        fresh = new_run(
            tiny_config(base / "grown", {**CHANGES, "training.max_epochs": 1}), base / "runs", "b", run
        )
        with RunWriter(fresh) as writer:
            train(fresh, writer)
    return base


def run_named(base: Path, name: str) -> RunDirectory:
    return RunDirectory(next(path for path in (base / "runs").iterdir() if path.name.endswith(f"-{name}")))


def test_what_was_there_stays_and_what_is_new_comes_behind(base: Path) -> None:
    old, grown = load_dataset(base / "tiny"), load_dataset(base / "grown")
    assert grown.n_users == old.n_users + 1
    assert grown.n_items == old.n_items + 1
    assert grown.n_interactions == old.n_interactions + 5

    def history(dataset: object, user: str) -> list[str]:
        items = dataset.sequences.of(dataset.users.index(user))  # type: ignore[attr-defined]
        return [dataset.items.id_of(int(item)) for item in items]  # type: ignore[attr-defined]

    first, second, *others = old.users.ids
    assert history(grown, first) == [*history(old, first), "brand-new"]
    assert history(grown, second) == [*history(old, second), old.items.ids[1]]
    assert all(history(grown, user) == history(old, user) for user in others)
    titles = dict(zip(grown.items.ids, grown.titles()[1:], strict=True))
    assert titles["brand-new"] == old.titles()[1]
    assert {name: titles[name] for name in old.items.ids} == dict(
        zip(old.items.ids, old.titles()[1:], strict=True)
    )
    assert grown.name == old.name


def test_times_of_another_kind_are_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(
        "user_id,item_id,timestamp\n" + "\n".join(f"a,b,{at}" for at in (1, 2, 3))
    )
    with pytest.raises(DataError, match="not of one kind"):
        append(base / "tiny", [tmp_path / "new.csv"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_starts_from_yesterday_s_weights(base: Path) -> None:
    earlier, fresh = run_named(base, "tiny"), run_named(base, "b")
    assert fresh.meta()["started_from"]["run"] == earlier.name
    old, grown = load_dataset(base / "tiny"), load_dataset(base / "grown")
    theirs = load_encoder(earlier)
    started = load_encoder(fresh)
    vectors = np.asarray(read_vectors(fresh))
    assert start_warm(fresh.model_dir / "start", started, grown.items, vectors) == (old.n_items, 1)
    for name, row in zip(old.items.ids, range(1, old.n_items + 1), strict=True):
        assert torch.equal(started.items.weight[grown.items.index(name)], theirs.items.weight[row])
    for (name, weight), (_, given) in zip(
        started.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == "items.weight" or name.startswith("evidence.") or torch.equal(weight, given)
    rows = np.array([grown.items.index(name) for name in old.items.ids])
    at = grown.items.index("brand-new")
    mapped = from_text(vectors[rows - 1], theirs.items.weight[1:].detach().numpy(), vectors[at - 1 : at])[0]
    np.testing.assert_allclose(started.items.weight[at].detach().numpy(), mapped, rtol=1e-5)
    with np.load(fresh.ranks_path) as ranks:
        assert len(ranks["test_users"]) == grown.n_users


def test_both_are_asked_for_the_events_of_the_grown_log(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live, fresh = (
        run_named(base, "tiny"),
        RunDirectory(shutil.copytree(run_named(base, "b").path, tmp_path / "b")),
    )
    found = compare_refreshed(live, fresh)
    old, grown = load_dataset(base / "tiny"), load_dataset(base / "grown")
    encoder, ranks = load_encoder(live), []
    for user in range(grown.n_users):
        names = [grown.items.id_of(int(item)) for item in grown.sequences.of(user)]
        known = [old.items.index(name) for name in names[:-1] if name in old.items]
        if names[-1] not in old.items:
            ranks.append(grown.n_items)
            continue
        rows = Sequences.from_lists([known])
        with torch.no_grad():
            scores = encoder.score(encoder.encode(rows.latest(encoder.max_length)), rows)[0].numpy()
        ranks.append(int((scores >= scores[old.items.index(names[-1]) - 1]).sum()))
    expected = mean_metrics(np.array(ranks), (5, 10, 20))
    assert {name: values[0] for name, values in found["metrics"]["unmasked"].items()} == pytest.approx(
        expected
    )
    own = (fresh.results() or {})["test"]["unmasked"]
    assert {name: values[1] for name, values in found["metrics"]["unmasked"].items()} == pytest.approx(own)
    assert found["unknown_targets"] == 2
    assert found["may_go_live"]

    with np.load(fresh.ranks_path) as stored:
        arrays = dict(stored)
    for name in ("test_unmasked", "test_masked"):
        arrays[name] = np.full_like(arrays[name], grown.n_items)
    np.savez(fresh.ranks_path, **arrays)
    words = ["runs", "compare", str(live.path), str(fresh.path), "--refreshed"]
    assert sracl(words) == 1
    assert "may not go live: unmasked/NDCG@20 differs by -0." in capsys.readouterr().err
    shutil.copytree(live.path, tmp_path / "third")
    assert sracl([*words, str(tmp_path / "third")]) == 2
    assert "--refreshed compares two runs" in capsys.readouterr().err


def test_the_map_from_text_is_the_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    vectors, true = rng.standard_normal((200, 5)), rng.standard_normal((5, 3))
    embeddings = vectors @ true + 4.0
    asked = rng.standard_normal((7, 5))
    found = from_text(vectors.astype("f4"), embeddings.astype("f4"), asked.astype("f4"))
    np.testing.assert_allclose(found, asked @ true + 4.0, atol=0.1)


def test_weights_that_do_not_fit_are_refused(base: Path) -> None:
    earlier = run_named(base, "tiny")
    before = set((base / "runs").iterdir())
    with pytest.raises(ConfigError, match=r"model.hidden_size is 8, and 16 in .*model.hidden_size=16"):
        new_run(tiny_config(base / "grown", {"model.hidden_size": 8}), base / "runs", "c", earlier)
    assert set((base / "runs").iterdir()) == before
    assert pl.read_parquet(base / "grown/interactions.parquet").height


@pytest.mark.parametrize("name", ["sasrec", "bert4rec"])
def test_only_what_an_item_has_of_its_own_goes_with_it(name: str, tmp_path: Path) -> None:
    """However many rows other weights have: here positions have as many as there are items, or one more."""
    ids = [f"i{number}" for number in range(9)]
    settings = backbones()[name].settings(hidden_size=8, max_length=10 if name == "sasrec" else 9)
    before, after = (build_encoder(settings, 9, seed) for seed in (1, 2))
    with torch.no_grad():
        for weight in before.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(3)))
    save_file(before.state_dict(), tmp_path / "model.safetensors")
    write_json(tmp_path / "items.json", {"ids": ids[::-1]})
    start_warm(tmp_path, after, Vocabulary(ids, first=1), None)
    for (weight_name, weight), (_, given) in zip(
        after.state_dict().items(), before.state_dict().items(), strict=True
    ):
        first = {"items.weight": 1, "item_bias_N": 0}.get(weight_name)
        if first is None:
            assert torch.equal(weight, given), weight_name
        else:
            assert torch.equal(weight[first:], given[first:].flip(0)), weight_name


def test_items_without_embeddings_of_their_own_are_refused(base: Path, tmp_path: Path) -> None:
    changes = {"model.name": "rpg", "model.digits": 4, "model.codebook": 4, "training.max_epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        patch.setattr(TextEncoder, "encode", hashed_words)
        earlier = tiny_run(tiny_config(base / "tiny", changes), tmp_path / "runs")
        with pytest.raises(ConfigError, match="is a rpg, whose items have no embeddings of their own"):
            new_run(tiny_config(base / "grown", changes), tmp_path / "runs", "c", earlier)
